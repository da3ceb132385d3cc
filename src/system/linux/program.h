/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that workers run: as it was opened, though another file may lie at its path by now.
 *
 * A newer program is on trial until program_settle(); meanwhile the one before it is kept
 * open, to go back to.
 */
#ifndef EPMD_SYSTEM_LINUX_PROGRAM_H
#define EPMD_SYSTEM_LINUX_PROGRAM_H

#include <stdbool.h>

struct program {
    char *path;       /* where newer images are found */
    int image;        /* what workers run */
    int image_before; /* what they ran before; -1: `image` is not on trial */
};

/* Takes over `path`, from malloc(3), and opens what lies there. Returns 0 or a negative
 * errno; program_close() either way. */
int program_open(struct program *program, char *path);

/* Takes over `path` and `image`, which is a descriptor. */
void program_adopt(struct program *program, char *path, int image);

/* Frees the path; the descriptors go with the process. */
void program_close(struct program *program);

/* Whether what lies at the path now could be executed: 0 or a negative errno. */
int program_check(const struct program *program);

/* Puts what lies at the path now on trial. Returns 0; or a negative errno, and nothing has
 * changed. */
int program_renew(struct program *program);

bool program_is_on_trial(const struct program *program);

/* Goes back to the program before, where one is on trial. Returns whether one was. */
bool program_fall_back(struct program *program);

/* Ends the trial: there is no way back. */
void program_settle(struct program *program);

#endif
