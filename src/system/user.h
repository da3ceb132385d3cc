/* SPDX-License-Identifier: Apache-2.0 */
/* Users: how they are called, and the one that a process which root has started becomes. */
#ifndef EPMD_SYSTEM_USER_H
#define EPMD_SYSTEM_USER_H

#include <stddef.h>
#include <sys/types.h>

struct user {
    uid_t uid;
    gid_t gid; /* the user's own group */
};

/* Looks a user up by name. Returns 0; -ENOENT where there is none of that name, -EPERM
 * where this process could not become it, or another negative errno. */
int user_find(const char *name, struct user *out);

/* Becomes that user, in its own group alone, and makes sure that there is no way back.
 * Does nothing where this process runs as that user. Returns 0, or a negative errno:
 * then the process must not go on. */
int user_become(const struct user *user);

/* Writes a user's name, or the number where it has none; cut to `size` bytes. */
void user_format(uid_t uid, char *text, size_t size);

#endif
