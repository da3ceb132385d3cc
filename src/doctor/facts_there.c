/* SPDX-License-Identifier: Apache-2.0 */
/* What a check finds out about the host of a node's name, its epmd, and the node. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "client/names_reply.h"
#include "doctor/facts.h"
#include "system/clock.h"
#include "system/sockaddr.h"

/* Where no name was given: that of no node, as none has a blank at its end. */
#define NO_NAME "epmd-check "
#define CHECKER "epmd-check@localhost"

/* The name by which nodes without a long name know their host. */
static void name_this_host(char host[FACTS_HOST_SIZE])
{
    if (gethostname(host, FACTS_HOST_SIZE) < 0) {
        host[0] = '\0';
    }
    host[FACTS_HOST_SIZE - 1] = '\0';
    host[strcspn(host, ".")] = '\0';
}

/* Whether this host has that name, or has it in front of a domain. */
static bool is_own_name(const char *host)
{
    char whole[FACTS_HOST_SIZE] = "", label[FACTS_HOST_SIZE];
    name_this_host(label);
    (void)gethostname(whole, sizeof whole - 1);
    return *label && (strcasecmp(host, whole) == 0 || strcasecmp(host, label) == 0);
}

/* Whether that is this host's name with its domain, as the resolver tells it and -name gives it to
 * nodes. Another host may have the same label in another domain. */
static bool is_own_long_name(const char *host)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME};
    struct addrinfo *list = NULL;
    char label[FACTS_HOST_SIZE];
    name_this_host(label);
    size_t len = strlen(label);
    if (len == 0 || strncasecmp(host, label, len) != 0 || host[len] != '.' ||
        getaddrinfo(label, NULL, &hints, &list) != 0) {
        return false;
    }
    bool is_own = list->ai_canonname && strcasecmp(list->ai_canonname, host) == 0;
    freeaddrinfo(list);
    return is_own;
}

static bool has_address(const struct facts *facts, const struct address *address)
{
    for (size_t i = 0; i < facts->n_addresses; i++) {
        if (address_equal(&facts->addresses[i], address)) {
            return true;
        }
    }
    return false;
}

/* Nodes have no use for an IPv6 link-local address, as it takes a zone (fe80::1%eth0) to connect
 * to it. The resolver may have some for a host's own name (nss-myhostname). */
static bool needs_zone(const struct address *address)
{
    return !address_is_ipv4(address) && address_is_link_local(address);
}

/* Takes the addresses of one family, of which there may be more than enough. */
static void take_addresses(struct facts *facts, const struct addrinfo *list, int family)
{
    size_t most = facts->n_addresses + FACTS_FAMILY_MAX;
    for (const struct addrinfo *at = list; at; at = at->ai_next) {
        struct endpoint endpoint;
        if (at->ai_family == family && facts->n_addresses < most &&
            sockaddr_read(at->ai_addr, &endpoint) == 0 && !needs_zone(&endpoint.address) &&
            !has_address(facts, &endpoint.address)) {
            facts->addresses[facts->n_addresses++] = endpoint.address;
        }
    }
}

static void resolve(struct facts *facts)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    /* A name server that is down would otherwise take half a minute. */
    setenv("RES_OPTIONS", "timeout:2 attempts:1", 0);
    facts->resolve_status = getaddrinfo(facts->target.host, NULL, &hints, &list);
    if (facts->resolve_status != 0) {
        snprintf(facts->resolve_error, sizeof facts->resolve_error, "%s",
                 gai_strerror(facts->resolve_status));
        return;
    }
    take_addresses(facts, list, AF_INET);
    take_addresses(facts, list, AF_INET6);
    freeaddrinfo(list);
    if (facts->n_addresses == 0) {
        snprintf(facts->resolve_error, sizeof facts->resolve_error,
                 "it has only link-local addresses");
    }
}

void facts_gather_host(struct facts *facts)
{
    if (!facts->target.has_host) {
        name_this_host(facts->target.host);
    }
    int64_t before_ms = clock_now_ms();
    resolve(facts);
    facts->is_own_name = !facts->target.has_host || is_own_name(facts->target.host);
    facts->is_here = !facts->target.has_host;
    for (size_t i = 0; i < facts->n_addresses; i++) {
        facts->is_here |= facts_has_address(facts, &facts->addresses[i]);
    }
    facts->is_own_name |= !facts->is_here && is_own_long_name(facts->target.host);
    facts->deadline_ms += clock_now_ms() - before_ms;
}

static bool is_port_reply(const uint8_t *reply, size_t len)
{
    struct protocol_node node;
    return protocol_decode_node(reply, len, &node) != -EINVAL;
}

static enum facts_answer read_answer(struct facts_lookup *lookup)
{
    switch (protocol_decode_node(lookup->probe.reply, lookup->probe.len, &lookup->node)) {
    case 0:
        return FACTS_KNOWN;
    case -ENOENT:
        return FACTS_UNKNOWN;
    default:
        return FACTS_NONE;
    }
}

