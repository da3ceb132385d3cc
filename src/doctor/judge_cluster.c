/* SPDX-License-Identifier: Apache-2.0 */
/* What it means what -check -hosts has found out: facts in, findings out, nothing is asked. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/target.h"
#include "doctor/cluster.h"

/* ---- a host ---- */

static const char *host_cure(int error)
{
    switch (error) {
    case -ENOENT:
        return "correct the list, or the DNS or /etc/hosts of this host";
    case -ECONNREFUSED:
        return "start epmd there, which a node does as it starts; one that runs may listen on "
               "other "
               "addresses or another port";
    case -ENODATA:
        return "let it list names for this host: -allow_names";
    case -EPROTO:
    case -EMSGSIZE:
        return "end what has epmd's port there, and start epmd";
    case -ETIME:
    case -ENOBUFS:
        return "check fewer hosts at once";
    default:
        return "see whether the host is up, and which firewall is between it and this one: \"epmd "
               "-check @HOST\" says more";
    }
}

static void judge_silence(const struct survey_host *host, const char *step,
                          struct findings *findings)
{
    char reason[SURVEY_REASON_SIZE];
    survey_format_reason(host, reason);
    findings_begin(findings, step);
    findings_say(findings, "%s", reason);
    findings_cure(findings, "%s", host_cure(host->status));
    findings_judge(findings, host->status == -ETIME ? FINDINGS_SKIPPED : FINDINGS_FAILED,
                   target_error_cause(host->status));
}

/* ---- a node ---- */

static void begin_node(const struct cluster_node *node, const char *step, struct findings *findings)
{
    findings_begin(findings, step);
    findings_say(findings, "node ");
    findings_say_quoted(findings, node->info->name, node->info->name_len);
    findings_say(findings, ", port %u: ", (unsigned)node->info->port);
}

static void judge_not_tried(const struct cluster_node *node, const char *step,
                            struct findings *findings)
{
    begin_node(node, step, findings);
    findings_say(findings, node->is_known ? "not tried, as the time was up"
                                          : "not tried, as its epmd tells no more than name and "
                                            "port");
    if (!node->is_known) {
        findings_cure(findings, "let that epmd look names up for this host: -allow_lookup");
    }
    findings_judge(findings, FINDINGS_SKIPPED, node->is_known ? "not_asked" : "not_allowed");
}

static void judge_no_connection(const struct cluster_node *node, const char *step,
                                struct findings *findings)
{
    bool is_refused = node->status == -ECONNREFUSED;
    begin_node(node, step, findings);
    findings_say(findings, "%s",
                 is_refused                   ? "connection refused"
                 : node->status == -ETIMEDOUT ? "nothing comes back"
                                              : strerror(-node->status));
    findings_cure(findings, "%s",
                  is_refused ? "the node listens on another address, or its registration is stale: "
                               "\"epmd -names -l\" on that host shows whose it is"
                             : "see which firewall is between the hosts; fixed ports for nodes "
                               "(inet_dist_listen_min and _max) make its rules short");
    findings_judge(findings, FINDINGS_FAILED, target_error_cause(node->status));
}

static void judge_stranger(const struct cluster_node *node, const char *step,
                           struct findings *findings)
{
    bool is_silent = node->answer.kind != DISTRIBUTION_OTHER;
    begin_node(node, step, findings);
    findings_say(findings, is_silent ? "accepts, but does not answer as a node does"
                                     : "what answers is no node");
    findings_cure(findings, is_silent
                                ? "the node hangs, or another program has its port: see its log"
                                : "another program has the port, and the registration is stale: "
                                  "\"epmd -names -l\" on that host shows whose it is");
    findings_judge(findings, FINDINGS_FAILED, is_silent ? "silent_node" : "not_a_node");
}

static void say_own_name(const struct cluster_node *node, struct findings *findings)
{
    findings_say(findings, "calls itself ");
    findings_say_quoted(findings, node->answer.name, node->answer.name_len);
}

