/* SPDX-License-Identifier: Apache-2.0 */
/* Users. */
#include "system/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

static bool user_is_own(const struct user *user)
{
    return getuid() == user->uid && geteuid() == user->uid;
}

int user_find(const char *name, struct user *out)
{
    errno = 0;
    const struct passwd *entry = getpwnam(name);
    if (!entry) {
        /* getpwnam(3) may leave any other number in errno for a name that is not there. */
        bool failed = errno == EIO || errno == EINTR || errno == EMFILE || errno == ENFILE ||
                      errno == ENOMEM || errno == ERANGE;
        return failed ? -errno : -ENOENT;
    }
    const struct user found = {.uid = entry->pw_uid, .gid = entry->pw_gid};
    if (geteuid() != 0 && !user_is_own(&found)) {
        return -EPERM;
    }
    *out = found;
    return 0;
}

int user_become(const struct user *user)
{
    if (user_is_own(user)) {
        return 0;
    }
    /* From root, each of these sets all ids of its kind; the user's comes last, since
     * the groups need root. */
    if (setgroups(0, NULL) < 0 || setgid(user->gid) < 0 || setuid(user->uid) < 0) {
        return -errno;
    }
    return setuid(0) < 0 ? 0 : -EPERM;
}

void user_format(uid_t uid, char *text, size_t size)
{
    const struct passwd *entry = getpwuid(uid);
    if (entry) {
        snprintf(text, size, "%s", entry->pw_name);
    } else {
        snprintf(text, size, "%ju", (uintmax_t)uid);
    }
}
