/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies: every field at its limits, every prefix, exact bytes. */
#include "core/protocol.h"

#include <string.h>

#include "guarded.h"
#include "requests.h"
#include "unit.h"

/* Decodes the frame alone, its last byte at the border. */
static enum refusal decode_part(const struct request *request, size_t frame_len,
                                struct protocol_request *out)
{
    return protocol_decode(guarded_copy(request->bytes + 2, frame_len), frame_len, out);
}

static enum refusal decode(const struct request *request, struct protocol_request *out)
{
    return decode_part(request, request->len - 2, out);
}

static void assert_same_node(const struct protocol_node *a, const struct protocol_node *b)
{
    assert_int_equal(a->port, b->port);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->protocol, b->protocol);
    assert_int_equal(a->highest, b->highest);
    assert_int_equal(a->lowest, b->lowest);
    assert_int_equal(a->name_len, b->name_len);
    assert_int_equal(a->extra_len, b->extra_len);
    assert_memory_equal(a->name, b->name, b->name_len);
    if (b->extra_len > 0) {
        assert_memory_equal(a->extra, b->extra, b->extra_len);
    }
}

static void frame_length_has_limits(void **state)
{
    (void)state;
    assert_int_equal(protocol_frame_check(0), REFUSAL_FRAME_EMPTY);
    for (size_t len = 1; len <= 3057; len++) {
        assert_int_equal(protocol_frame_check(len), REFUSAL_NONE);
    }
    assert_int_equal(protocol_frame_check(3058), REFUSAL_FRAME_TOO_LONG);
    assert_int_equal(protocol_frame_check(UINT16_MAX), REFUSAL_FRAME_TOO_LONG);
    assert_int_equal(protocol_frame_check(SIZE_MAX), REFUSAL_FRAME_TOO_LONG);
}

static void reads_all_fields_of_alive(void **state)
{
    (void)state;
    static const uint8_t extra[] = {0, 255, 10, 0};
    for (unsigned set = 0; set < 64; set++) {
        struct protocol_node info = node_info("alice");
        info.port = set & 1 ? UINT16_MAX : 0;
        info.type = set & 2 ? UINT8_MAX : 0;
        info.protocol = set & 4 ? UINT8_MAX : 0;
        info.highest = set & 8 ? UINT16_MAX : 0;
        info.lowest = set & 16 ? UINT16_MAX : 0;
        info.extra_len = set & 32 ? sizeof extra : 0;
        info.extra = extra;
        struct request request = request_alive(&info);
        struct protocol_request out;
        assert_int_equal(decode(&request, &out), REFUSAL_NONE);
        assert_int_equal(out.tag, PROTOCOL_ALIVE2_REQ);
        assert_same_node(&out.node, &info);
    }
}

static void longest_alive_is_read(void **state)
{
    (void)state;
    uint8_t name[NAME_MAX_LEN], extra[PROTOCOL_EXTRA_MAX] = {0};
    struct protocol_node info = node_info("");
    info.name = name;
    info.name_len = (uint16_t)repeat(name, "\xf4\x8f\xbf\xbf", NAME_MAX_CHARACTERS);
    info.extra = extra;
    info.extra_len = sizeof extra;
    struct request request = request_alive(&info);
    struct protocol_request out;
    assert_int_equal(info.name_len, NAME_MAX_LEN);
    assert_int_equal(request.len - 2, ALIVE_FIXED_LEN + 1020 + 1020);
    assert_int_equal(decode(&request, &out), REFUSAL_NONE);
    assert_same_node(&out.node, &info);
}

static void bytes_after_alive_are_ignored(void **state)
{
    (void)state;
    struct protocol_node info = node_info("alice");
    struct request request = request_alive(&info);
    struct protocol_request out;
    while (request.len - 2 < PROTOCOL_FRAME_MAX) {
        request_add_bytes(&request, "\xff", 1);
        assert_int_equal(decode(&request, &out), REFUSAL_NONE);
        assert_same_node(&out.node, &info);
    }
}

