/* SPDX-License-Identifier: Apache-2.0 */
/* An overview as Prometheus reads it. */
#include "metrics/exposition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void write_family(struct document *out, const char *name, const char *type, const char *help)
{
    document_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_gauge(struct document *out, const char *name, const char *help, uint64_t value)
{
    write_family(out, name, "gauge", help);
    document_format(out, "%s %" PRIu64 "\n", name, value);
}

static void write_counter(struct document *out, const char *name, const char *help, uint64_t value)
{
    write_family(out, name, "counter", help);
    document_format(out, "%s %" PRIu64 "\n", name, value);
}

static void write_seconds(struct document *out, const char *name, const char *type,
                          const char *help, int64_t us)
{
    write_family(out, name, type, help);
    document_format(out, "%s %" PRId64 ".%06d\n", name, us / 1000000, (int)(us % 1000000));
}

/* A text as the value of a label, where three characters have to be escaped. */
static void write_label(struct document *out, const uint8_t *bytes, size_t len)
{
    size_t n_plain = 0; /* that are yet to be written */
    for (size_t i = 0; i < len; i++) {
        const char *escaped = bytes[i] == '\n'   ? "\\n"
                              : bytes[i] == '\\' ? "\\\\"
                              : bytes[i] == '"'  ? "\\\""
                                                 : NULL;
        if (escaped) {
            document_add(out, bytes + i - n_plain, n_plain);
            document_add_text(out, escaped);
        }
        n_plain = escaped ? 0 : n_plain + 1;
    }
    document_add(out, bytes + len - n_plain, n_plain);
}

/* ---- nodes ---- */

typedef void node_writer(struct document *out, const struct overview *overview,
                         const struct registry_node *node);

static void write_port(struct document *out, const struct overview *overview,
                       const struct registry_node *node)
{
    (void)overview;
    document_format(out, "\"} %u\n", node->info.port);
}

static void write_since(struct document *out, const struct overview *overview,
                        const struct registry_node *node)
{
    document_format(out, "\"} %" PRId64 "\n", (node->since_ms + overview->daemon->clock_ms) / 1000);
}

static void write_info(struct document *out, const struct overview *overview,
                       const struct registry_node *node)
{
    const struct protocol_node *info = &node->info;
    const char *type = protocol_type_name(info->type);
    char number[4], peer[ADDRESS_TEXT_SIZE];
    (void)overview;
    snprintf(number, sizeof number, "%u", info->type);
    address_format(&node->peer.address, peer);
    document_format(out,
                    "\",type=\"%s\",lowest_version=\"%u\",highest_version=\"%u\",peer=\"%s\"} 1\n",
                    type ? type : number, info->lowest, info->highest, peer);
}

/* One series a node, the oldest first: `write` goes on after the name. */
static void write_each_node(struct document *out, const struct overview *overview, size_t n,
                            const char *family, const char *help, node_writer *write)
{
    const struct registry_node *node = overview_oldest(overview);
    write_family(out, family, "gauge", help);
    for (; n > 0; n--, node = node->prev) {
        document_format(out, "%s{name=\"", family);
        write_label(out, node->info.name, node->info.name_len);
        write(out, overview, node);
    }
}

static void write_nodes(struct document *out, const struct overview *overview)
{
    const struct registry *registry = overview->registry;
    size_t n_shown = overview_count_shown(overview);

    write_gauge(out, "epmd_nodes", "Nodes that are registered.", registry->n_live);
    write_gauge(out, "epmd_nodes_max", "Nodes that may be registered.", registry->max_live);
    write_gauge(out, "epmd_nodes_unlisted",
                "Nodes without series of their own: there are too many, or their names are "
                "not shown.",
                registry->n_live - n_shown);
    write_gauge(out, "epmd_departed_names", "Names that are remembered of nodes that left.",
                registry->n_departed);
    write_each_node(out, overview, n_shown, "epmd_node_info",
                    "What a node said of itself, and the address it registered from; always 1.",
                    write_info);
    write_each_node(out, overview, n_shown, "epmd_node_port", "The port that a node listens on.",
                    write_port);
    write_each_node(out, overview, n_shown, "epmd_node_registered_timestamp_seconds",
                    "When a node registered, in seconds since 1970.", write_since);
}

/* ---- what happened ---- */

static void write_requests(struct document *out, const struct counters *counters)
{
    write_family(out, "epmd_requests_total", "counter", "Requests that were served.");
    for (uint8_t tag = 0; tag < COUNTERS_TAGS; tag++) {
        const char *name = protocol_tag_name(tag);
        if (name) {
            document_format(out, "epmd_requests_total{request=\"%s\"} %" PRIu64 "\n", name,
                            counters->requests[tag]);
        }
    }
    write_counter(out, "epmd_lookup_misses_total", "Lookups of a name that no node has.",
                  counters->misses);
    write_counter(out, "epmd_unregistrations_total", "Nodes that have left.",
                  counters->unregistrations);
    write_family(out, "epmd_refusals_total", "counter", "Requests and peers that were refused.");
    for (enum refusal refusal = REFUSAL_NONE + 1; refusal < REFUSAL_COUNT; refusal++) {
        document_format(out, "epmd_refusals_total{reason=\"%s\"} %" PRIu64 "\n",
                        refusal_word(refusal), counters->refusals[refusal]);
    }
}

static void write_connections(struct document *out, const struct overview *overview)
{
    const struct counters *counters = overview->counters;
    write_gauge(out, "epmd_connections", "Connections, those of registered nodes among them.",
                overview->n_connections);
    write_gauge(out, "epmd_connections_max", "Connections that there may be.",
                overview->max_connections);
    write_gauge(out, "epmd_unread_reply_bytes", "Bytes of replies that peers have yet to read.",
                overview->n_waiting);
    write_counter(out, "epmd_connections_accepted_total", "Connections that were accepted.",
                  counters->connections);
    write_counter(out, "epmd_connections_expired_total",
                  "Connections closed because they did not finish in time.", counters->expired);
    write_counter(out, "epmd_connections_evicted_total",
                  "Unfinished connections closed to make room.", counters->evicted);
}

static void write_watcher(struct document *out, const struct overview *overview)
{
    write_family(out, "epmd_watcher", "gauge",
                 "What holds the registrations while the process is restarted.");
    for (enum inventory_watcher watcher = 0; watcher < INVENTORY_WATCHERS; watcher++) {
        document_format(out, "epmd_watcher{kind=\"%s\"} %d\n", inventory_watcher_name(watcher),
                        watcher == overview->daemon->watcher);
    }
    write_gauge(out, "epmd_stored_registrations", "Registrations that the watcher holds.",
                overview->daemon->n_stored);
}

static void write_host(struct document *out, const struct overview *overview)
{
    static const char name[] = "epmd_host_info";
    write_family(out, name, "gauge", "The name of the host, and the port of epmd; always 1.");
    document_format(out, "%s{host=\"", name);
    write_label(out, (const uint8_t *)overview->host, strlen(overview->host));
    document_format(out, "\",port=\"%u\"} 1\n", overview->daemon->port);
}

void exposition_write(struct document *out, const struct overview *overview)
{
    write_family(out, "epmd_build_info", "gauge", "The version of epmd; always 1.");
    document_format(out, "epmd_build_info{version=\"%s\"} 1\n", overview->daemon->version);
    write_host(out, overview);
    write_nodes(out, overview);
    write_requests(out, overview->counters);
    write_connections(out, overview);
    write_watcher(out, overview);
    write_seconds(out, "process_start_time_seconds", "gauge",
                  "When the process started, in seconds since 1970.",
                  overview->daemon->started_ms * 1000);
    write_seconds(out, "process_cpu_seconds_total", "counter",
                  "Processor time that the process has used.", overview->cpu_us);
}
