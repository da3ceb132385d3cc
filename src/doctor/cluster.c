/* SPDX-License-Identifier: Apache-2.0 */
/* What -check -hosts finds out of a cluster. */
#include "doctor/cluster.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/progress.h"
#include "system/clock.h"

#define CHECKER "epmd-check%zu@localhost"
#define CHECKER_SIZE 64
#define REPLY_MAX 1280 /* a status and a challenge with the longest name */
#define THREADS_MAX 16

/* ---- each phase ---- */

static void phase_start(struct cluster *cluster, size_t n_to_do)
{
    cluster->n_done = 0;
    cluster->n_to_do = n_to_do;
}

static void phase_count(struct cluster *cluster)
{
    if (++cluster->n_done == cluster->n_to_do) {
        event_base_loopbreak(cluster->survey.base);
    }
}

/* Runs the loop until all is done, or the time is up. */
static void phase_run(struct cluster *cluster, progress_writer *write, int64_t deadline_ms)
{
    struct progress progress;
    int64_t left_ms = deadline_ms - clock_now_ms();
    if (left_ms > 0 && cluster->n_done < cluster->n_to_do) {
        progress_init(&progress, cluster->survey.base, write, cluster);
        flight_run_loop(cluster->survey.base, left_ms);
        progress_deinit(&progress);
    }
    cluster->is_whole &= cluster->n_done >= cluster->n_to_do;
}

/* ---- knocking ---- */

static size_t write_hello(const struct flight_call *call, uint8_t bytes[FLIGHT_REQUEST_MAX])
{
    const struct cluster_node *node = call->owner;
    char checker[CHECKER_SIZE];
    snprintf(checker, sizeof checker, CHECKER, node->rank);
    return distribution_encode_hello(bytes, node->info->highest, checker);
}

static bool is_hello_answer(const uint8_t *bytes, size_t len)
{
    struct distribution_answer answer;
    distribution_decode_answer(bytes, len, &answer);
    return answer.is_whole;
}

/* The host of NAME@HOST. */
static void node_take_name(struct cluster_node *node)
{
    const struct distribution_answer *answer = &node->answer;
    const uint8_t *at = memchr(answer->name, '@', answer->name_len);
    if (at) {
        size_t len = answer->name_len - (size_t)(at + 1 - answer->name);
        snprintf(node->own_host, sizeof node->own_host, "%.*s", (int)len, (const char *)at + 1);
    }
}

static void on_knocked(struct flight_call *call)
{
    struct cluster_node *node = call->owner;
    node->is_knocked = call->status != -ETIME;
    node->connected = call->connected;
    node->status = call->status;
    distribution_decode_answer(call->reply, call->len, &node->answer);
    if (node->answer.kind == DISTRIBUTION_NODE) {
        node_take_name(node);
    }
    phase_count(node->cluster);
}

static const struct flight_kind knock_kind = {
    .timeout_ms = CLUSTER_KNOCK_MS,
    .reply_max = REPLY_MAX,
    .write = write_hello,
    .is_enough = is_hello_answer,
    .done = on_knocked,
};

static bool may_knock(const struct cluster_node *node)
{
    return node->is_known && node->info->type == PROTOCOL_TYPE_NORMAL;
}

static void write_knocks(const void *argument, char text[PROGRESS_TEXT_SIZE])
{
    const struct cluster *cluster = argument;
    snprintf(text, PROGRESS_TEXT_SIZE, "epmd: %zu of %zu nodes", cluster->n_done, cluster->n_to_do);
}

static void knock(struct cluster_node *node, struct flight *flight)
{
    node->call = (struct flight_call){.kind = &knock_kind, .owner = node};
    node->call.to = node->host->address;
    if (node->call.to.any.sa_family == AF_INET) {
        node->call.to.ipv4.sin_port = htons(node->info->port);
    } else {
        node->call.to.ipv6.sin6_port = htons(node->info->port);
    }
    flight_add(flight, &node->call);
}

static void gather_knocks(struct cluster *cluster, int64_t deadline_ms)
{
    size_t n = 0, max = cluster->survey.n_at_once;
    for (size_t i = 0; i < cluster->n; i++) {
        n += may_knock(&cluster->nodes[i]);
    }
    phase_start(cluster, n);
    flight_init(&cluster->flight, cluster->survey.base,
                max < CLUSTER_KNOCKS_MAX ? max : CLUSTER_KNOCKS_MAX, cluster->n * REPLY_MAX);
    for (size_t i = 0; i < cluster->n; i++) {
        if (may_knock(&cluster->nodes[i])) {
            knock(&cluster->nodes[i], &cluster->flight);
        }
    }
    phase_run(cluster, write_knocks, deadline_ms);
    flight_stop(&cluster->flight, -ETIME);
}

/* ---- the names that nodes have for their hosts ---- */

static bool is_at(const struct addrinfo *found, const union sockaddr_ip *address)
{
    struct endpoint a, b;
    return sockaddr_read(found->ai_addr, &a) == 0 && sockaddr_read(&address->any, &b) == 0 &&
           address_equal(&a.address, &b.address);
}

static enum cluster_place find_place(const struct resolver_question *question,
                                     const union sockaddr_ip *address)
{
    if (question->error != 0) {
        bool is_unknown = question->error != EAI_AGAIN && question->error != EAI_MEMORY &&
                          question->error != EAI_SYSTEM;
        return is_unknown ? CLUSTER_NOWHERE : CLUSTER_NOT_ASKED;
    }
    for (const struct addrinfo *at = question->found; at; at = at->ai_next) {
        if (is_at(at, address)) {
            return CLUSTER_SAME;
        }
    }
    return CLUSTER_ELSEWHERE;
}

