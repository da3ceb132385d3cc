/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's state in a file in memory. */
#include "daemon/state.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "system/memory_file.h"

#define PAGE_SIZE 4096u
#define READ_MAX ((size_t)256 << 20)

/* Out of date by this much, and by as much as is true, it is written anew. */
#define SLACK ((uint64_t)1 << 20)

#define BUFFER_SIZE ((size_t)64 << 10)

/* Collects records for few large writes. */
struct buffered {
    int fd;
    uint64_t offset;
    size_t len;
    int error;
    uint8_t bytes[BUFFER_SIZE];
};

int state_open(struct state *state, int fd)
{
    *state = (struct state){.fd = fd >= 0 ? fd : memory_file_new()};
    return state->fd < 0 ? state->fd : 0;
}

/* Reads all records. Returns 0 and memory that the caller frees, or a negative errno. */
static int state_read_records(struct state *state, uint8_t **out, size_t *len)
{
    uint64_t file_len = memory_file_len(state->fd);
    uint64_t records_len = file_len > state->start ? file_len - state->start : 0;
    if (records_len > READ_MAX) {
        return -EFBIG;
    }
    uint8_t *records = malloc((size_t)records_len + 1);
    if (!records) {
        return -ENOMEM;
    }
    ssize_t n = memory_file_read(state->fd, state->start, records, (size_t)records_len);
    if (n < 0) {
        free(records);
        return (int)n;
    }
    *out = records;
    *len = (size_t)n;
    return 0;
}

int state_load(struct state *state, struct registry *registry, struct snapshot_report *report)
{
    uint8_t header[SNAPSHOT_HEADER_SIZE];
    uint8_t *records = NULL;
    size_t len = 0;
    *report = (struct snapshot_report){0};

    state->end = memory_file_len(state->fd);
    ssize_t n = memory_file_read(state->fd, 0, header, sizeof header);
    if (n < 0) {
        return (int)n;
    }
    int status = snapshot_decode_header(header, (size_t)n, &state->start, &report->version);
    if (status == 0) {
        status = state_read_records(state, &records, &len);
    }
    if (status < 0) {
        return status;
    }
    snapshot_replay(records, len, registry, report);
    free(records);
    return 0;
}

static void buffered_flush(struct buffered *buffered)
{
    if (buffered->error == 0) {
        buffered->error =
            memory_file_write(buffered->fd, buffered->offset, buffered->bytes, buffered->len);
    }
    buffered->offset += buffered->len;
    buffered->len = 0;
}

/* Returns where the next record, of up to SNAPSHOT_RECORD_MAX bytes, is to be put. */
static uint8_t *buffered_room(struct buffered *buffered)
{
    if (buffered->len + SNAPSHOT_RECORD_MAX > BUFFER_SIZE) {
        buffered_flush(buffered);
    }
    return buffered->bytes + buffered->len;
}

int state_rewrite(struct state *state, const struct registry *registry)
{
    static struct buffered buffered;
    const struct registry_node *node;
    uint8_t header[SNAPSHOT_HEADER_SIZE];
    uint64_t start = (state->end + PAGE_SIZE) / PAGE_SIZE * PAGE_SIZE;
    if (state->fd < 0) {
        return 0;
    }
    buffered.fd = state->fd;
    buffered.offset = start;
    buffered.error = 0;
    DL_FOREACH (registry->departed, node) {
        buffered.len += snapshot_encode_departed(buffered_room(&buffered), node);
    }
    /* From the oldest on, as they happened; the list's head knows its tail. */
    for (node = registry->live; node;) {
        node = node->prev;
        buffered.len += snapshot_encode_live(buffered_room(&buffered), node);
        node = node == registry->live ? NULL : node;
    }
    buffered_flush(&buffered);
    if (buffered.error < 0) {
        return buffered.error;
    }
    snapshot_encode_header(header, start);
    int status = memory_file_write(state->fd, 0, header, sizeof header);
    if (status < 0) {
        return status;
    }
    if (state->end > PAGE_SIZE) {
        memory_file_punch(state->fd, PAGE_SIZE, start);
    }
    state->start = start;
    state->end = buffered.offset;
    state->fresh_len = state->end - start;
    return 0;
}

static int state_append(struct state *state, const uint8_t *record, size_t len)
{
    int status = state->fd < 0 ? 0 : memory_file_write(state->fd, state->end, record, len);
    if (status == 0) {
        state->end += len;
    }
    return status;
}

int state_add(struct state *state, const struct registry *registry,
              const struct registry_node *node)
{
    uint8_t record[SNAPSHOT_RECORD_MAX];
    if (state->end - state->start > 2 * state->fresh_len + SLACK) {
        return state_rewrite(state, registry);
    }
    return state_append(state, record, snapshot_encode_live(record, node));
}

int state_remove(struct state *state, const struct registry_node *node)
{
    uint8_t record[SNAPSHOT_RECORD_MAX];
    return state_append(state, record, snapshot_encode_left(record, node));
}

void state_close(struct state *state)
{
    if (state->fd >= 0) {
        close(state->fd);
    }
    state->fd = -1;
}