static void every_prefix_of_alive_is_truncated(void **state)
{
    (void)state;
    struct protocol_node info = node_info("alice");
    info.extra = (const uint8_t *)"extra";
    info.extra_len = 5;
    struct request request = request_alive(&info);
    for (size_t len = 1; len < request.len - 2; len++) {
        struct protocol_request out;
        assert_int_equal(decode_part(&request, len, &out), REFUSAL_TRUNCATED);
        assert_int_equal(out.tag, PROTOCOL_ALIVE2_REQ);
        assert_int_equal(out.node.port, len >= 3 ? info.port : 0);
        assert_int_equal(out.node.name_len, len >= 11 + 5 ? 5 : 0);
    }
}

static void lengths_beyond_the_frame_are_truncated(void **state)
{
    (void)state;
    static const uint8_t lengths[][2] = {{0, 6}, {0, 8}, {1, 0}, {0xff, 0xff}};
    struct protocol_node info = node_info("alice");
    for (size_t i = 0; i < LENGTH(lengths); i++) {
        struct request name = request_alive(&info), extra = name;
        struct protocol_request out;
        memcpy(name.bytes + 11, lengths[i], 2);
        assert_int_equal(decode(&name, &out), REFUSAL_TRUNCATED);
        memcpy(extra.bytes + 13 + 5, lengths[i], 2);
        assert_int_equal(decode(&extra, &out), REFUSAL_TRUNCATED);
        assert_int_equal(out.node.name_len, 5);
        assert_memory_equal(out.node.name, "alice", 5);
    }
}

static enum refusal decode_alive_with(const void *name, size_t name_len, size_t extra_len)
{
    static const uint8_t extra[PROTOCOL_EXTRA_MAX + 1];
    struct protocol_node info = node_info("");
    info.name = name;
    info.name_len = (uint16_t)name_len;
    info.extra = extra;
    info.extra_len = (uint16_t)extra_len;
    struct request request = request_alive(&info);
    struct protocol_request out;
    return decode(&request, &out);
}

static void alive_names_and_extras_have_limits(void **state)
{
    (void)state;
    uint8_t name[NAME_MAX_LEN + 4];
    static const char *const characters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x92\xa9"};
    for (size_t i = 0; i < LENGTH(characters); i++) {
        assert_int_equal(decode_alive_with(name, repeat(name, characters[i], 255), 0),
                         REFUSAL_NONE);
        assert_int_equal(decode_alive_with(name, repeat(name, characters[i], 256), 0),
                         REFUSAL_NAME_TOO_LONG);
    }
    assert_int_equal(decode_alive_with("", 0, 0), REFUSAL_NAME_EMPTY);
    assert_int_equal(decode_alive_with("", 0, 1), REFUSAL_NAME_EMPTY);
    assert_int_equal(decode_alive_with("a\0b", 3, 0), REFUSAL_NAME_HAS_NUL);
    assert_int_equal(decode_alive_with("a\0", 2, 0), REFUSAL_NAME_HAS_NUL);
    assert_int_equal(decode_alive_with("a\xff", 2, 0), REFUSAL_NAME_NOT_UTF8);
    assert_int_equal(decode_alive_with("a", 1, 1020), REFUSAL_NONE);
    assert_int_equal(decode_alive_with("a", 1, 1021), REFUSAL_EXTRA_TOO_LONG);
    assert_int_equal(decode_alive_with("a\0", 2, 1021), REFUSAL_NAME_HAS_NUL);
}

static void assert_name(uint8_t tag, const void *name, size_t len, enum refusal refusal,
                        size_t name_len)
{
    struct request request = request_named(tag, name, len);
    struct protocol_request out;
    assert_int_equal(decode(&request, &out), refusal);
    assert_int_equal(out.tag, tag);
    assert_int_equal(out.node.name_len, name_len);
    assert_memory_equal(out.node.name, name, name_len);
}

/* STOP_REQ may ask for what can be no name. */
static void assert_named(const void *name, size_t len, enum refusal refusal, size_t name_len)
{
    assert_name(PROTOCOL_PORT2_REQ, name, len, refusal, name_len);
    assert_name(PROTOCOL_STOP_REQ, name, len, len == 0 ? REFUSAL_NAME_EMPTY : REFUSAL_NONE,
                name_len);
}