static void on_resolved(struct resolver_question *question)
{
    struct cluster_node *node = question->owner;
    node->place = find_place(question, &node->host->address);
    if (question->error == 0) {
        freeaddrinfo(question->found);
    }
    phase_count(node->cluster);
}

static void write_resolved(const void *argument, char text[PROGRESS_TEXT_SIZE])
{
    const struct cluster *cluster = argument;
    snprintf(text, PROGRESS_TEXT_SIZE, "epmd: %zu of %zu names of hosts", cluster->n_done,
             cluster->n_to_do);
}

/* The survey has resolved the name by which a host was asked. */
static bool has_other_host(const struct cluster_node *node)
{
    return node->own_host[0] != '\0' && strcmp(node->own_host, node->host->entry->name) != 0;
}

static int gather_places(struct cluster *cluster, int64_t deadline_ms)
{
    size_t n = 0, max = cluster->survey.n_at_once / RESOLVER_DESCRIPTORS;
    for (size_t i = 0; i < cluster->n; i++) {
        struct cluster_node *node = &cluster->nodes[i];
        n += has_other_host(node);
        node->place = has_other_host(node) ? CLUSTER_NOT_ASKED : CLUSTER_SAME;
    }
    if (n == 0) {
        return 0;
    }
    struct resolver *resolver = resolver_new(cluster->survey.base,
                                             max < 1             ? 1
                                             : max < THREADS_MAX ? max
                                                                 : THREADS_MAX,
                                             on_resolved);
    phase_start(cluster, n);
    for (size_t i = 0; resolver && i < cluster->n; i++) {
        struct cluster_node *node = &cluster->nodes[i];
        if (has_other_host(node)) {
            node->question = (struct resolver_question){.name = node->own_host, .owner = node};
            if (resolver_ask(resolver, &node->question) < 0) {
                phase_count(cluster);
            }
        }
    }
    if (resolver) {
        phase_run(cluster, write_resolved, deadline_ms);
        resolver_free(resolver);
    }
    return resolver ? 0 : -ENOMEM;
}

/* ---- all of it ---- */

static int compare_nodes(const void *a, const void *b)
{
    const struct cluster_node *left = *(const struct cluster_node *const *)a;
    const struct cluster_node *right = *(const struct cluster_node *const *)b;
    const struct protocol_node *one = left->info, *other = right->info;
    size_t len = one->name_len < other->name_len ? one->name_len : other->name_len;
    int order = memcmp(one->name, other->name, len);
    order = order ? order : (int)one->name_len - (int)other->name_len;
    order = order ? order : (int)one->port - (int)other->port;
    return order ? order : (left > right) - (left < right);
}

static bool may_be_one(const struct cluster_node *a, const struct cluster_node *b)
{
    return a->info->port == b->info->port && a->info->name_len == b->info->name_len &&
           memcmp(a->info->name, b->info->name, a->info->name_len) == 0;
}

/* A node that is knocked at twice at once, through two addresses, takes it for one peer that has
 * connected twice, and drops one: each knock says another name then. The names are as few as they
 * can be, since a node never forgets one. */
static int rank_nodes(struct cluster *cluster)
{
    struct cluster_node **sorted = calloc(cluster->n + 1, sizeof *sorted); /* NOLINT */
    if (!sorted) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < cluster->n; i++) {
        sorted[i] = &cluster->nodes[i];
    }
    qsort(sorted, cluster->n, sizeof *sorted, compare_nodes); /* NOLINT */
    for (size_t i = 1; i < cluster->n; i++) {
        sorted[i]->rank = may_be_one(sorted[i - 1], sorted[i]) ? sorted[i - 1]->rank + 1 : 0;
    }
    free(sorted);
    return 0;
}

static int list_nodes(struct cluster *cluster)
{
    const struct survey *survey = &cluster->survey;
    cluster->nodes = calloc(survey->n_nodes + 1, sizeof *cluster->nodes);
    if (!cluster->nodes) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < survey->n; i++) {
        const struct survey_host *host = &survey->hosts[i];
        for (size_t j = 0; j < host->list.n; j++) {
            struct cluster_node *node = &cluster->nodes[cluster->n++];
            node->cluster = cluster;
            node->host = host;
            node->info = &host->list.nodes[j].node.info;
            node->is_known = host->list.nodes[j].known >= NODE_LIST_FIELDS;
        }
    }
    return 0;
}

int cluster_gather(struct cluster *cluster, const struct hosts *hosts)
{
    int64_t deadline_ms = clock_now_ms() + CLUSTER_TIME_MS;
    *cluster = (struct cluster){.is_whole = true};
    int status = survey_run(&cluster->survey, hosts, true, CLUSTER_SURVEY_TIME_MS);
    if (status == 0) {
        cluster->is_whole = cluster->survey.is_whole;
        status = list_nodes(cluster);
    }
    if (status == 0) {
        status = rank_nodes(cluster);
    }
    if (status == 0) {
        gather_knocks(cluster, deadline_ms);
        status = gather_places(cluster, deadline_ms);
    }
    return status;
}

void cluster_deinit(struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->n; i++) {
        free(cluster->nodes[i].call.reply);
    }
    free(cluster->nodes);
    survey_deinit(&cluster->survey);
    *cluster = (struct cluster){0};
}
