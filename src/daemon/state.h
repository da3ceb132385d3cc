/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry's state in a file in memory: what core/snapshot writes, and where.
 *
 * The records grow at the end. When most of them are out of date, all that is true is
 * written anew behind them, and only then does the header point there: at any moment
 * the file holds one whole state. Its memory stays within twice what is true and 1 MiB.
 *
 * A write that fails leaves the file as it was and the state dirty: nothing is appended to
 * it until all has been written anew, so no record can be missing between two others. To write
 * all anew costs as much as there is, so after a failure that waits, longer and longer.
 *
 * Beside the header, in the first page, stands what concerns processes and not nodes. An
 * older epmd does not read it, and a newer one knows by the records' offset whether it is
 * of the same state.
 */
#ifndef EPMD_DAEMON_STATE_H
#define EPMD_DAEMON_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/counters.h"
#include "core/registry.h"
#include "core/snapshot.h"

/* How long all records that are true may be together, in bytes: a registration beyond it is
 * not kept. */
#define STATE_RECORDS_MAX ((uint64_t)256 << 20)

/* What one process tells the next. */
struct state_note {
    uint64_t program;         /* which program was started, as memory_file tells files apart */
    uint32_t n_failed_starts; /* of it, one after the other, which never served */
    int64_t reloaded_ms;      /* when it was last asked to reload, of the monotonic clock */
    struct counters counters;
    int64_t idle_since_ms; /* when the last node left, of the same clock; 0: one is registered, or
                              that is not known */
};

struct state {
    int fd;              /* the file's, owned; -1: there is none */
    uint64_t start, end; /* of the records */
    uint64_t true_len;   /* how long those of live nodes are, and of the names that were departed
                            when all was written anew */
    bool dirty;          /* it lacks something, and is to be written anew */
    int64_t pause_ms;    /* after writing anew failed; 0: it has not */
    int64_t again_at_ms; /* not before, of the monotonic clock */
    /* As it was read or written last. The file is not asked again: the sandbox lets this process
     * write there, and read nothing. */
    struct state_note note;
};

/* Takes over a file, or makes one where `fd` is negative. Returns 0 or a negative errno. */
int state_open(struct state *state, int fd);

/* Reads what an earlier process wrote into an empty registry, a piece at a time, and leaves
 * out what `n_sheddings` says: 0 nothing; 1 the departed names; then half of the
 * registrations, three quarters, and so on. Returns 0, or a negative errno where nothing
 * could be used: -EPROTONOSUPPORT, and the version in `report`, where that process was of
 * another version. */
int state_load(struct state *state, struct registry *registry, unsigned n_sheddings,
               struct snapshot_report *report);

/* Reads or writes the note. The read one is all zero where there is none. Writing returns 0 or
 * a negative errno: -EINVAL where nothing has been written or found yet. */
void state_read_note(struct state *state, struct state_note *out);
int state_write_note(struct state *state, const struct state_note *note);

/* Writes everything anew. Returns 0; or -EAGAIN, and the old state stays, dirty: the reason has
 * been logged, and the next try is due later. */
int state_rewrite(struct state *state, const struct registry *registry);

/* Writes that a node has registered; the registry has it already. Returns 0; -EFBIG where
 * the state has no room for it; or another negative errno, and the state is dirty. */
int state_add(struct state *state, const struct registry_node *node);

/* Writes that a node that was added has left. What cannot be written makes the state
 * dirty. */
void state_remove(struct state *state, const struct registry_node *node);

/* Whether most of the records are out of date, so that state_rewrite() would save memory. */
bool state_is_stale(const struct state *state);

/* Closes our descriptor of the file. */
void state_close(struct state *state);

#endif