static void name_goes_to_the_end_of_the_frame(void **state)
{
    (void)state;
    uint8_t name[PROTOCOL_FRAME_MAX];
    assert_named("a", 1, REFUSAL_NONE, 1);
    assert_named("alice\n", 6, REFUSAL_NONE, 6);
    size_t len = repeat(name, "\xf0\x9f\x92\xa9", 255);
    assert_named(name, len, REFUSAL_NONE, len);
    len = repeat(name, "a", 256);
    assert_named(name, len, REFUSAL_NAME_TOO_LONG, len);
    len = repeat(name, "a", PROTOCOL_FRAME_MAX - 1);
    assert_named(name, len, REFUSAL_NAME_TOO_LONG, len);
    assert_named("\xc3", 1, REFUSAL_NAME_NOT_UTF8, 1);
    assert_named("", 0, REFUSAL_NAME_EMPTY, 0);
}

static void one_trailing_nul_is_dropped(void **state)
{
    (void)state;
    uint8_t name[NAME_MAX_LEN + 1];
    assert_named("alice", 6, REFUSAL_NONE, 5);
    assert_named("alice\0", 7, REFUSAL_NAME_HAS_NUL, 6);
    assert_named("al\0ce", 5, REFUSAL_NAME_HAS_NUL, 5);
    assert_named("", 1, REFUSAL_NAME_EMPTY, 0);
    assert_named("\0", 2, REFUSAL_NAME_HAS_NUL, 1);
    assert_named("\xc3", 2, REFUSAL_NAME_NOT_UTF8, 1);
    size_t len = repeat(name, "\xf0\x9f\x92\xa9", 255);
    name[len] = '\0';
    assert_named(name, len + 1, REFUSAL_NONE, len);
}

static void bare_requests_are_their_tag(void **state)
{
    (void)state;
    static const uint8_t tags[] = {PROTOCOL_NAMES_REQ, PROTOCOL_DUMP_REQ, PROTOCOL_KILL_REQ,
                                   PROTOCOL_RELOAD_REQ, PROTOCOL_INFO_REQ};
    for (size_t i = 0; i < LENGTH(tags); i++) {
        struct request bare = request_bare(tags[i]), longer = request_named(tags[i], "xyz", 3);
        struct protocol_request out;
        assert_int_equal(decode(&bare, &out), REFUSAL_NONE);
        assert_int_equal(out.tag, tags[i]);
        assert_int_equal(decode(&longer, &out), REFUSAL_NONE);
        assert_int_equal(out.tag, tags[i]);
    }
}

static void other_tags_are_unknown(void **state)
{
    (void)state;
    struct protocol_request out;
    size_t n_known = 0;
    for (unsigned tag = 0; tag <= UINT8_MAX; tag++) {
        struct request request = request_named((uint8_t)tag, "alice", 5);
        bool unknown = decode(&request, &out) == REFUSAL_TAG_UNKNOWN;
        assert_int_equal(unknown, tag == 0 || !strchr("xzndksri", (int)tag));
        assert_int_equal(unknown, protocol_tag_name((uint8_t)tag) == NULL);
        n_known += !unknown;
    }
    assert_int_equal(n_known, 8);
    assert_int_equal(protocol_decode(guarded_copy("", 0), 0, &out), REFUSAL_TAG_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_length_has_limits),
        cmocka_unit_test(reads_all_fields_of_alive),
        cmocka_unit_test(longest_alive_is_read),
        cmocka_unit_test(bytes_after_alive_are_ignored),
        cmocka_unit_test(every_prefix_of_alive_is_truncated),
        cmocka_unit_test(lengths_beyond_the_frame_are_truncated),
        cmocka_unit_test(alive_names_and_extras_have_limits),
        cmocka_unit_test(name_goes_to_the_end_of_the_frame),
        cmocka_unit_test(one_trailing_nul_is_dropped),
        cmocka_unit_test(bare_requests_are_their_tag),
        cmocka_unit_test(other_tags_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
