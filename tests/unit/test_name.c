/* SPDX-License-Identifier: Apache-2.0 */
/* What a name may be, compared with what iconv(3) takes for UTF-8. */
#include "core/name.h"

#include <iconv.h>
#include <stdbool.h>
#include <string.h>

#include "guarded.h"
#include "requests.h"
#include "unit.h"

static iconv_t from_utf8;

static int open_oracle(void **state)
{
    (void)state;
    from_utf8 = iconv_open("UTF-32LE", "UTF-8");
    return from_utf8 == (iconv_t)-1 ? -1 : 0;
}

static int close_oracle(void **state)
{
    (void)state;
    return iconv_close(from_utf8);
}

static bool oracle_accepts(const uint8_t *bytes, size_t len)
{
    char in[8], out[64];
    char *in_at = in, *out_at = out;
    size_t in_left = len, out_left = sizeof out;
    memcpy(in, bytes, len);
    iconv(from_utf8, NULL, NULL, NULL, NULL);
    return iconv(from_utf8, &in_at, &in_left, &out_at, &out_left) == 0 && in_left == 0;
}

/* Returns whether it is a name, after comparing with the oracle. */
static bool compare(const uint8_t *bytes, size_t len)
{
    enum refusal expected = memchr(bytes, 0, len)        ? REFUSAL_NAME_HAS_NUL
                            : oracle_accepts(bytes, len) ? REFUSAL_NONE
                                                         : REFUSAL_NAME_NOT_UTF8;
    enum refusal refusal = name_check(guarded_copy(bytes, len), len);
    if (refusal != expected) {
        fail_msg("%zu bytes %02x %02x %02x %02x: %d, not %d", len, bytes[0], bytes[1], bytes[2],
                 bytes[3], refusal, expected);
    }
    return refusal == REFUSAL_NONE;
}

/* Puts bits into a form of `len` bytes, whether or not that is the right form. */
static void encode(uint32_t bits, size_t len, uint8_t bytes[4])
{
    static const uint8_t leads[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--) {
        bytes[i] = (uint8_t)(0x80 | (bits & 0x3f));
        bits >>= 6;
    }
    bytes[0] = (uint8_t)(leads[len] | bits);
}

/* Overlong forms, surrogates and what is above U+10FFFF are among them. */
static void every_form_of_every_code_point(void **state)
{
    (void)state;
    static const uint32_t n_forms[] = {0, 1 << 7, 1 << 11, 1 << 16, 1 << 21};
    static const uint32_t n_valid[] = {0, 0x7f, 0x800 - 0x80, 0x10000 - 0x800 - 0x800, 0x100000};
    for (size_t len = 1; len <= 4; len++) {
        uint32_t n_accepted = 0;
        for (uint32_t bits = 0; bits < n_forms[len]; bits++) {
            uint8_t bytes[4] = {0};
            encode(bits, len, bytes);
            n_accepted += compare(bytes, len);
        }
        assert_int_equal(n_accepted, n_valid[len]);
    }
}

static void every_pair_of_bytes(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair <= UINT16_MAX; pair++) {
        const uint8_t bytes[4] = {(uint8_t)(pair >> 8), (uint8_t)(pair & 0xff)};
        compare(bytes, 1);
        compare(bytes, 2);
    }
}

/* All first bytes, followed by what lies on both sides of each border. */
static void every_lead_with_borderline_tails(void **state)
{
    (void)state;
    static const uint8_t borders[] = {'a', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    for (unsigned lead = 1; lead <= UINT8_MAX; lead++) {
        for (size_t i = 0; i < LENGTH(borders) * LENGTH(borders) * LENGTH(borders); i++) {
            const uint8_t bytes[4] = {(uint8_t)lead, borders[i % LENGTH(borders)],
                                      borders[i / LENGTH(borders) % LENGTH(borders)],
                                      borders[i / LENGTH(borders) / LENGTH(borders)]};
            compare(bytes, 3);
            compare(bytes, 4);
        }
    }
}

static void cut_characters_are_not_utf8(void **state)
{
    (void)state;
    static const char *const texts[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x92\xa9"};
    for (size_t i = 0; i < LENGTH(texts); i++) {
        for (size_t cut = 1; cut < strlen(texts[i]); cut++) {
            uint8_t name[8] = "a";
            memcpy(name + 1, texts[i], cut);
            assert_int_equal(name_check(guarded_copy(name, 1 + cut), 1 + cut),
                             REFUSAL_NAME_NOT_UTF8);
            assert_int_equal(name_check(guarded_copy(name + 1, cut), cut), REFUSAL_NAME_NOT_UTF8);
        }
    }
}

static enum refusal check_repeated(const char *character, size_t n, const char *tail)
{
    uint8_t name[2 * NAME_MAX_LEN];
    size_t len = repeat(name, character, n);
    len += repeat(name + len, tail, 1);
    return name_check(guarded_copy(name, len), len);
}

static void up_to_255_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"a",
                                             "\x7f",
                                             "\xc2\x80",
                                             "\xdf\xbf",
                                             "\xe0\xa0\x80",
                                             "\xef\xbf\xbf",
                                             "\xf0\x90\x80\x80",
                                             "\xf4\x8f\xbf\xbf"};
    for (size_t i = 0; i < LENGTH(characters); i++) {
        for (size_t n = 1; n <= 300; n++) {
            assert_int_equal(check_repeated(characters[i], n, ""),
                             n <= 255 ? REFUSAL_NONE : REFUSAL_NAME_TOO_LONG);
        }
        assert_int_equal(check_repeated(characters[i], 254, "a"), REFUSAL_NONE);
        assert_int_equal(check_repeated(characters[i], 255, "a"), REFUSAL_NAME_TOO_LONG);
    }
}

static void closing_reasons_come_first(void **state)
{
    (void)state;
    uint8_t name[301];
    assert_int_equal(name_check(guarded_copy("", 0), 0), REFUSAL_NAME_EMPTY);
    assert_int_equal(name_check((const uint8_t *)"\xff\0", 2), REFUSAL_NAME_HAS_NUL);
    assert_int_equal(name_check((const uint8_t *)"\0", 1), REFUSAL_NAME_HAS_NUL);
    repeat(name, "a", 300);
    name[300] = '\0';
    assert_int_equal(name_check(name, 301), REFUSAL_NAME_HAS_NUL);
    assert_int_equal(check_repeated("a", 255, "\xff"), REFUSAL_NAME_NOT_UTF8);
    assert_int_equal(check_repeated("a", 300, "\xff"), REFUSAL_NAME_NOT_UTF8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_every_code_point),
        cmocka_unit_test(every_pair_of_bytes),
        cmocka_unit_test(every_lead_with_borderline_tails),
        cmocka_unit_test(cut_characters_are_not_utf8),
        cmocka_unit_test(up_to_255_characters),
        cmocka_unit_test(closing_reasons_come_first),
    };
    return cmocka_run_group_tests(tests, open_oracle, close_oracle);
}
