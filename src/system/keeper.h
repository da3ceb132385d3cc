/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: a small parent that holds what the worker must not lose.
 *
 * It runs the worker, this same program, as its child. The worker hands it duplicates
 * of the listening sockets, of the state and of every registration's connection, in
 * the service manager's own protocol (FDSTORE=1), and may ask that the keeper confirms
 * or refuses each message (notify.h). When the worker dies the keeper starts it again
 * with all that it holds. A descriptor whose peer hangs up is dropped. The keeper reads
 * nothing that came from the network; of a message it only looks for lines that it knows.
 *
 * A new program is on trial until its worker has served for ten seconds. If the worker
 * ends within them, the keeper goes back to the program before at once. If not, the
 * keeper, too, becomes the new program: same process, same worker, nothing lost. Where
 * that fails it stays what it is.
 *
 * A worker that does not serve yet ends with its keeper; one that serves outlives it.
 */
#ifndef EPMD_SYSTEM_KEEPER_H
#define EPMD_SYSTEM_KEEPER_H

#include <stdbool.h>

/* A worker that ends with this asks to be replaced by the program now on disk. */
#define KEEPER_EXIT_RELOAD 75

/* What the keeper reports; `text` is one line without its end. */
typedef void keeper_log(int level, const char *text);

struct keeper_config {
    char *const *argv;       /* of this process, and so of its workers */
    keeper_log *log;         /* levels are syslog(3)'s */
    int (*on_ready)(void *); /* called once, when a worker serves; its non-zero result
                                ends keeper and worker, with EXIT_FAILURE */
    int (*serve)(void *);    /* what the first worker does; returns its exit status */
    void *argument;          /* of both */
};

/* Runs workers until one ends because it was asked to. Returns the exit status that
 * this process is to end with; or a negative errno where it cannot run any, and may serve
 * itself: -ENOSYS where the system lacks what the keeper needs. */
int keeper_run(const struct keeper_config *config);

/* Whether this process is a keeper that has become this program: keeper_run() then takes
 * over the worker that serves, calls neither `on_ready` nor `serve`, and returns
 * EXIT_FAILURE where it cannot. */
bool keeper_is_successor(void);

/* Has the system end this worker when its keeper ends, from now on; to be repeated after a
 * change of the user, which undoes it. Returns 0, or -ESRCH where the keeper has ended. */
int keeper_bind_worker(void);

/* Undoes that. A keeper that ends from now on is noticed by the worker's announcement. */
void keeper_release_worker(void);

#endif
