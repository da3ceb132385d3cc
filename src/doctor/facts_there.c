/* SPDX-License-Identifier: Apache-2.0 */
/* What a check finds out about the host of a node's name, its epmd, and the node. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/names_reply.h"
#include "doctor/facts.h"
#include "system/clock.h"
#include "system/sockaddr.h"

/* Where no name was given: nobody's, as no node can have a blank at its end. */
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

static bool has_address(const struct facts *facts, const struct address *address)
{
    for (size_t i = 0; i < facts->n_addresses; i++) {
        if (address_equal(&facts->addresses[i], address)) {
            return true;
        }
    }
    return false;
}

/* Nodes have no use for such an address, as it takes a zone (fe80::1%eth0) to connect to
 * it. The resolver may have some for a host's own name (nss-myhostname). */
static bool is_link_local(const struct address *address)
{
    return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

/* Takes the addresses of one family, of which there may be more than enough. */
static void take_addresses(struct facts *facts, const struct addrinfo *list, int family)
{
    size_t most = facts->n_addresses + FACTS_FAMILY_MAX;
    for (const struct addrinfo *at = list; at; at = at->ai_next) {
        struct endpoint endpoint;
        if (at->ai_family == family && facts->n_addresses < most &&
            sockaddr_read(at->ai_addr, &endpoint) == 0 && !is_link_local(&endpoint.address) &&
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
    facts->deadline_ms += clock_now_ms() - before_ms;
    facts->is_here = !facts->target.has_host;
    for (size_t i = 0; i < facts->n_addresses; i++) {
        facts->is_here |= facts_has_address(facts, &facts->addresses[i]);
    }
}

static bool is_port_reply(const uint8_t *reply, size_t len)
{
    struct protocol_node node;
    return protocol_decode_node(reply, len, &node) != -EINVAL;
}

/* Asks if there is time. */
static void ask(struct probe *probe, const struct endpoint *to, const uint8_t *request, size_t len,
                stream_is_enough *is_enough, int64_t until_ms)
{
    int left_ms = facts_time_left(until_ms);
    if (left_ms > 0) {
        probe_ask(probe, to, request, len, is_enough, left_ms);
    } else {
        *probe = (struct probe){.to = *to, .status = -ETIME};
    }
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
    int64_t until_ms = facts->deadline_ms - (FACTS_TIME_MS - FACTS_LOOKUP_TIME_MS);

    lookup->extra = extra;
    request_init(&request, PROTOCOL_PORT2_REQ, name, strlen(name));
    ask(&lookup->probe, &to, request.frame, request.len, is_port_reply, until_ms);
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
}

static bool is_hello_answer(const uint8_t *reply, size_t len)
{
    char status[DISTRIBUTION_STATUS_SIZE];
    return distribution_decode_answer(reply, len, status) != DISTRIBUTION_MORE;
}

static void knock(struct facts *facts, const struct facts_lookup *at)
{
    uint8_t hello[DISTRIBUTION_HELLO_MAX];
    size_t len = distribution_encode_hello(hello, at->node.highest, CHECKER);
    struct facts_knock *knock = &facts->knocks[facts->n_knocks++];
    const struct endpoint to = {at->probe.to.address, at->node.port};
    ask(&knock->probe, &to, hello, len, is_hello_answer, facts->deadline_ms);
    knock->answer = distribution_decode_answer(knock->probe.reply, knock->probe.len, knock->status);
}

/* The socket that is to be the node's shows what a connection would, if it can be seen. A
 * normal node takes a connection which ends early in its stride; C nodes wait for one in
 * the program's own thread, and many end when it fails. */
static bool is_withheld(const struct facts *facts, const struct protocol_node *node)
{
    for (size_t i = 0; i < facts->n_sockets; i++) {
        if (facts->is_here && facts->sockets[i].at.port == node->port) {
            return node->type != PROTOCOL_TYPE_NORMAL;
        }
    }
    return false;
}

/* A node is sought where its epmd is: at each address of its host that knows it. */
void facts_gather_knocks(struct facts *facts)
{
    const struct facts_lookup *known = facts_known(facts);
    if (!known) {
        return;
    }
    facts->knock_withheld = is_withheld(facts, &known->node);
    for (size_t i = 0; i < facts->n_lookups && !facts->knock_withheld; i++) {
        const struct facts_lookup *lookup = &facts->lookups[i];
        if (lookup->answer == FACTS_KNOWN && (!lookup->extra || lookup == known)) {
            knock(facts, lookup);
        }
    }
}
