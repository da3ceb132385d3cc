/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load generator: `load PORT` obeys one command a line on standard input,
 *
 *     KIND COUNT IN_FLIGHT MILLISECONDS
 *
 * and answers each with one line of JSON.  KIND is register (and hold), cycle
 * (close a held node and register it again), known and unknown (lookups) or
 * names.  Nodes are held until standard input ends; `held 0 0 0` counts those
 * whose connection is still whole.  Every node has a name of 20 characters.
 */
#include "flight.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    NODES_MAX = 65536,
    NODE_NAME_SIZE = 20,
    NODE_PORT_FIRST = 10000,
    NODE_PORTS = 50000,
    TYPE_NORMAL = 77,
    DISTRIBUTION_VERSION = 6,
    ALIVE2_X_RESP_SIZE = 6,
};

static int held[NODES_MAX];
static size_t held_count;
static size_t turn;

static size_t put_u16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return 2;
}

static size_t put_name(uint8_t *at, const char *prefix, size_t node)
{
    char name[NODE_NAME_SIZE + 1];
    snprintf(name, sizeof name, "%s%016zu", prefix, node);
    memcpy(at, name, NODE_NAME_SIZE);
    return NODE_NAME_SIZE;
}

static size_t frame_alive(uint8_t *frame, size_t node)
{
    size_t end = 2;
    frame[end++] = 'x';
    end += put_u16(frame + end, NODE_PORT_FIRST + node % NODE_PORTS);
    frame[end++] = TYPE_NORMAL;
    frame[end++] = 0;
    end += put_u16(frame + end, DISTRIBUTION_VERSION);
    end += put_u16(frame + end, DISTRIBUTION_VERSION);
    end += put_u16(frame + end, NODE_NAME_SIZE);
    end += put_name(frame + end, "node", node);
    end += put_u16(frame + end, 0);
    put_u16(frame, end - 2);
    return end;
}

static size_t frame_port_please(uint8_t *frame, const char *prefix, size_t node)
{
    put_u16(frame, 1 + NODE_NAME_SIZE);
    frame[2] = 'z';
    return 3 + put_name(frame + 3, prefix, node);
}

static size_t frame_known(uint8_t *frame, size_t node)
{
    return frame_port_please(frame, "node", node);
}

static size_t frame_unknown(uint8_t *frame, size_t node)
{
    return frame_port_please(frame, "none", node);
}

static size_t frame_names(uint8_t *frame, size_t node)
{
    (void)node;
    put_u16(frame, 1);
    frame[2] = 'n';
    return 3;
}

static size_t node_new(void)
{
    if (held_count == NODES_MAX) {
        errx(1, "more than %d nodes", NODES_MAX);
    }
    held[held_count] = -1;
    return held_count++;
}

/* A prime stride, so that neither the newest nor the neighbours are preferred. */
static size_t node_scattered(void)
{
    return held_count == 0 ? turn++ : turn++ * 7919 % held_count;
}

static size_t node_closed(void)
{
    if (held_count == 0) {
        errx(1, "cycle: no node is held");
    }
    const size_t node = turn++ % held_count;
    if (held[node] >= 0) {
        close(held[node]);
    }
    held[node] = -1;
    return node;
}

static void node_keep(size_t node, int fd)
{
    held[node] = fd;
}

static size_t held_whole(void)
{
    size_t whole = 0;
    for (size_t i = 0; i < held_count; i++) {
        char byte;
        if (held[i] >= 0 && recv(held[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
            errno == EAGAIN) {
            whole++;
        }
    }
    return whole;
}

static const struct {
    struct flight_kind kind;
    size_t (*next_node)(void);
} commands[] = {
    {{"register", frame_alive, {118, 0}, ALIVE2_X_RESP_SIZE}, node_new},
    {{"cycle", frame_alive, {118, 0}, ALIVE2_X_RESP_SIZE}, node_closed},
    {{"known", frame_known, {119, 0}, 0}, node_scattered},
    {{"unknown", frame_unknown, {119, 1}, 0}, node_scattered},
    /* NAMES begins with a port in 32 bits: two bytes are always zero. */
    {{"names", frame_names, {0, 0}, 0}, node_scattered},
};

static int compare(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static double latency_us(const struct flight_tally *tally, double quantile)
{
    const size_t answers = tally->answered + tally->refused;
    if (answers == 0) {
        return 0;
    }
    return (double)tally->latency_ns[(size_t)((double)(answers - 1) * quantile)] / 1000;
}

static void tally_print(const struct flight_tally *tally)
{
    qsort(tally->latency_ns, tally->answered + tally->refused, sizeof(uint64_t), compare);
    printf("{\"answered\": %zu, \"refused\": %zu, \"closed\": %zu, \"reset\": %zu, "
           "\"stalled\": %zu, \"bytes\": %llu, \"seconds\": %.6f, "
           "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f}\n",
           tally->answered, tally->refused, tally->closed, tally->reset, tally->stalled,
           (unsigned long long)tally->bytes, (double)tally->elapsed_ns / 1e9,
           latency_us(tally, 0.5), latency_us(tally, 0.99), latency_us(tally, 0.999));
}

static void command_run(struct flight_plan *plan, const char *word)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(word, commands[i].kind.word) != 0) {
            continue;
        }
        struct flight_tally tally = {.latency_ns = calloc(plan->count, sizeof(uint64_t))};
        if (tally.latency_ns == NULL) {
            err(1, "%zu latencies", plan->count);
        }
        plan->kind = &commands[i].kind;
        plan->next_node = commands[i].next_node;
        flight_run(plan, &tally);
        tally_print(&tally);
        free(tally.latency_ns);
        return;
    }
    errx(1, "%s: no such command", word);
}

/* Reads one line into `line` and `plan`; only the command's word stays in `line`. */
static bool command_read(char *line, int size, struct flight_plan *plan)
{
    if (!fgets(line, size, stdin)) {
        return false;
    }
    char *rest = strchr(line, ' ');
    if (!rest) {
        errx(1, "a command is KIND COUNT IN_FLIGHT MILLISECONDS");
    }
    *rest++ = '\0';
    plan->count = strtoul(rest, &rest, 10);
    plan->in_flight = strtoul(rest, &rest, 10);
    plan->duration_ns = strtoul(rest, &rest, 10) * 1000000u;
    return true;
}

static void descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        errx(2, "usage: load PORT");
    }

    struct flight_plan plan = {.keep = node_keep};
    plan.server.sin_family = AF_INET;
    plan.server.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    plan.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    descriptors_raise();
    setvbuf(stdout, NULL, _IOLBF, 0);

    char line[80];
    while (command_read(line, sizeof line, &plan)) {
        if (strcmp(line, "held") == 0) {
            printf("{\"held\": %zu}\n", held_whole());
        } else {
            command_run(&plan, line);
        }
    }
    return 0;
}
