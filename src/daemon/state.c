/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's state in a file in memory. */
#include "daemon/state.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "core/wire.h"
#include "system/clock.h"
#include "system/log.h"
#include "system/memory_file.h"

#define PAGE_SIZE 4096u

/* Out of date by this much, and by as much as is true, it is written anew. */
#define SLACK ((uint64_t)1 << 20)

#define PAUSE_FIRST_MS 10
#define PAUSE_MAX_MS 10000

#define BUFFER_SIZE ((size_t)64 << 10)

#define NOTE_AT 64u
#define NOTE_SIZE (PAGE_SIZE - NOTE_AT)
static const char note_magic[8] = {'e', 'p', 'm', 'd', 'n', 'o', 't', 'e'};

/* For reading and writing, which never happen at once. */
static uint8_t buffer[BUFFER_SIZE];

int state_open(struct state *state, int fd)
{
    *state = (struct state){.fd = fd >= 0 ? fd : memory_file_new()};
    return state->fd < 0 ? state->fd : 0;
}

void state_close(struct state *state)
{
    if (state->fd >= 0) {
        close(state->fd);
    }
    *state = (struct state){.fd = -1};
}

/* ---- reading ---- */

/* Takes whole records from the beginning of some bytes. Returns how many bytes they were. */
typedef size_t record_taker(const uint8_t *records, size_t len, void *argument);

/* Hands all records to a taker, through a buffer that holds some at a time: a restart is to
 * need no more memory than what it restores. Returns 0, and in `*lost_len` how many bytes at
 * the end are no records; or a negative errno. */
static int state_take_records(const struct state *state, record_taker *take, void *argument,
                              uint64_t *lost_len)
{
    uint64_t at = state->start, end = state->end;
    while (at < end) {
        ssize_t n = memory_file_read(state->fd, at, buffer, sizeof buffer);
        if (n < 0) {
            return (int)n;
        }
        size_t taken = take(buffer, (size_t)n, argument);
        if (taken == 0) {
            break; /* where the next one begins is unknown */
        }
        at += taken;
    }
    *lost_len = at < end ? end - at : 0;
    return 0;
}

struct replay {
    struct registry *registry;
    struct snapshot_shedding shedding;
    struct snapshot_report *report;
};

static size_t take_to_replay(const uint8_t *records, size_t len, void *argument)
{
    struct replay *replay = argument;
    return snapshot_replay(records, len, replay->registry, &replay->shedding, replay->report);
}

static size_t take_to_count(const uint8_t *records, size_t len, void *argument)
{
    return snapshot_count(records, len, argument);
}

/* Chooses what to leave out at the n-th attempt. Returns 0 or a negative errno. */
static int state_choose(const struct state *state, unsigned n_sheddings,
                        struct snapshot_shedding *out)
{
    static struct snapshot_census census;
    uint64_t lost_len;
    out->departed = n_sheddings > 0;
    if (n_sheddings < 2) {
        return 0;
    }
    census = (struct snapshot_census){0};
    int status = state_take_records(state, take_to_count, &census, &lost_len);
    unsigned n_halvings = n_sheddings - 1;
    size_t n_kept = n_halvings < 8 * sizeof n_kept ? census.n_live >> n_halvings : 0;
    snapshot_choose(&census, n_kept, out);
    return status;
}

static uint64_t records_len(const struct registry *registry)
{
    uint64_t len = 0;
    const struct registry_node *node;
    DL_FOREACH (registry->departed, node) {
        len += snapshot_record_len(node);
    }
    DL_FOREACH (registry->live, node) {
        len += node->id ? snapshot_record_len(node) : 0;
    }
    return len;
}

/* Finds out where the records are. Returns 0 or a negative errno. */
static int state_find(struct state *state, uint32_t *version)
{
    uint8_t header[SNAPSHOT_HEADER_SIZE];
    ssize_t n = memory_file_read(state->fd, 0, header, sizeof header);
    int status = n < 0 ? (int)n : snapshot_decode_header(header, (size_t)n, &state->start, version);
    uint64_t file_len = memory_file_len(state->fd);
    /* Without a record the file ends before the place of the first one. */
    state->end = status == 0 && file_len < state->start ? state->start : file_len;
    return status;
}

int state_load(struct state *state, struct registry *registry, unsigned n_sheddings,
               struct snapshot_report *report)
{
    struct replay replay = {.registry = registry, .report = report};
    *report = (struct snapshot_report){0};
    int status = state_find(state, &report->version);
    if (status == 0) {
        status = state_choose(state, n_sheddings, &replay.shedding);
    }
    if (status == 0) {
        status = state_take_records(state, take_to_replay, &replay, &report->lost_len);
    }
    state->true_len = records_len(registry);
    state->dirty = status < 0 || n_sheddings > 0 || report->n_damaged > 0 || report->lost_len > 0;
    return status;
}

/* ---- the note ---- */

void state_read_note(struct state *state, struct state_note *out)
{
    struct wire_reader reader;
    struct state_note note;
    uint32_t version;
    *out = state->note = (struct state_note){0};
    ssize_t n = state_find(state, &version) < 0
                    ? 0
                    : memory_file_read(state->fd, NOTE_AT, buffer, NOTE_SIZE);
    if (n <= 0) {
        return;
    }
    wire_reader_init(&reader, buffer, (size_t)n);
    const uint8_t *magic = wire_read_bytes(&reader, sizeof note_magic);
    uint64_t start = wire_read_u64(&reader);
    if (reader.overrun || memcmp(magic, note_magic, sizeof note_magic) != 0 ||
        start != state->start) {
        return;
    }
    note.program = wire_read_u64(&reader);
    note.n_failed_starts = wire_read_u32(&reader);
    note.reloaded_ms = (int64_t)wire_read_u64(&reader);
    counters_read(&reader, &note.counters);
    if (reader.overrun) {
        return;
    }
    note.idle_since_ms = (int64_t)wire_read_u64(&reader); /* which older notes lack */
    note.idle_since_ms = reader.overrun ? 0 : note.idle_since_ms;
    *out = state->note = note;
}

