/* SPDX-License-Identifier: Apache-2.0 */
/* What Prometheus is told: values, escapes, bounds. */
#include "metrics/exposition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "guarded.h"
#include "text.h"
#include "unit.h"

static struct world world;

static int setup(void **state)
{
    (void)state;
    world_init(&world);
    world.context.registry.max_live = OVERVIEW_NODES_MAX + 1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_deinit(&world);
    return 0;
}

static struct registry_node *add(const char *name)
{
    struct protocol_node info = node_info(name);
    struct registry_node *node = NULL;
    info.port = 4000;
    assert_int_equal(registry_add(&world.context.registry, &info, &node), REFUSAL_NONE);
    node->since_ms = WORLD_NOW_MS - 40000;
    return node;
}

/* Needs `line` as a whole line. */
static void assert_line(const char *text, const char *line)
{
    const char *at = strstr(text, line);
    while (at && !((at == text || at[-1] == '\n') && at[strlen(line)] == '\n')) {
        at = strstr(at + 1, line);
    }
    if (!at) {
        fail_msg("no line %s in\n%s", line, text);
    }
}

static void facts_are_values(void **state)
{
    (void)state;
    struct counters *counters = &world.context.counters;
    struct overview overview = text_overview(&world);
    overview.n_connections = 7;
    overview.n_waiting = 8;
    world.context.self.n_stored = 9;
    world.context.self.watcher = INVENTORY_KEEPER;
    counters->requests[PROTOCOL_PORT2_REQ] = UINT64_MAX;
    counters->refusals[REFUSAL_NAME_TAKEN] = 3;
    counters->misses = 4;
    counters->unregistrations = 5;
    counters->connections = 6;
    counters->expired = 10;
    counters->evicted = 11;
    registry_remove(&world.context.registry, add("departed"));
    add("live")->peer.address = address_from_ipv4((const uint8_t[4]){10, 1, 2, 3});
    static const char *const lines[] = {
        "epmd_build_info{version=\"1.2.3\"} 1",
        "epmd_host_info{host=\"host.example\",port=\"4369\"} 1",
        "epmd_nodes 1",
        "epmd_nodes_max 1001",
        "epmd_nodes_unlisted 0",
        "epmd_departed_names 1",
        ("epmd_node_info{name=\"live\",type=\"normal\",lowest_version=\"5\",highest_version=\"6\","
         "peer=\"10.1.2.3\"} 1"),
        "epmd_node_port{name=\"live\"} 4000",
        "epmd_node_registered_timestamp_seconds{name=\"live\"} 1060",
        "epmd_requests_total{request=\"PORT_PLEASE2_REQ\"} 18446744073709551615",
        "epmd_requests_total{request=\"RELOAD_REQ\"} 0",
        "epmd_lookup_misses_total 4",
        "epmd_unregistrations_total 5",
        "epmd_refusals_total{reason=\"name_taken\"} 3",
        "epmd_refusals_total{reason=\"frame_empty\"} 0",
        "epmd_connections 7",
        "epmd_connections_max 1001",
        "epmd_unread_reply_bytes 8",
        "epmd_connections_accepted_total 6",
        "epmd_connections_expired_total 10",
        "epmd_connections_evicted_total 11",
        "epmd_watcher{kind=\"none\"} 0",
        "epmd_watcher{kind=\"keeper\"} 1",
        "epmd_watcher{kind=\"manager\"} 0",
        "epmd_stored_registrations 9",
        "process_start_time_seconds 1000.000000",
        "process_cpu_seconds_total 1.234567",
    };
    const char *text = text_of(&overview);
    for (size_t i = 0; i < LENGTH(lines); i++) {
        assert_line(text, lines[i]);
    }
}

static void every_refusal_has_a_series_of_its_own(void **state)
{
    (void)state;
    struct overview overview = text_overview(&world);
    const char *text = text_of(&overview);
    for (int i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++) {
        char line[128];
        snprintf(line, sizeof line, "epmd_refusals_total{reason=\"%s\"} 0",
                 refusal_word((enum refusal)i));
        assert_line(text, line);
        assert_int_equal(text_count(text, line), 1);
    }
}

/* A name at the border of memory is read to its end and no further. */
static void names_are_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *name, *label;
    } cases[] = {
        {"\\", "\\\\"},
        {"\"", "\\\""},
        {"\n", "\\n"},
        {"a\\n\"\n", "a\\\\n\\\"\\n"},
        {"\"} 1\nepmd_nodes 9", "\\\"} 1\\nepmd_nodes 9"},
        {"<b>&'", "<b>&'"},
        {"\x01\x7f\r\t", "\x01\x7f\r\t"},
        {"\xc5\xbc\xf0\x9f\x98\x80", "\xc5\xbc\xf0\x9f\x98\x80"},
    };
    struct overview overview = text_overview(&world);
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char line[128];
        struct registry_node *node = add(cases[i].name);
        const uint8_t *own = node->info.name;
        node->info.name = guarded_copy(own, node->info.name_len);
        snprintf(line, sizeof line, "epmd_node_port{name=\"%s\"} 4000", cases[i].label);
        assert_line(text_of(&overview), line);
        node->info.name = own;
        registry_remove(&world.context.registry, node);
    }
}

