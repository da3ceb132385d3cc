/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of this host, as far as this one may look into them. */
#ifndef EPMD_SYSTEM_PROCESSES_H
#define EPMD_SYSTEM_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESSES_NAME_SIZE 32
#define PROCESSES_PATH_SIZE 256 /* what is longer is cut */

struct process {
    pid_t pid;
    char name[PROCESSES_NAME_SIZE];    /* as ps(1) shows it, or empty */
    char program[PROCESSES_PATH_SIZE]; /* the file that it executes; empty: not to be told */
    bool replaced;                     /* another file, or none, is there now */
    bool missing;                      /* none is */
};

/* Calls `visit` for each socket that a process has open: once for each descriptor, so
 * perhaps for several processes. Sets `*hidden` if there are processes that may not be
 * looked into. Returns 0, or a negative errno: -ENOSYS where this system does not tell,
 * -ENOENT where /proc is not mounted. */
int processes_visit_sockets(void (*visit)(void *argument, pid_t pid, uint32_t inode),
                            void *argument, bool *hidden);

/* Finds out about one process what may be known; the rest is empty. */
void processes_describe(pid_t pid, struct process *out);

/* Names this process after the program's file in `argv0`, as ps(1) and pgrep(1) show it: before
 * Linux 6.14 one that was executed by descriptor is named after the descriptor's number. */
void processes_name_own(const char *argv0);

#endif
