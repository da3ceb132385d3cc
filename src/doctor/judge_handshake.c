/* SPDX-License-Identifier: Apache-2.0 */
/* What it means how a node has answered, and by which name. */
#include <string.h>
#include <strings.h>

#include "doctor/judge.h"

#define BYTES_SHOWN 24 /* of what answers in a node's place */

/* A full name, NAME@HOST, as its two parts. */
struct full_name {
    size_t name_len;
    char text[DISTRIBUTION_NODE_MAX + 1];
    const char *host; /* behind the `@`; empty where there is none */
};

static void split(const struct distribution_answer *answer, struct full_name *out)
{
    memcpy(out->text, answer->name, answer->name_len);
    out->text[answer->name_len] = '\0';
    out->name_len = strcspn(out->text, "@");
    out->host = out->text + out->name_len + (out->text[out->name_len] == '@');
}

static bool is_address(const char *host)
{
    struct address address;
    return address_parse(host, &address) == 0;
}

static bool is_long(const char *host)
{
    return strchr(host, '.') && !is_address(host);
}

static bool same_label(const char *a, const char *b)
{
    size_t len = strcspn(a, ".");
    return len == strcspn(b, ".") && strncasecmp(a, b, len) == 0;
}

static void cure_quoted_target(const struct facts *facts, struct findings *findings)
{
    char text[NAME_MAX_LEN + 1 + FACTS_HOST_SIZE];
    size_t name_len = strlen(facts->target.name), host_len = strlen(facts->target.host);
    memcpy(text, facts->target.name, name_len);
    text[name_len] = '@';
    memcpy(text + name_len + 1, facts->target.host, host_len);
    findings_cure_quoted(findings, text, name_len + 1 + host_len);
}

/* Connect to the name that the node has: the part that is the same in all cases. */
static void cure_connect(const struct full_name *own, struct findings *findings)
{
    findings_cure(findings, "connect to ");
    findings_cure_quoted(findings, own->text, strlen(own->text));
}

static void cure_length(const struct facts *facts, const struct full_name *own,
                        struct findings *findings)
{
    bool own_is_long = is_long(own->host);
    findings_cure(findings,
                  "that node was started with %s, and nodes with short names do not "
                  "connect to nodes with long ones: ",
                  own_is_long ? "-name" : "-sname");
    cure_connect(own, findings);
    findings_cure(findings,
                  " from nodes that were started with %s, too; or start that node with %s ",
                  own_is_long ? "-name" : "-sname", own_is_long ? "-sname" : "-name");
    cure_quoted_target(facts, findings);
}

static void cure_address(const struct facts *facts, const struct full_name *own,
                         struct findings *findings)
{
    findings_cure(findings, "nodes compare the text of names, and an IP address is not the name "
                            "that leads to it: ");
    cure_connect(own, findings);
    findings_cure(findings, ", or start that node with -name ");
    cure_quoted_target(facts, findings);
}

/* Two hosts with different names: one of the names leads to the wrong host, or both are one's. */
static void cure_other_host(const struct facts *facts, const struct full_name *own,
                            struct findings *findings)
{
    findings_cure_quoted(findings, facts->target.host, strlen(facts->target.host));
    findings_cure(findings, " leads to %s nodes have ",
                  facts->is_here ? "this host, whose" : "a host whose");
    findings_cure_quoted(findings, own->host, strlen(own->host));
    findings_cure(findings, " in their names. ");
    if (facts->is_here) {
        findings_cure(findings, "If it is to lead to another host, correct its address in DNS or "
                                "in /etc/hosts of this host; if not, ");
    } else {
        findings_cure(findings, "If these are two hosts, another host's node of the same name has "
                                "answered: correct the address in DNS, or in /etc/hosts of this "
                                "host; if they are one, ");
    }
    cure_connect(own, findings);
}

/* The name stays taken until its connection ends, so that the node cannot be started before. */
static void cure_other_node(const struct facts *facts, struct findings *findings)
{
    findings_cure(findings, "another node has the port. Unless a forwarder leads to the wrong "
                            "port, ");
    if (facts->is_here) {
        judge_cure_stale(facts, facts->target.name, findings);
        findings_cure(findings, "; then start the node anew");
    } else {
        findings_cure(findings, "the registration is stale: \"epmd -check\" with this name on that "
                                "host says how to free it");
    }
}

