/* SPDX-License-Identifier: Apache-2.0 */
/* Which Host fields name this host. */
#include "metrics/host.h"

#include <string.h>

#include "guarded.h"
#include "unit.h"

static bool is_own(const char *host, const char *own)
{
    return host_is_own((const char *)guarded_copy(host, strlen(host)), strlen(host), own);
}

static void own_names_and_addresses_are(void **state)
{
    (void)state;
    static const char *const hosts[] = {
        "127.0.0.1",
        "127.0.0.1:9568",
        "192.0.2.7:1",
        "[::1]",
        "[::1]:9568",
        "[::1]:",
        "[2001:db8::1]:80",
        "localhost",
        "LocalHost:9568",
        "localhost.",
        "a.localhost:80",
        "web1.example.com",
        "WEB1.Example.Com",
        "web1",
        "web1:9568",
        "web1.",
        "web1.example.com.:9568",
        "localhost:",
    };
    for (size_t i = 0; i < LENGTH(hosts); i++) {
        if (!is_own(hosts[i], "web1.example.com")) {
            fail_msg("%s is own", hosts[i]);
        }
    }
}

static void others_are_not(void **state)
{
    (void)state;
    static const char *const hosts[] = {
        "",
        "attacker.example",
        "127.0.0.1.attacker.example",
        "localhost.attacker.example",
        "xlocalhost",
        ".",
        "..",
        ":9568",
        "[::1",
        "[::1]x",
        "[::1]:x",
        "[attacker.example]",
        "[]",
        "[",
        "127.0.0.1:9568x",
        "127.0.0.1:80:80",
        "::1",
        "web1.example",
        "web1.example.com.au",
        "web",
        "web11",
        "@localhost",
        "localhost ",
        "attacker:1@localhost",
        "localhost..",
        "11111111111111111111111111111111111111111111111111111111111111111111",
    };
    for (size_t i = 0; i < LENGTH(hosts); i++) {
        if (is_own(hosts[i], "web1.example.com")) {
            fail_msg("%s is another's", hosts[i]);
        }
    }
}

/* Where the host does not know its own name. */
static void no_name_is_no_host(void **state)
{
    (void)state;
    assert_false(is_own("", ""));
    assert_false(is_own(":1", ""));
    assert_false(is_own(".", ""));
    assert_false(is_own("a", ".a"));
    assert_true(is_own("localhost", ""));
}

static void a_nul_ends_nothing(void **state)
{
    (void)state;
    static const char host[] = "127.0.0.1\0.attacker";
    assert_false(host_is_own(host, sizeof host - 1, "host"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_names_and_addresses_are),
        cmocka_unit_test(others_are_not),
        cmocka_unit_test(no_name_is_no_host),
        cmocka_unit_test(a_nul_ends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