static void names_may_be_left_out(void **state)
{
    (void)state;
    struct overview overview = text_overview(&world);
    overview.shows_names = false;
    add("secret");
    const char *text = text_of(&overview);
    assert_null(strstr(text, "secret"));
    assert_line(text, "epmd_nodes 1");
    assert_line(text, "epmd_nodes_unlisted 1");
}

static void types_have_names_or_numbers(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        const char *label;
    } cases[] = {{77, "normal"}, {72, "hidden"}, {0, "0"}, {104, "104"}, {255, "255"}};
    struct overview overview = text_overview(&world);
    struct registry_node *node = add("a");
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char part[64];
        node->info.type = cases[i].type;
        snprintf(part, sizeof part, "epmd_node_info{name=\"a\",type=\"%s\",", cases[i].label);
        assert_non_null(strstr(text_of(&overview), part));
    }
}

static void the_hosts_name_is_escaped(void **state)
{
    (void)state;
    struct overview overview = text_overview(&world);
    overview.host = "a\"} 1\nb\\";
    assert_line(text_of(&overview), "epmd_host_info{host=\"a\\\"} 1\\nb\\\\\",port=\"4369\"} 1");
}

/* The second registers first again, and is then the youngest. */
static void the_oldest_is_first(void **state)
{
    (void)state;
    static const char *const families[] = {"\nepmd_node_info{name=", "\nepmd_node_port{name=",
                                           "\nepmd_node_registered_timestamp_seconds{name="};
    struct overview overview = text_overview(&world);
    add("one");
    struct registry_node *two = add("two");
    add("three");
    registry_remove(&world.context.registry, two);
    add("two");
    const char *text = text_of(&overview);
    for (size_t i = 0; i < LENGTH(families); i++) {
        static const char *const names[] = {"\"one\"", "\"three\"", "\"two\""};
        for (size_t k = 0; k < LENGTH(names); k++) {
            text = strstr(text, families[i]);
            assert_non_null(text);
            text += strlen(families[i]);
            assert_memory_equal(text, names[k], strlen(names[k]));
        }
    }
}

static void only_so_many_nodes_are_listed(void **state)
{
    (void)state;
    struct overview overview = text_overview(&world);
    char name[32];
    for (int i = 0; i <= OVERVIEW_NODES_MAX; i++) {
        snprintf(name, sizeof name, "n%d", i);
        add(name);
    }
    const char *text = text_of(&overview);
    assert_int_equal(text_count(text, "\nepmd_node_port{"), OVERVIEW_NODES_MAX);
    assert_int_equal(text_count(text, "\nepmd_node_registered_timestamp_seconds{"),
                     OVERVIEW_NODES_MAX);
    assert_line(text, "epmd_nodes_unlisted 1");
    assert_int_equal(text_count(text, "\nepmd_node_info{"), OVERVIEW_NODES_MAX);
    assert_non_null(strstr(text, "\"n0\""));
    snprintf(name, sizeof name, "\"n%d\"", OVERVIEW_NODES_MAX);
    assert_null(strstr(text, name));
}

static void only_so_many_bytes_of_names_are_listed(void **state)
{
    (void)state;
    const size_t fit = OVERVIEW_NAMES_SIZE_MAX / NAME_MAX_LEN;
    struct overview overview = text_overview(&world);
    char name[NAME_MAX_LEN + 1] = "";
    repeat((uint8_t *)name, "\xf4\x8f\xbf\xbf", NAME_MAX_CHARACTERS);
    for (size_t i = 0; i <= fit; i++) {
        name[NAME_MAX_LEN - 1] = (char)(0x80 + i % 64);
        name[NAME_MAX_LEN - 2] = (char)(0x80 + i / 64);
        add(name);
    }
    assert_int_equal(overview_count_shown(&overview), fit);
    assert_int_equal(text_count(text_of(&overview), "\nepmd_node_port{"), fit);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(facts_are_values),
        TEST(every_refusal_has_a_series_of_its_own),
        TEST(names_are_escaped),
        TEST(names_may_be_left_out),
        TEST(types_have_names_or_numbers),
        TEST(the_hosts_name_is_escaped),
        TEST(the_oldest_is_first),
        TEST(only_so_many_nodes_are_listed),
        TEST(only_so_many_bytes_of_names_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
