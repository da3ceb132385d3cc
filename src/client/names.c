/* SPDX-License-Identifier: Apache-2.0 */
/* -names with options. */
#include "client/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/names_reply.h"
#include "client/output.h"
#include "client/target.h"
#include "core/wire.h"
#include "system/clock.h"

/* What all lookups may take together: a network can make thousands of them slow. */
#define LOOKUPS_PATIENCE_MS 10000

/* ---- what is known ---- */

static void names_forget(struct names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        free(names->nodes[i].extra);
    }
    free(names->nodes);
    owners_free(&names->owners);
    exchange_free(&names->reply);
    *names = (struct names){0};
}

static struct names_node *names_add(struct names *names, enum names_knowledge known)
{
    if (names->n == names->size) {
        size_t size = names->size ? 2 * names->size : 64;
        struct names_node *nodes = realloc(names->nodes, size * sizeof *nodes);
        if (!nodes) {
            return NULL;
        }
        names->nodes = nodes;
        names->size = size;
    }
    struct names_node *node = &names->nodes[names->n++];
    *node = (struct names_node){.known = known};
    return node;
}

/* ---- our own epmd, on this host ---- */

static int names_read_inventory(struct names *names)
{
    struct inventory_reader reader;
    struct inventory_daemon daemon;
    struct inventory_node node;
    int status = inventory_read_daemon(&reader, names->reply.bytes, names->reply.len, &daemon);
    if (status < 0) {
        return status;
    }
    names->port = daemon.port;
    memcpy(names->version, daemon.version, sizeof names->version);
    while ((status = inventory_read_node(&reader, &node)) == 1) {
        struct names_node *added = names_add(names, NAMES_ALL);
        if (!added) {
            return -ENOMEM;
        }
        added->node = node;
    }
    return status;
}

/* Returns 0; -ENODATA where it is another epmd; or why nobody answers. */
static int names_ask_inventory(struct names *names, struct target *target, uint16_t port)
{
    static const uint8_t request[] = {PROTOCOL_INFO_REQ};
    int status = target_ask(target, request, sizeof request, EXCHANGE_TIMEOUT_MS, &names->reply);
    if (status < 0) {
        return status;
    }
    status = names_read_inventory(names);
    if (status < 0) {
        names_forget(names);
        return status == -ENOMEM ? status : -ENODATA;
    }
    owners_init(&names->owners, port);
    for (size_t i = 0; i < names->n; i++) {
        names->nodes[i].user = owners_find(&names->owners, &names->nodes[i].node.peer);
    }
    return 0;
}

/* ---- any epmd ---- */

static int names_read_listing(struct names *names)
{
    struct wire_reader reader;
    struct protocol_node found;
    names->port = names_reply_init(&reader, &names->reply);
    if (reader.overrun) {
        return -ENODATA;
    }
    while (listing_read_name(&reader, &found)) {
        struct names_node *added = names_add(names, NAMES_PORT);
        if (!added) {
            return -ENOMEM;
        }
        added->node.info = found;
    }
    return 0;
}

/* Takes over what a lookup tells, but for the name. */
static int node_learn(struct names_node *node, const struct exchange_reply *reply)
{
    struct protocol_node info;
    int status = protocol_decode_node(reply->bytes, reply->len, &info);
    if (status < 0) {
        return 0; /* it has left, or its epmd tells nothing of it */
    }
    node->extra = malloc((size_t)info.extra_len + 1);
    if (!node->extra) {
        return -ENOMEM;
    }
    memcpy(node->extra, info.extra, info.extra_len);
    info.name = node->node.info.name;
    info.name_len = node->node.info.name_len;
    info.extra = node->extra;
    node->node.info = info;
    node->known = NAMES_FIELDS;
    return 0;
}