static void look_up(struct facts *facts, const struct address *address, bool extra)
{
    const char *name = facts->target.has_name ? facts->target.name : NO_NAME;
    struct request request;
    struct facts_lookup *lookup = &facts->lookups[facts->n_lookups++];
    const struct endpoint to = {*address, facts->port};
    int left_ms = facts_time_left(facts->deadline_ms - (FACTS_TIME_MS - FACTS_LOOKUP_TIME_MS));

    lookup->extra = extra;
    request_init(&request, PROTOCOL_PORT2_REQ, name, strlen(name));
    if (left_ms > 0) {
        probe_ask(&lookup->probe, &to, request.frame, request.len, is_port_reply, left_ms);
    } else {
        lookup->probe = (struct probe){.to = to, .status = -ETIME};
    }
    lookup->answer = read_answer(lookup);
}

/* Stock epmd, too, is to be asked where nodes of this host ask, if the host's name leads
 * elsewhere. */
static bool wants_loopback(const struct facts *facts)
{
    for (size_t i = 0; i < facts->n_addresses; i++) {
        if (address_is_loopback(&facts->addresses[i])) {
            return false;
        }
    }
    return facts->is_here && facts->here.status == 0;
}

/* What names there are, to suggest one; nothing where they may not be listed. */
static void gather_names(struct facts *facts)
{
    struct request request;
    request_init(&request, PROTOCOL_NAMES_REQ, NULL, 0);
    for (size_t i = 0; i < facts->n_lookups && !facts_known(facts); i++) {
        int left_ms = facts_time_left(facts->deadline_ms);
        const struct probe *probe = &facts->lookups[i].probe;
        if (facts->lookups[i].answer == FACTS_UNKNOWN && facts->target.has_name && left_ms > 0) {
            int status = exchange_with(&probe->to, &request, left_ms, &facts->names);
            if (status == 0 && names_reply_is_one(&facts->names)) {
                return;
            }
            exchange_free(&facts->names);
        }
    }
}

/* A packet filter that rejects looks like a missing route, until another port answers. */
static void gather_ssh(struct facts *facts)
{
    const struct probe *first = &facts->lookups[0].probe;
    int left_ms = facts_time_left(facts->deadline_ms);
    if (facts->n_lookups > 0 && probe_is_unreachable(first) && left_ms > 0) {
        const struct endpoint ssh = {first->to.address, FACTS_SSH_PORT};
        struct probe probe;
        probe_connect(&probe, &ssh, left_ms);
        facts->ssh_answers = probe.connected || probe.status == -ECONNREFUSED;
    }
}

void facts_gather_lookups(struct facts *facts)
{
    for (size_t i = 0; i < facts->n_addresses; i++) {
        look_up(facts, &facts->addresses[i], false);
    }
    if (wants_loopback(facts)) {
        struct address loopback;
        address_parse("127.0.0.1", &loopback);
        look_up(facts, &loopback, true);
    }
    gather_names(facts);
    gather_ssh(facts);
}

static bool is_hello_answer(const uint8_t *reply, size_t len)
{
    struct distribution_answer answer;
    distribution_decode_answer(reply, len, &answer);
    return answer.is_whole;
}

void facts_knock_at(struct probe *probe, const struct endpoint *to, uint16_t highest,
                    int timeout_ms)
{
    uint8_t hello[DISTRIBUTION_HELLO_MAX];
    size_t len = distribution_encode_hello(hello, highest, CHECKER);
    probe_ask(probe, to, hello, len, is_hello_answer, timeout_ms);
}

static void knock(struct facts *facts, const struct facts_lookup *at)
{
    struct facts_knock *knock = &facts->knocks[facts->n_knocks++];
    const struct endpoint to = {at->probe.to.address, at->node.port};
    int left_ms = facts_time_left(facts->deadline_ms);
    if (left_ms > 0) {
        facts_knock_at(&knock->probe, &to, at->node.highest, left_ms);
    } else {
        knock->probe = (struct probe){.to = to, .status = -ETIME};
    }
    distribution_decode_answer(knock->probe.reply, knock->probe.len, &knock->answer);
}

static bool is_listened_on(const struct facts *facts, uint16_t port)
{
    for (size_t i = 0; i < facts->n_sockets; i++) {
        if (facts->sockets[i].at.port == port) {
            return true;
        }
    }
    return false;
}

/* A normal node takes a connection which ends early in its stride. C nodes wait for one in the
 * program's own thread, and many end when it fails. So only where this host shows that no socket
 * listens in such a node's place is it knocked at: then nothing is there to be harmed. */
static bool is_withheld(const struct facts *facts, const struct protocol_node *node)
{
    bool is_gone = facts->is_here && facts->sockets_status == 0 && !facts->is_listened_on;
    return node->type != PROTOCOL_TYPE_NORMAL && !is_gone;
}

/* A node is sought where its epmd is: at each address of its host that knows it. */
void facts_gather_knocks(struct facts *facts)
{
    const struct facts_lookup *known = facts_known(facts);
    if (!known) {
        return;
    }
    facts->is_listened_on = facts->is_here && is_listened_on(facts, known->node.port);
    facts->knock_withheld = is_withheld(facts, &known->node);
    for (size_t i = 0; i < facts->n_lookups && !facts->knock_withheld; i++) {
        const struct facts_lookup *lookup = &facts->lookups[i];
        if (lookup->answer == FACTS_KNOWN && (!lookup->extra || lookup == known)) {
            knock(facts, lookup);
        }
    }
}