/* Whether the part before the @ is what the node has registered. */
static bool has_own_name(const struct cluster_node *node)
{
    const struct distribution_answer *answer = &node->answer;
    size_t len = node->info->name_len;
    return answer->name_len > len && answer->name[len] == '@' &&
           memcmp(answer->name, node->info->name, len) == 0;
}

static void judge_place(const struct cluster_node *node, const char *step,
                        struct findings *findings)
{
    bool is_nowhere = node->place == CLUSTER_NOWHERE;
    begin_node(node, step, findings);
    say_own_name(node, findings);
    findings_say(findings, is_nowhere ? ", and from here that host has no address"
                                      : ", and from here that host is another one");
    findings_cure(findings,
                  "let the DNS or /etc/hosts of this host and of the others lead that name "
                  "to the node's host, or start the node under a name that does%s",
                  is_nowhere ? "" : "; if both are one host, list it by that name alone");
    findings_judge(findings, FINDINGS_FAILED, is_nowhere ? "unresolvable" : "resolves_elsewhere");
}

static bool is_address(const char *host)
{
    struct address address;
    return address_parse(host, &address) == 0;
}

/* A host that was asked by its address says nothing of the name that its nodes have for it. */
static bool has_other_host(const struct cluster_node *node)
{
    const char *asked = node->host->entry->name;
    return node->own_host[0] != '\0' && !is_address(asked) && strcmp(node->own_host, asked) != 0;
}

static void judge_name(const struct cluster_node *node, const char *step, struct findings *findings)
{
    if (!has_own_name(node)) {
        begin_node(node, step, findings);
        say_own_name(node, findings);
        findings_cure(findings, "another node has its port: the registration is stale");
        findings_judge(findings, FINDINGS_FAILED, "other_name");
    } else if (node->place == CLUSTER_NOWHERE || node->place == CLUSTER_ELSEWHERE) {
        judge_place(node, step, findings);
    } else if (has_other_host(node)) {
        begin_node(node, step, findings);
        say_own_name(node, findings);
        findings_say(findings, ": peers that use the name by which its host was asked are refused");
        findings_cure(findings, "connect to it by its own name, and list its host by that");
        findings_judge(findings, FINDINGS_WARNING, "other_name");
    }
}

static void judge_few(const struct cluster_node *node, const char *step, struct findings *findings)
{
    begin_node(node, step, findings);
    findings_say(findings, "allows connections from some nodes only");
    findings_cure(findings, "let it allow the others, too: net_kernel:allow/1");
    findings_judge(findings, FINDINGS_WARNING, "node_allows_few");
}

static bool is_normal(const struct cluster_node *node)
{
    return node->info->type == PROTOCOL_TYPE_NORMAL;
}

/* Adds what is wrong with a node, if anything is. */
static void judge_node(const struct cluster_node *node, const char *step, struct findings *findings)
{
    if (node->is_known && !is_normal(node)) {
        return;
    }
    if (!node->is_knocked) {
        judge_not_tried(node, step, findings);
    } else if (!node->connected) {
        judge_no_connection(node, step, findings);
    } else if (node->answer.kind == DISTRIBUTION_NODE) {
        judge_name(node, step, findings);
    } else if (node->answer.kind == DISTRIBUTION_STATUS) {
        if (strcmp(node->answer.status, "not_allowed") == 0) {
            judge_few(node, step, findings);
        }
    } else if (node->answer.kind != DISTRIBUTION_TLS) {
        judge_stranger(node, step, findings);
    }
}

/* ---- a host and its nodes ---- */

static void judge_host(const struct survey_host *host, const struct cluster_node *nodes, size_t n,
                       const char *step, struct findings *findings)
{
    if (host->status < 0) {
        judge_silence(host, step, findings);
    }
    for (size_t i = 0; i < n; i++) {
        judge_node(&nodes[i], step, findings);
    }
}