int state_write_note(struct state *state, const struct state_note *note)
{
    struct wire_writer writer;
    if (state->start == 0) {
        return -EINVAL; /* there is no state that it could be about */
    }
    state->note = *note;
    wire_writer_init(&writer, buffer, NOTE_SIZE);
    wire_write_bytes(&writer, note_magic, sizeof note_magic);
    wire_write_u64(&writer, state->start);
    wire_write_u64(&writer, note->program);
    wire_write_u32(&writer, note->n_failed_starts);
    wire_write_u64(&writer, (uint64_t)note->reloaded_ms);
    counters_write(&writer, &note->counters);
    wire_write_u64(&writer, (uint64_t)note->idle_since_ms);
    return writer.overrun ? -ENOSPC
                          : memory_file_write(state->fd, NOTE_AT, buffer, wire_writer_len(&writer));
}

/* ---- writing ---- */

/* Collects records in the buffer for few large writes. */
struct buffered {
    int fd;
    uint64_t offset;
    size_t len;
    int error;
};

static void buffered_flush(struct buffered *buffered)
{
    if (buffered->error == 0) {
        buffered->error = memory_file_write(buffered->fd, buffered->offset, buffer, buffered->len);
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
    return buffer + buffered->len;
}

/* Writes the records of all that is known, from `start` on. Returns 0 or a negative errno,
 * and in `*end` where they end. */
static int state_write_records(const struct state *state, const struct registry *registry,
                               uint64_t start, uint64_t *end)
{
    struct buffered buffered = {.fd = state->fd, .offset = start};
    const struct registry_node *node;
    DL_FOREACH (registry->departed, node) {
        buffered.len += snapshot_encode_departed(buffered_room(&buffered), node);
    }
    /* From the oldest on, as they happened; the list's head knows its tail. */
    for (node = registry->live; node;) {
        node = node->prev;
        if (node->id) {
            buffered.len += snapshot_encode_live(buffered_room(&buffered), node);
        }
        node = node == registry->live ? NULL : node;
    }
    buffered_flush(&buffered);
    *end = buffered.offset;
    return buffered.error;
}

static int state_write_anew(struct state *state, const struct registry *registry)
{
    uint8_t header[SNAPSHOT_HEADER_SIZE];
    struct state_note note = state->note;
    uint64_t start = (state->end + PAGE_SIZE) / PAGE_SIZE * PAGE_SIZE, end;
    int status = state_write_records(state, registry, start, &end);
    if (status == 0) {
        snapshot_encode_header(header, start);
        status = memory_file_write(state->fd, 0, header, sizeof header);
    }
    if (status < 0) {
        memory_file_punch(state->fd, start, end);
        state->dirty = true;
        return status;
    }
    if (state->end > PAGE_SIZE) {
        memory_file_punch(state->fd, PAGE_SIZE, start);
    }
    *state = (struct state){
        .fd = state->fd, .start = start, .end = end, .true_len = records_len(registry)};
    (void)state_write_note(state, &note); /* it goes with the records' offset */
    return 0;
}

int state_rewrite(struct state *state, const struct registry *registry)
{
    int64_t now_ms = clock_now_ms();
    if (now_ms < state->again_at_ms) {
        return -EAGAIN;
    }
    int status = state_write_anew(state, registry);
    if (status == 0) {
        return 0;
    }
    if (state->pause_ms == 0) {
        log_line(LOG_ERR,
                 "cannot write the registrations' state: %s; the last registrations would not "
                 "survive a restart until it can be written",
                 strerror(-status));
    }
    int64_t longer_ms = state->pause_ms ? 2 * state->pause_ms : PAUSE_FIRST_MS;
    state->pause_ms = longer_ms < PAUSE_MAX_MS ? longer_ms : PAUSE_MAX_MS;
    state->again_at_ms = now_ms + state->pause_ms;
    return -EAGAIN;
}

/* What a write that failed has left must not stay: its bytes are a peer's, and behind the
 * next record they could be read as one. */
static int state_append(struct state *state, const uint8_t *record, size_t len)
{
    int status = memory_file_write(state->fd, state->end, record, len);
    if (status < 0) {
        memory_file_punch(state->fd, state->end, state->end + len);
        state->dirty = true;
        return status;
    }
    state->end += len;
    return 0;
}

int state_add(struct state *state, const struct registry_node *node)
{
    uint8_t record[SNAPSHOT_RECORD_MAX];
    size_t len = snapshot_encode_live(record, node);
    if (state->true_len + len > STATE_RECORDS_MAX) {
        return -EFBIG;
    }
    state->true_len += len;
    return state->dirty ? -EAGAIN : state_append(state, record, len);
}

void state_remove(struct state *state, const struct registry_node *node)
{
    uint8_t record[SNAPSHOT_RECORD_MAX];
    size_t len = snapshot_encode_gone(record, node);
    /* That its name is known for a while is left out: so many are known at a time, and no more. */
    state->true_len -= snapshot_record_len(node);
    if (!state->dirty) {
        state_append(state, record, len);
    }
}

bool state_is_stale(const struct state *state)
{
    return state->end - state->start > 2 * state->true_len + SLACK / 2;
}