static void judge_other_name(const struct facts *facts, const struct full_name *own,
                             struct findings *findings)
{
    const char *asked = facts->target.host;
    bool same_name = strlen(facts->target.name) == own->name_len &&
                     memcmp(facts->target.name, own->text, own->name_len) == 0;
    findings_judge(findings, FINDINGS_FAILED, "other_name");
    if (!same_name) {
        cure_other_node(facts, findings);
    } else if (strcasecmp(asked, own->host) == 0) {
        findings_cure(findings, "nodes tell upper from lower case in names, though DNS does not: ");
        cure_connect(own, findings);
        findings_cure(findings, ", or spell the host alike on every host of the cluster");
    } else if (is_address(asked) != is_address(own->host)) {
        cure_address(facts, own, findings);
    } else if (is_long(asked) != is_long(own->host) && same_label(asked, own->host)) {
        cure_length(facts, own, findings);
    } else {
        cure_other_host(facts, own, findings);
    }
}

/* Without a host any that the node has in its name is right. */
static bool is_asked(const struct facts *facts, const struct full_name *own)
{
    return strlen(facts->target.name) == own->name_len &&
           memcmp(facts->target.name, own->text, own->name_len) == 0 &&
           (!facts->target.has_host || strcmp(facts->target.host, own->host) == 0);
}

/* The cookie is what the next step of the handshake needs. */
static void leave_cookie(const struct full_name *own, struct findings *findings)
{
    char text[NAME_TEXT_SIZE];
    name_format((const uint8_t *)own->text, strlen(own->text), text, sizeof text);
    findings_leave(findings,
                   "the cookie (erl_call %s '%s' -c COOKIE -a 'erlang node' does, or on a node "
                   "net_adm:ping('%s'))",
                   is_long(own->host) || is_address(own->host) ? "-name" : "-sname", text, text);
}

static void judge_named(const struct facts *facts, const struct distribution_answer *answer,
                        struct findings *findings)
{
    struct full_name own;
    split(answer, &own);
    findings_say(findings, "a node answers: \"%s\"; it calls itself ", answer->status);
    findings_say_quoted(findings, own.text, answer->name_len);
    if (is_asked(facts, &own)) {
        leave_cookie(&own, findings);
    } else {
        judge_other_name(facts, &own, findings);
    }
}

static void judge_stranger(const struct probe *probe, struct findings *findings)
{
    size_t shown = probe->len < BYTES_SHOWN ? probe->len : BYTES_SHOWN;
    char text[4 * BYTES_SHOWN + 4];
    if (probe->len == 0) {
        findings_say(findings, "%s",
                     probe->status < 0 ? "no answer to it"
                                       : "the connection was closed without an "
                                         "answer to it");
    } else {
        name_format(probe->reply, shown, text, sizeof text);
        findings_say(findings, "the answer to it is not a node's: \"%s\"%s", text,
                     shown < probe->len ? "..." : "");
    }
    findings_cure(findings, "%s",
                  probe->len == 0
                      ? "the node hangs, or another program has taken its port: see its log; with "
                        "-proto_dist inet_tls a node may close on a peer that speaks no TLS"
                      : "another program has the port: the registration is stale. \"epmd -names "
                        "-l\" on that host shows whose it is: end that");
    findings_judge(findings, FINDINGS_FAILED,
                   probe->len == 0 && probe->status < 0 ? "silent_node" : "not_a_node");
}

static const struct facts_knock *accepted(const struct facts *facts)
{
    for (size_t i = 0; i < facts->n_knocks; i++) {
        if (facts->knocks[i].probe.connected) {
            return &facts->knocks[i];
        }
    }
    return NULL;
}

static void judge_answer(const struct facts *facts, const struct facts_knock *knock,
                         struct findings *findings)
{
    const struct distribution_answer *answer = &knock->answer;
    switch (answer->kind) {
    case DISTRIBUTION_NODE:
        judge_named(facts, answer, findings);
        return;
    case DISTRIBUTION_TLS:
        findings_say(findings, "it speaks TLS, as with -proto_dist inet_tls: not tried further");
        findings_leave(findings, "the node's own name, its certificate and the cookie");
        return;
    case DISTRIBUTION_STATUS:
        if (strcmp(answer->status, "not_allowed") == 0) {
            findings_say(findings, "a node answers: it allows connections from some nodes only");
            findings_cure(findings, "let it allow the others, too: net_kernel:allow/1");
            findings_judge(findings, FINDINGS_WARNING, "node_allows_few");
        } else {
            findings_say(findings, "a node answers: \"%s\", but does not say its name",
                         answer->status);
        }
        findings_leave(findings, "the node's own name, and the cookie");
        return;
    case DISTRIBUTION_MORE:
    case DISTRIBUTION_OTHER:
        judge_stranger(&knock->probe, findings);
    }
}

void judge_handshake(const struct facts *facts, struct findings *findings)
{
    const struct facts_knock *knock = accepted(facts);
    findings_begin(findings, "handshake");
    findings_judge(findings, FINDINGS_OK, NULL);
    if (knock) {
        judge_answer(facts, knock, findings);
    } else {
        findings_say(findings, "not tried");
        findings_judge(findings, FINDINGS_SKIPPED, NULL);
    }
}