static void say_well(const struct cluster_node *nodes, size_t n, const char *step,
                     struct findings *findings)
{
    size_t n_left = 0;
    for (size_t i = 0; i < n; i++) {
        n_left += !is_normal(&nodes[i]);
    }
    findings_begin(findings, step);
    findings_say(findings, n == 0 ? "no nodes" : n == 1 ? "1 node" : "%zu nodes", n);
    if (n > n_left) {
        findings_say(findings, n - n_left == 1 ? ": 1 answers" : ": %zu answer", n - n_left);
    }
    if (n_left > 0) {
        findings_say(findings, "%s %zu registered, not connected to", n > n_left ? "," : ":",
                     n_left);
    }
    findings_judge(findings, FINDINGS_OK, NULL);
}

/* Adds the line of each host of which there is nothing to find; then what there is of the others.
 */
static void judge_hosts(const struct cluster *cluster, const char *const *steps,
                        struct findings *findings)
{
    for (int pass = 0; pass < 2; pass++) {
        const struct cluster_node *nodes = cluster->nodes; /* those of a host stand together */
        for (size_t i = 0; i < cluster->survey.n; i++) {
            struct findings found = {0};
            const struct survey_host *host = &cluster->survey.hosts[i];
            size_t n = host->list.n;
            judge_host(host, nodes, n, steps[i], pass == 0 ? &found : findings);
            if (pass == 0 && found.n == 0) {
                say_well(nodes, n, steps[i], findings);
            }
            findings_deinit(&found);
            nodes += n;
        }
    }
}

/* ---- the cluster ---- */

static int compare_names(const void *a, const void *b)
{
    const struct cluster_node *left = *(const struct cluster_node *const *)a;
    const struct cluster_node *right = *(const struct cluster_node *const *)b;
    size_t len = left->answer.name_len < right->answer.name_len ? left->answer.name_len
                                                                : right->answer.name_len;
    int order = memcmp(left->answer.name, right->answer.name, len);
    return order ? order
                 : (left->answer.name_len > right->answer.name_len) -
                       (left->answer.name_len < right->answer.name_len);
}

/* One node may be found twice: at two addresses of its host, or by two of its names. It has one
 * port and one creation then, and an epmd gives no two nodes the same creation but by chance. An
 * older node tells none: of two of these the host's name in their name leads to one at the most. */
static bool are_two(const struct cluster_node *a, const struct cluster_node *b)
{
    if (a->info->port != b->info->port || a->answer.creation != b->answer.creation) {
        return true;
    }
    return a->answer.creation == 0 &&
           (a->place == CLUSTER_ELSEWHERE || b->place == CLUSTER_ELSEWHERE);
}

static void judge_twins(const struct cluster_node *a, const struct cluster_node *b,
                        struct findings *findings)
{
    char one[HOSTS_TEXT_SIZE], other[HOSTS_TEXT_SIZE];
    hosts_format(a->host->entry, a->host->entry->port, one);
    hosts_format(b->host->entry, b->host->entry->port, other);
    findings_begin(findings, "cluster");
    findings_say_quoted(findings, a->answer.name, a->answer.name_len);
    findings_say(findings, " is there twice: %s port %u, and %s port %u", one,
                 (unsigned)a->info->port, other, (unsigned)b->info->port);
    findings_cure(findings, "end one of them, or start it under the name of its own host");
    findings_judge(findings, FINDINGS_FAILED, "registered_twice");
}

static void judge_names(const struct cluster *cluster, struct findings *findings)
{
    size_t n = 0;
    const struct cluster_node **named = calloc(cluster->n + 1, sizeof *named); /* NOLINT */
    if (!named) {
        findings->has_lost = true;
        return;
    }
    for (size_t i = 0; i < cluster->n; i++) {
        if (cluster->nodes[i].answer.kind == DISTRIBUTION_NODE) {
            named[n++] = &cluster->nodes[i];
        }
    }
    qsort(named, n, sizeof *named, compare_names); /* NOLINT */
    for (size_t i = 1; i < n; i++) {
        if (compare_names(&named[i - 1], &named[i]) == 0 && are_two(named[i - 1], named[i])) {
            judge_twins(named[i - 1], named[i], findings);
        }
    }
    free(named);
}

void cluster_judge(const struct cluster *cluster, const char *const *steps,
                   struct findings *findings)
{
    judge_hosts(cluster, steps, findings);
    judge_names(cluster, findings);
}
