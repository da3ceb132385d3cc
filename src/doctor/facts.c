/* SPDX-License-Identifier: Apache-2.0 */
/* What a check finds out: what its parts share. */
#include "doctor/facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/names_reply.h"
#include "client/target.h"
#include "system/clock.h"

int facts_time_left(int64_t until_ms)
{
    int64_t left_ms = until_ms - clock_now_ms();
    if (left_ms <= 0) {
        return 0;
    }
    return left_ms < FACTS_PROBE_MS ? (int)left_ms : FACTS_PROBE_MS;
}

bool facts_has_address(const struct facts *facts, const struct address *address)
{
    for (size_t i = 0; i < facts->n_interfaces; i++) {
        if (address_equal(&facts->interfaces[i].address, address)) {
            return true;
        }
    }
    return address_is_loopback(address);
}

const struct facts_lookup *facts_known(const struct facts *facts)
{
    for (size_t i = 0; i < facts->n_lookups; i++) {
        if (facts->lookups[i].answer == FACTS_KNOWN) {
            return &facts->lookups[i];
        }
    }
    return NULL;
}

static int ask(const struct facts *facts, uint16_t port, enum protocol_tag tag,
               struct exchange_reply *reply)
{
    int left_ms = facts_time_left(facts->deadline_ms);
    struct request request;
    request_init(&request, tag, NULL, 0);
    return left_ms > 0 ? target_ask_local(port, &request, left_ms, reply) : -ETIME;
}

/* A stock epmd closes on INFO_REQ without a reply. */
static void ask_info(const struct facts *facts, struct facts_epmd *epmd)
{
    struct inventory_reader reader;
    struct exchange_reply *info = &epmd->info;
    if (ask(facts, epmd->port, PROTOCOL_INFO_REQ, info) < 0) {
        return;
    }
    epmd->ours = inventory_read_daemon(&reader, info->bytes, info->len, &epmd->daemon) == 0;
    if (!epmd->ours) {
        exchange_free(info);
    }
}

static bool is_name(const char *name, const uint8_t *bytes, size_t len)
{
    return len == strlen(name) && memcmp(bytes, name, len) == 0;
}

bool facts_find_registration(const struct facts_epmd *epmd, const char *name,
                             struct inventory_node *out)
{
    struct inventory_reader reader;
    struct inventory_daemon daemon;
    if (!epmd->ours ||
        inventory_read_daemon(&reader, epmd->info.bytes, epmd->info.len, &daemon) < 0) {
        return false;
    }
    while (inventory_read_node(&reader, out) == 1) {
        if (is_name(name, out->info.name, out->info.name_len)) {
            return true;
        }
    }
    return false;
}

bool facts_find_denial(const struct facts_epmd *epmd, const char *name,
                       struct inventory_denial *out)
{
    struct inventory_reader reader;
    struct inventory_daemon daemon;
    struct inventory_node node;
    if (!epmd->ours ||
        inventory_read_daemon(&reader, epmd->info.bytes, epmd->info.len, &daemon) < 0) {
        return false;
    }
    while (inventory_read_node(&reader, &node) == 1) {
    }
    while (inventory_read_denial(&reader, out) == 1) {
        if (is_name(name, out->name, out->name_len)) {
            return true;
        }
    }
    return false;
}

void facts_ask_epmd(struct facts *facts, uint16_t port, struct facts_epmd *out)
{
    *out = (struct facts_epmd){.port = port};
    out->status = ask(facts, port, PROTOCOL_NAMES_REQ, &out->names);
    if (out->status == -EMSGSIZE || out->status == -ENODATA) {
        out->status = -EPROTO;
    }
    if (out->status == 0 && !names_reply_is_one(&out->names)) {
        exchange_free(&out->names);
        out->status = -EPROTO;
    }
    if (out->status == 0) {
        ask_info(facts, out);
    }
}

void facts_deinit(struct facts *facts)
{
    for (size_t i = 0; i < facts->n_nodes; i++) {
        free(facts->nodes[i].own_name);
    }
    free(facts->nodes);
    exchange_free(&facts->here.names);
    exchange_free(&facts->here.info);
    exchange_free(&facts->names);
    for (size_t i = 0; i < facts->n_others; i++) {
        exchange_free(&facts->others[i].names);
        exchange_free(&facts->others[i].info);
    }
}
