/* SPDX-License-Identifier: Apache-2.0 */
/* What people are shown: nodes, escapes, bounds. How it looks, tests/metrics shows. */
#include "metrics/page.h"

#include <string.h>

#include "guarded.h"
#include "text.h"
#include "unit.h"

static struct world world;
static struct client client;

static int setup(void **state)
{
    (void)state;
    world_init(&world);
    world.context.registry.max_live = OVERVIEW_NODES_MAX + 2;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_deinit(&world);
    return 0;
}

static const char *page(const struct overview *overview)
{
    return text_of(page_write, overview);
}

static void assert_shown(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        fail_msg("not shown: %s", part);
    }
}

static void a_node_is_a_row(void **state)
{
    (void)state;
    struct overview overview = text_overview(&world);
    client_register(&client, &world, 7, "alice");
    client.session.node->creation = 4242;
    overview.now_ms += 90061000;
    const char *text = page(&overview);
    assert_shown(text, "<tr><th scope=row><bdi>alice</bdi><td class='n port'>35099<td>normal<td "
                       "data-l=creation class=n>4242<td data-l=from>::1<td data-l=for class=n>"
                       "1 d 1 h</tr>\n");
    assert_shown(text, "<title>epmd on host.example</title>");
    assert_shown(text, "Port 4369, up for 1 d 1 h, version 1.2.3");
    client_close(&client);
    assert_shown(page(&overview), "No node is registered.");
}

static void types_have_names_or_numbers(void **state)
{
    (void)state;
    struct overview overview = text_overview(&world);
    client_register(&client, &world, 7, "alice");
    client.session.node->info.type = 72;
    assert_shown(page(&overview), "<td>hidden<td");
    client.session.node->info.type = 255;
    assert_shown(page(&overview), "<td>255<td");
    client_close(&client);
}

static void durations_are_short(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{-1, "up for 0 s,"},
                 {59999, "up for 59 s,"},
                 {60000, "up for 1 min,"},
                 {3599999, "up for 59 min,"},
                 {3600000, "up for 1 h 0 min,"},
                 {86399999, "up for 23 h 59 min,"},
                 {86400000, "up for 1 d 0 h,"}};
    struct overview overview = text_overview(&world);
    int64_t started_ms = world.context.self.started_ms - world.context.self.clock_ms;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        overview.now_ms = started_ms + cases[i].ms;
        assert_shown(page(&overview), cases[i].text);
    }
}

/* A name at the border of memory is read to its end and no further. */
static void names_are_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *name, *shown;
    } cases[] = {
        {"<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
        {"a&amp;b", "a&amp;amp;b"},
        {"'", "&#39;"},
        {"\"", "\\x22"},
        {"\\", "\\x5c"},
        {"\n\x1b[2J\x7f", "\\x0a\\x1b[2J\\x7f"},
        {"\xc2\x85", "\\xc2\\x85"},
        {"\xc5\xbc\xf0\x9f\x98\x80", "\xc5\xbc\xf0\x9f\x98\x80"},
    };
    struct overview overview = text_overview(&world);
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char shown[128];
        client_register(&client, &world, 7, cases[i].name);
        struct protocol_node *info = &client.session.node->info;
        const uint8_t *own = info->name;
        info->name = guarded_copy(own, info->name_len);
        snprintf(shown, sizeof shown, "<bdi>%s</bdi>", cases[i].shown);
        assert_shown(page(&overview), shown);
        assert_null(strstr(page(&overview), "<script"));
        info->name = own;
        client_close(&client);
    }
}

static void the_hosts_name_is_escaped(void **state)
{
    (void)state;
    struct overview overview = text_overview(&world);
    overview.host = "</title><script>";
    assert_null(strstr(page(&overview), "<script"));
    assert_int_equal(text_count(page(&overview), "&lt;/title&gt;&lt;script&gt;"), 2);
}

static void who_may_not_list_names_sees_none(void **state)
{
    (void)state;
    struct overview overview = text_overview(&world);
    overview.shows_names = false;
    client_register(&client, &world, 7, "secret");
    const char *text = page(&overview);
    assert_null(strstr(text, "secret"));
    assert_shown(text, "-allow_names");
    assert_shown(text, "<dt>Nodes</dt><dd>1</dd>");
    client_close(&client);
}

static void the_rest_is_counted(void **state)
{
    (void)state;
    struct overview overview = text_overview(&world);
    for (int i = 0; i < OVERVIEW_NODES_MAX + 2; i++) {
        char name[32];
        struct registry_node *node;
        snprintf(name, sizeof name, "n%d", i);
        struct protocol_node info = node_info(name);
        assert_int_equal(registry_add(&world.context.registry, &info, &node), REFUSAL_NONE);
    }
    const char *text = page(&overview);
    assert_int_equal(text_count(text, "<tr><th scope=row>"), OVERVIEW_NODES_MAX);
    assert_shown(text, "And 2 more");
}

static void counters_are_shown(void **state)
{
    (void)state;
    struct overview overview = text_overview(&world);
    world.context.counters.requests[PROTOCOL_PORT2_REQ] = 1234;
    world.context.counters.misses = 56;
    world.context.counters.refusals[REFUSAL_NAME_TAKEN] = 78;
    const char *text = page(&overview);
    assert_shown(text, "<dt>Lookups</dt><dd>1234</dd><dd class=note>56 found no node</dd>");
    assert_shown(text, "<dt>Refused</dt><dd>78</dd>");
    assert_shown(text, "<tr><td>the name is taken<td class=n>78</tr>");
    assert_null(strstr(text, refusal_text(REFUSAL_TRUNCATED)));
}

static void the_watcher_is_shown(void **state)
{
    (void)state;
    struct overview overview = text_overview(&world);
    assert_shown(page(&overview), "<dd>none</dd><dd class=note>a restart loses all nodes</dd>");
    world.context.self.watcher = INVENTORY_MANAGER;
    world.context.self.n_stored = 3;
    assert_shown(page(&overview), "<dd>manager</dd><dd class=note>holds 3 of 0 nodes</dd>");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_node_is_a_row),           TEST(types_have_names_or_numbers),
        TEST(durations_are_short),       TEST(names_are_escaped),
        TEST(the_hosts_name_is_escaped), TEST(who_may_not_list_names_sees_none),
        TEST(the_rest_is_counted),       TEST(counters_are_shown),
        TEST(the_watcher_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
