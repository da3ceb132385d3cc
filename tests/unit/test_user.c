/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming another user, from which there is no way back. */
#include "system/user.h"

#include <errno.h>
#include <grp.h>
#include <unistd.h>

#include "child.h"
#include "unit.h"

static struct user nobody;

/* Leaves EBADE in errno, which none of the calls here sets. */
static int that(int holds)
{
    errno = EBADE;
    return holds ? 0 : -1;
}

static int become_nobody(void)
{
    int status = user_become(&nobody);
    errno = -status;
    return status;
}

static int has_only_its_ids(void)
{
    uid_t uid[3];
    gid_t gid[3];
    const gid_t groups[] = {1, 2};
    if (setgroups(2, groups) < 0 || become_nobody() < 0 ||
        getresuid(&uid[0], &uid[1], &uid[2]) < 0 || getresgid(&gid[0], &gid[1], &gid[2]) < 0) {
        return -1;
    }
    for (int i = 0; i < 3; i++) {
        if (uid[i] != nobody.uid || gid[i] != nobody.gid) {
            return that(0);
        }
    }
    return that(getgroups(0, NULL) == 0);
}

static int cannot_return(void)
{
    const gid_t group = 0;
    return become_nobody() < 0
               ? -1
               : that(setuid(0) < 0 && seteuid(0) < 0 && setgid(0) < 0 && setgroups(1, &group) < 0);
}

static int may_become_itself(void)
{
    return become_nobody() < 0 || become_nobody() < 0 ? -1 : 0;
}

static int cannot_become_root(void)
{
    struct user root;
    return become_nobody() < 0 ? -1 : that(user_find("root", &root) == -EPERM);
}

static int cannot_become_by_force(void)
{
    const struct user daemon = {.uid = 1, .gid = 1};
    return become_nobody() < 0 ? -1 : that(user_become(&daemon) == -EPERM);
}

static void unknown_name(void **state)
{
    (void)state;
    struct user user;
    assert_int_equal(user_find("no-such-user-here", &user), -ENOENT);
    assert_int_equal(user_find("", &user), -ENOENT);
}

static void root_becomes_nobody(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        unit_cannot("only root can become another user");
    }
    assert_int_equal(user_find("nobody", &nobody), 0);
    assert_int_equal(child_outcome(has_only_its_ids), 0);
    assert_int_equal(child_outcome(cannot_return), 0);
    assert_int_equal(child_outcome(may_become_itself), 0);
    assert_int_equal(child_outcome(cannot_become_root), 0);
    assert_int_equal(child_outcome(cannot_become_by_force), 0);
}

static void users_have_a_text(void **state)
{
    (void)state;
    char text[32];
    user_format(0, text, sizeof text);
    assert_string_equal(text, "root");
    user_format(0, text, 3);
    assert_string_equal(text, "ro");
    user_format(3999999999, text, sizeof text);
    assert_string_equal(text, "3999999999");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_name),
        cmocka_unit_test(root_becomes_nobody),
        cmocka_unit_test(users_have_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
