/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP without connections: what is answered, in pieces and whole, at the border of memory. */
#include "metrics/scrape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guarded.h"
#include "text.h"
#include "unit.h"

#define LOCAL "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

static struct world world;
static struct overview overview;
static struct scrape_context context;
static struct endpoint near = {.address = {{[15] = 1}}}, far;

static void look(void *argument, const struct endpoint *peer, bool local, struct overview *out)
{
    assert_ptr_equal(argument, &overview);
    assert_int_equal(local, peer == &near);
    *out = overview;
}

static int setup(void **state)
{
    static const uint8_t elsewhere[4] = {192, 0, 2, 1};
    (void)state;
    world_init(&world);
    overview = text_overview(&world);
    context = (struct scrape_context){.look = look, .argument = &overview};
    far.address = address_from_ipv4(elsewhere);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_deinit(&world);
    return 0;
}

/* Hands over at most `most` bytes at a time until there is a verdict. */
static struct scrape_outcome feed(const struct endpoint *peer, const char *bytes, size_t len,
                                  size_t most)
{
    struct scrape scrape = {0};
    struct scrape_outcome outcome = {.verdict = SCRAPE_WAIT};
    for (size_t at = 0; at < len && outcome.verdict == SCRAPE_WAIT;) {
        size_t n = len - at < most ? len - at : most;
        n = n < scrape_want(&scrape) ? n : scrape_want(&scrape);
        scrape_receive(&scrape, &context, peer, peer == &near, guarded_copy(bytes + at, n), n,
                       &outcome);
        at += n;
    }
    scrape_deinit(&scrape);
    return outcome;
}

/* The reply as a string, until the next call; NULL where there is none. */
static const char *reply_text(struct scrape_outcome outcome)
{
    static char *text;
    free(text);
    text = NULL;
    if (outcome.verdict == SCRAPE_REPLY) {
        text = strndup((const char *)outcome.reply, outcome.reply_len);
        assert_non_null(text);
        assert_int_equal(strlen(text), outcome.reply_len);
        sheet_unref(outcome.sheet);
    }
    return text;
}

static const char *ask_from(const struct endpoint *peer, const char *request)
{
    return reply_text(feed(peer, request, strlen(request), SIZE_MAX));
}

static const char *ask(const char *request)
{
    return ask_from(&far, request);
}

static unsigned status_of(const char *reply)
{
    return reply ? (unsigned)strtoul(reply + strlen("HTTP/1.1 "), NULL, 10) : 0;
}

static void a_reply_is_whole(void **state)
{
    (void)state;
    assert_string_equal(ask("GET /healthz HTTP/1.1\r\n\r\n"),
                        "HTTP/1.1 200 OK\r\n"
                        "Connection: close\r\n"
                        "Content-Type: text/plain; charset=utf-8\r\n"
                        "Content-Length: 3\r\n"
                        "Cache-Control: no-store\r\n"
                        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
                        "Referrer-Policy: no-referrer\r\n"
                        "X-Content-Type-Options: nosniff\r\n"
                        "Date: Thu, 01 Jan 1970 00:18:20 GMT\r\n"
                        "\r\n"
                        "ok\n");
}

static void head_is_get_without_the_body(void **state)
{
    (void)state;
    static const char *const paths[] = {"/", "/metrics", "/healthz", "/nowhere"};
    for (size_t i = 0; i < LENGTH(paths); i++) {
        char request[64];
        snprintf(request, sizeof request, "GET %s HTTP/1.0\n\n", paths[i]);
        char *whole = strdup(ask(request));
        snprintf(request, sizeof request, "HEAD %s HTTP/1.0\n\n", paths[i]);
        const char *head = ask(request);
        const char *body = strstr(whole, "\r\n\r\n") + 4;
        char length[64];
        snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", strlen(body));
        assert_true(strlen(body) > 0);
        assert_non_null(strstr(head, length));
        assert_int_equal(strlen(head), body - whole);
        assert_memory_equal(head, whole, strlen(head));
        free(whole);
    }
}