static int node_look_up(struct names_node *node, struct target *target)
{
    uint8_t request[1 + NAME_MAX_LEN];
    struct wire_writer writer;
    struct exchange_reply reply;
    wire_writer_init(&writer, request, sizeof request);
    wire_write_u8(&writer, PROTOCOL_PORT2_REQ);
    wire_write_bytes(&writer, node->node.info.name, node->node.info.name_len);
    int status =
        target_ask(target, request, wire_writer_len(&writer), EXCHANGE_PROBE_TIMEOUT_MS, &reply);
    if (status < 0) {
        return status == -ENODATA ? 0 : status; /* it does not tell */
    }
    status = node_learn(node, &reply);
    exchange_free(&reply);
    return status;
}

/* Looks up as many as there is time for; of the others nothing more is known. */
static int names_look_up(struct names *names, struct target *target)
{
    int64_t deadline_ms = clock_now_ms() + LOOKUPS_PATIENCE_MS;
    int status = 0;
    size_t n_done = 0;
    while (status == 0 && n_done < names->n && clock_now_ms() < deadline_ms) {
        status = node_look_up(&names->nodes[n_done], target);
        n_done += status == 0;
    }
    if (n_done < names->n && status != -ENOMEM) {
        fprintf(stderr, "epmd: of %zu nodes only name and port are known: %s\n", names->n - n_done,
                status < 0 ? strerror(-status) : "the lookups take too long");
        status = 0;
    }
    return status;
}

static int names_ask_listing(struct names *names, struct target *target)
{
    static const uint8_t request[] = {PROTOCOL_NAMES_REQ};
    int status = target_ask(target, request, sizeof request, EXCHANGE_TIMEOUT_MS, &names->reply);
    if (status == 0) {
        status = names_read_listing(names);
        target->answers->error = status;
    }
    return status;
}

/* ---- the command ---- */

static int names_gather(struct names *names, struct target *target, const struct options *options)
{
    int status = options->host ? -ENODATA : names_ask_inventory(names, target, options->port);
    if (status != -ENODATA) {
        return status;
    }
    status = names_ask_listing(names, target);
    bool wants_more = options->in_columns || options->json;
    return status == 0 && wants_more ? names_look_up(names, target) : status;
}

bool names_format_time(int64_t unix_ms, bool utc, const char *format, char text[NAMES_TIME_SIZE])
{
    const time_t seconds = (time_t)(unix_ms / 1000);
    struct tm broken_down;
    const struct tm *known =
        utc ? gmtime_r(&seconds, &broken_down) : localtime_r(&seconds, &broken_down);
    bool in_range = known && known->tm_year >= 1000 - 1900 && known->tm_year <= 9999 - 1900;
    return in_range && strftime(text, NAMES_TIME_SIZE, format, known) > 0;
}

/* As -names prints it without options; but what comes from elsewhere is made safe. */
static int names_print_list(const struct names *names, FILE *out)
{
    fprintf(out, "epmd: up and running on port %u with data:\n", (unsigned)names->port);
    for (size_t i = 0; i < names->n; i++) {
        const struct protocol_node *info = &names->nodes[i].node.info;
        char name[NAME_TEXT_SIZE];
        name_format(info->name, info->name_len, name, sizeof name);
        fprintf(out, "name %s at port %u\n", name, info->port);
    }
    return 0;
}

static int names_print(const struct names *names, const struct options *options)
{
    if (options->json) {
        return names_print_json(names, stdout);
    }
    return options->in_columns ? names_print_table(names, stdout) : names_print_list(names, stdout);
}

static int names_tell(struct target *target, const struct options *options)
{
    struct names names = {0};
    int status = names_gather(&names, target, options);
    if (status == 0) {
        status = names_print(&names, options);
    } else if (status != -ENOMEM) {
        target_report(target);
    }
    names_forget(&names);
    if (status == -ENOMEM) {
        fputs("epmd: out of memory\n", stderr);
    }
    return status < 0 || output_finish() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int names_run(const struct options *options)
{
    struct target target;
    const char *reason;
    if (!options->host) {
        target_init_local(&target, options->port);
    } else if (target_init_host(&target, options->host, options->port, &reason) < 0) {
        fprintf(stderr, "epmd: -host %s: cannot find its address: %s\n", options->host, reason);
        return EXIT_FAILURE;
    }
    return names_tell(&target, options);
}
