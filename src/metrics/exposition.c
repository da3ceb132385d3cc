/* SPDX-License-Identifier: Apache-2.0 */
/* An overview as Prometheus reads it. */
#include "metrics/exposition.h"

#include <inttypes.h>

static void write_family(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_gauge(FILE *out, const char *name, const char *help, uint64_t value)
{
    write_family(out, name, "gauge", help);
    fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void write_counter(FILE *out, const char *name, const char *help, uint64_t value)
{
    write_family(out, name, "counter", help);
    fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void write_seconds(FILE *out, const char *name, const char *type, const char *help,
                          int64_t us)
{
    write_family(out, name, type, help);
    fprintf(out, "%s %" PRId64 ".%06d\n", name, us / 1000000, (int)(us % 1000000));
}

/* A name as the value of a label, where three characters have to be escaped. */
static void write_label(FILE *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            fputs("\\n", out);
            continue;
        }
        if (bytes[i] == '\\' || bytes[i] == '"') {
            putc('\\', out);
        }
        putc(bytes[i], out);
    }
}

static void write_node_value(FILE *out, const char *name, const struct registry_node *node,
                             int64_t value)
{
    fprintf(out, "%s{name=\"", name);
    write_label(out, node->info.name, node->info.name_len);
    fprintf(out, "\"} %" PRId64 "\n", value);
}

static void write_nodes(FILE *out, const struct overview *overview)
{
    static const char port[] = "epmd_node_port", since[] = "epmd_node_registered_timestamp_seconds";
    const struct registry *registry = overview->registry;
    const struct registry_node *node;
    size_t n_shown = overview_count_shown(overview), left = n_shown;

    write_gauge(out, "epmd_nodes", "Nodes that are registered.", registry->n_live);
    write_gauge(out, "epmd_nodes_max", "Nodes that may be registered.", registry->max_live);
    write_gauge(out, "epmd_nodes_unlisted",
                "Nodes without series of their own: too many, or not shown to whoever asks.",
                registry->n_live - n_shown);
    write_gauge(out, "epmd_departed_names", "Names that are remembered of nodes that left.",
                registry->n_departed);
    write_family(out, port, "gauge", "The port that a node listens on.");
    for (node = registry->live; left > 0; node = node->next, left--) {
        write_node_value(out, port, node, node->info.port);
    }
    write_family(out, since, "gauge", "When a node registered, in seconds since 1970.");
    for (node = registry->live, left = n_shown; left > 0; node = node->next, left--) {
        write_node_value(out, since, node, (node->since_ms + overview->daemon->clock_ms) / 1000);
    }
}

static void write_requests(FILE *out, const struct counters *counters)
{
    write_family(out, "epmd_requests_total", "counter", "Requests that were served.");
    for (uint8_t tag = 0; tag < COUNTERS_TAGS; tag++) {
        const char *name = protocol_tag_name(tag);
        if (name) {
            fprintf(out, "epmd_requests_total{request=\"%s\"} %" PRIu64 "\n", name,
                    counters->requests[tag]);
        }
    }
    write_counter(out, "epmd_lookup_misses_total", "Lookups of a name that no node has.",
                  counters->misses);
    write_counter(out, "epmd_unregistrations_total", "Nodes that have left.",
                  counters->unregistrations);
    write_family(out, "epmd_refusals_total", "counter", "Requests and peers that were refused.");
    for (enum refusal refusal = REFUSAL_NONE + 1; refusal < REFUSAL_COUNT; refusal++) {
        fprintf(out, "epmd_refusals_total{reason=\"%s\"} %" PRIu64 "\n", refusal_word(refusal),
                counters->refusals[refusal]);
    }
}

static void write_connections(FILE *out, const struct overview *overview)
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
                  "Unfinished connections closed to make room.", counters->gave_way);
}

static void write_watcher(FILE *out, const struct overview *overview)
{
    write_family(out, "epmd_watcher", "gauge",
                 "Who holds the registrations while the process is restarted.");
    for (enum inventory_watcher watcher = 0; watcher < INVENTORY_WATCHERS; watcher++) {
        fprintf(out, "epmd_watcher{kind=\"%s\"} %d\n", inventory_watcher_name(watcher),
                watcher == overview->daemon->watcher);
    }
    write_gauge(out, "epmd_stored_registrations", "Registrations that the watcher holds.",
                overview->daemon->n_stored);
}

void exposition_write(FILE *out, const struct overview *overview)
{
    write_family(out, "epmd_build_info", "gauge", "The version of epmd; always 1.");
    fprintf(out, "epmd_build_info{version=\"%s\"} 1\n", overview->daemon->version);
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