static void dates_are_right(void **state)
{
    (void)state;
    static const struct {
        int64_t unix_s;
        const char *date;
    } cases[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {-5, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {68255999, "Tue, 29 Feb 1972 23:59:59 GMT"},
        {68256000, "Wed, 01 Mar 1972 00:00:00 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {978307199, "Sun, 31 Dec 2000 23:59:59 GMT"},
        {1795802645, "Fri, 27 Nov 2026 18:04:05 GMT"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
        {4107542399, "Sun, 28 Feb 2100 23:59:59 GMT"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char line[64];
        overview.now_ms = cases[i].unix_s * 1000 - world.context.self.clock_ms;
        snprintf(line, sizeof line, "\r\nDate: %s\r\n", cases[i].date);
        assert_non_null(strstr(ask("GET /healthz HTTP/1.1\r\n\r\n"), line));
    }
}

static void health_tells_of_a_successor(void **state)
{
    (void)state;
    overview.is_draining = true;
    const char *reply = ask("GET /healthz HTTP/1.1\r\n\r\n");
    assert_int_equal(status_of(reply), 503);
    assert_non_null(strstr(reply, "\r\n\r\na successor takes over\n"));
    assert_int_equal(status_of(ask("GET /metrics HTTP/1.1\r\n\r\n")), 200);
}

static const struct {
    const char *request;
    unsigned status;
} requests[] = {
    {"GET / HTTP/1.1\r\n\r\n", 200},
    {"GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200},
    {"GET /healthz HTTP/1.9\r\n\r\n", 200},
    {"GET /healthz?x=/ HTTP/1.1\r\n\r\n", 200},
    {"GET /healthz#?x HTTP/1.1\r\n\r\n", 200},
    {"GET http://a:80/healthz?x HTTP/1.1\r\n\r\n", 200},
    {"GET /healthz HTTP/1.1\nHost: a\n\n", 200},
    {"GET /healthz HTTP/1.1\nHost:\t a \t\r\nX:\r\n\n", 200},
    {"GET /healthz HTTP/1.1\r\nContent-Length: 00\r\n\r\n", 200},
    {"GET /healthz HTTP/1.1\r\nX: \xff\tb\r\n\r\n", 200},
    /* what comes behind is not looked at */
    {"GET /healthz HTTP/1.1\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n", 200},
    {"GET /healthz HTTP/1.1\r\n\r\n\r\n\x01", 200},
    /* no head */
    {"\r\n\r\n", 400},
    {"\r\nGET / HTTP/1.1\r\n\r\n", 400},
    {"GET\r\n\r\n", 400},
    {"GET /\r\n", 400},
    {"GET /\r\n\r\n", 400},
    {"GET  / HTTP/1.1\r\n\r\n", 400},
    {"GET / x HTTP/1.1\r\n\r\n", 400},
    {" / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1 \r\n\r\n", 400},
    {"GET / HTTP/1.10\r\n\r\n", 400},
    {"GET / HTTP/1.\r\n\r\n", 400},
    {"GET / HTTP/1./\r\n\r\n", 400},
    {"GET / HTTP/1.:\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\n\r\n", 400},
    {"GET / http/1.1\r\n\r\n", 400},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
    {"GET / HTTP/1.1\rX: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nX : a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n X: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nX: a\r\n b: c\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nX: \x1f\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nX: \x7f\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nContent-Length:\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", 400},
    {"BREW / HTTP/1.1\r\nno colon\r\n\r\n", 400},
    /* a body */
    {"GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 413},
    {"POST / HTTP/1.1\r\ncontent-LENGTH: 99999999999999999999\r\n\r\n", 413},
    {"POST /nowhere HTTP/1.1\r\nContent-Length: 010\r\n\r\n", 413},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 413},
    {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 0\r\n\r\n", 413},
    {"POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", 413},
    /* other methods */
    {"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405},
    {"PUT /metrics HTTP/1.1\r\n\r\n", 405},
    {"DELETE /healthz HTTP/1.1\r\n\r\n", 405},
    {"OPTIONS / HTTP/1.1\r\n\r\n", 405},
    {"TRACE / HTTP/1.1\r\n\r\n", 405},
    {"PATCH / HTTP/1.1\r\n\r\n", 405},
    {"get / HTTP/1.1\r\n\r\n", 501},
    {"BREW / HTTP/1.1\r\n\r\n", 501},
    {"GETS / HTTP/1.1\r\n\r\n", 501},
    /* other paths */
    {"GET /metrics/ HTTP/1.1\r\n\r\n", 404},
    {"GET //metrics HTTP/1.1\r\n\r\n", 404},
    {"GET /metric HTTP/1.1\r\n\r\n", 404},
    {"GET /metrics%00 HTTP/1.1\r\n\r\n", 404},
    {"POST /nowhere HTTP/1.1\r\n\r\n", 404},
    {"GET ? HTTP/1.1\r\n\r\n", 404},
    {"GET http:// HTTP/1.1\r\n\r\n", 404},
    {"GET http://metrics HTTP/1.1\r\n\r\n", 404},
    {"GET https://a/metrics HTTP/1.1\r\n\r\n", 404},
    {"OPTIONS * HTTP/1.1\r\n\r\n", 404},
    {"CONNECT 127.0.0.1:4369 HTTP/1.1\r\n\r\n", 404},
};

static void each_request_has_its_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(requests); i++) {
        const char *reply = ask(requests[i].request);
        if (status_of(reply) != requests[i].status) {
            fail_msg("%s: %u is not %u", requests[i].request, status_of(reply), requests[i].status);
        }
        assert_non_null(strstr(reply, "\r\nConnection: close\r\n"));
        assert_true((strstr(reply, "\r\nAllow: GET, HEAD\r\n") != NULL) ==
                    (requests[i].status == 405));
    }
}

/* Of whatever length they are. */
static void pieces_change_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(requests); i++) {
        const char *request = requests[i].request;
        size_t len = strlen(request);
        char *whole = strdup(ask(request));
        for (size_t most = 1; most < len; most++) {
            assert_string_equal(reply_text(feed(&far, request, len, most)), whole);
        }
        free(whole);
    }
}

static void a_prefix_waits(void **state)
{
    (void)state;
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\n";
    for (size_t len = 1; len < sizeof request - 1; len++) {
        assert_int_equal(feed(&far, request, len, SIZE_MAX).verdict, SCRAPE_WAIT);
    }
    assert_int_equal(status_of(ask(request)), 200);
}

/* A head of `len` bytes, the last of which are "\r\n\r\n" where it ends. */
static char *long_head(size_t len)
{
    static const char start[] = "GET /healthz HTTP/1.1\r\nX: ";
    char *head = malloc(len + 1);
    assert_non_null(head);
    memset(head, 'a', len);
    memcpy(head, start, sizeof start - 1);
    memcpy(head + len - 4, "\r\n\r\n", 5);
    return head;
}

static void a_head_has_a_bound(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 1000, SCRAPE_REQUEST_MAX - 1, SIZE_MAX};
    char *fits = long_head(SCRAPE_REQUEST_MAX), *does_not = long_head(SCRAPE_REQUEST_MAX + 1);
    for (size_t i = 0; i < LENGTH(pieces); i++) {
        assert_int_equal(status_of(reply_text(feed(&far, fits, strlen(fits), pieces[i]))), 200);
        assert_int_equal(status_of(reply_text(feed(&far, does_not, strlen(does_not), pieces[i]))),
                         400);
    }
    free(fits);
    free(does_not);
}

static void no_more_is_wanted_than_fits(void **state)
{
    (void)state;
    struct scrape scrape = {0};
    struct scrape_outcome outcome;
    assert_int_equal(scrape_want(&scrape), SCRAPE_REQUEST_MAX);
    scrape_receive(&scrape, &context, &far, false, (const uint8_t *)"GET", 3, &outcome);
    assert_int_equal(scrape_want(&scrape), SCRAPE_REQUEST_MAX - 3);
    scrape_deinit(&scrape);
    assert_int_equal(scrape_want(&scrape), SCRAPE_REQUEST_MAX);
}

/* Over loopback a browser may have been sent here by a web site. */
static void over_loopback_only_own_hosts_are_served(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        unsigned near, far;
    } cases[] = {{"localhost:9568", 200, 200},     {"127.0.0.1:9568", 200, 200},
                 {"host.example", 200, 200},       {"HOST:1", 200, 200},
                 {"attacker.example", 403, 200},   {"host.example.org:9568", 403, 200},
                 {"localhost.attacker", 403, 200}, {"", 403, 200}};
    static const uint8_t mapped[4] = {127, 9, 9, 9};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char request[128];
        near.address = i % 2 ? address_from_ipv4(mapped) : (struct address){{[15] = 1}};
        snprintf(request, sizeof request, "GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n",
                 cases[i].host);
        assert_int_equal(status_of(ask_from(&near, request)), cases[i].near);
        assert_int_equal(status_of(ask_from(&far, request)), cases[i].far);
    }
    assert_int_equal(status_of(ask_from(&near, "GET /metrics HTTP/1.0\r\n\r\n")), 200);
    assert_int_equal(status_of(ask_from(&near, LOCAL)), 200);
    assert_int_equal(status_of(ask_from(&near, "GET http://a/metrics HTTP/1.1\r\n"
                                               "Host: localhost\r\n\r\n")),
                     403);
    assert_int_equal(status_of(ask_from(&near, "GET http://localhost/metrics HTTP/1.1\r\n"
                                               "Host: a\r\n\r\n")),
                     200);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reply_is_whole),
        TEST(head_is_get_without_the_body),
        TEST(dates_are_right),
        TEST(health_tells_of_a_successor),
        TEST(each_request_has_its_status),
        TEST(pieces_change_nothing),
        TEST(a_prefix_waits),
        TEST(a_head_has_a_bound),
        TEST(no_more_is_wanted_than_fits),
        TEST(over_loopback_only_own_hosts_are_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
