/* SPDX-License-Identifier: Apache-2.0 */
/* The registrations that were refused lately: the last of each name, the oldest goes first. */
#include "core/denials.h"

#include <stdio.h>
#include <string.h>

#include "requests.h"
#include "unit.h"

static struct denials denials;

static int setup(void **state)
{
    (void)state;
    denials = (struct denials){0};
    return 0;
}

static void add(const char *name, enum refusal refusal, int64_t at_ms)
{
    struct protocol_node info = node_info(name);
    denials_add(&denials, &info, refusal, at_ms);
}

static const struct denial *find(const char *name)
{
    for (size_t i = 0; i < denials.n; i++) {
        const struct denial *denial = &denials.list[i];
        if (denial->name_len == strlen(name) && memcmp(denial->name, name, strlen(name)) == 0) {
            return denial;
        }
    }
    return NULL;
}

static void the_last_of_a_name_is_kept(void **state)
{
    (void)state;
    add("alice", REFUSAL_NAME_TAKEN, 1);
    add("alic", REFUSAL_NO_MEMORY, 2);
    add("alice", REFUSAL_REGISTRY_FULL, 3);
    assert_int_equal(denials.n, 2);
    assert_int_equal(find("alice")->refusal, REFUSAL_REGISTRY_FULL);
    assert_int_equal(find("alice")->at_ms, 3);
    assert_int_equal(find("alic")->refusal, REFUSAL_NO_MEMORY);
    assert_int_equal(denials.generation, 3);
}

static void the_oldest_is_forgotten_first(void **state)
{
    (void)state;
    char name[16];
    for (int i = 0; i < DENIALS_MAX; i++) {
        snprintf(name, sizeof name, "node%d", i);
        add(name, REFUSAL_NAME_TAKEN, i);
    }
    add("node0", REFUSAL_NAME_TAKEN, DENIALS_MAX);
    add("one more", REFUSAL_NAME_TAKEN, DENIALS_MAX + 1);
    assert_int_equal(denials.n, DENIALS_MAX);
    assert_null(find("node1"));
    assert_non_null(find("node0"));
    assert_non_null(find("node2"));
    assert_non_null(find("one more"));
}

static void the_longest_name_fits_and_a_longer_one_is_not_kept(void **state)
{
    (void)state;
    static uint8_t name[NAME_MAX_LEN + 1];
    memset(name, 'n', sizeof name);
    struct protocol_node info = {.name = name, .name_len = sizeof name};
    denials_add(&denials, &info, REFUSAL_NAME_TOO_LONG, 1);
    assert_int_equal(denials.n, 0);
    info.name_len = NAME_MAX_LEN;
    denials_add(&denials, &info, REFUSAL_NAME_TOO_LONG, 1);
    assert_int_equal(denials.n, 1);
    assert_memory_equal(denials.list[0].name, name, NAME_MAX_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_last_of_a_name_is_kept, setup),
        cmocka_unit_test_setup(the_oldest_is_forgotten_first, setup),
        cmocka_unit_test_setup(the_longest_name_fits_and_a_longer_one_is_not_kept, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
