/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is what a client sends over HTTP: a byte, which says in pieces of what length,
 * from where, and the bytes.
 *
 * The pieces change nothing, and every reply is one: a head, and a body of the length that
 * the head tells.
 */
#include <string.h>

#include "fuzz.h"
#include "metrics/scrape.h"

#define FLAG_NEAR 0x80

static struct overview overview;

static void look(void *argument, const struct endpoint *peer, bool local, struct overview *out)
{
    REQUIRE(!argument && peer && local == (peer->address.bytes[0] == 0));
    *out = overview;
}

static const struct scrape_context context = {.look = look};

static struct scrape_outcome feed(const struct endpoint *peer, const uint8_t *data, size_t size,
                                  size_t most)
{
    struct scrape scrape = {0};
    struct scrape_outcome outcome = {.verdict = SCRAPE_WAIT};
    bool local = peer->address.bytes[0] == 0;
    while (size > 0 && outcome.verdict == SCRAPE_WAIT) {
        size_t n = size < most ? size : most;
        n = n < scrape_want(&scrape) ? n : scrape_want(&scrape);
        REQUIRE(n > 0);
        scrape_receive(&scrape, &context, peer, local, data, n, &outcome);
        REQUIRE((outcome.verdict == SCRAPE_REPLY) == (outcome.reply != NULL));
        data += n;
        size -= n;
    }
    scrape_deinit(&scrape);
    return outcome;
}

static void require_reply(const struct scrape_outcome *outcome, const uint8_t *data, size_t size)
{
    static const char length[] = "\r\nContent-Length: ";
    const char *reply = (const char *)outcome->reply;
    const char *body = memmem(reply, outcome->reply_len, "\r\n\r\n", 4);
    REQUIRE(body && memcmp(reply, "HTTP/1.", 7) == 0 && outcome->status >= 200);
    REQUIRE(strtoul(reply + strlen("HTTP/1.x "), NULL, 10) == outcome->status);
    const char *told = memmem(reply, outcome->reply_len, length, strlen(length));
    REQUIRE(told && told < body);
    size_t len = outcome->reply_len - (size_t)(body + 4 - reply);
    REQUIRE(strtoul(told + strlen(length), NULL, 10) == len ||
            (len == 0 && size > 5 && memcmp(data, "HEAD ", 5) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct endpoint near = {.address = {{[15] = 1}}}, far = {.address = {{0x20}}};
    static const struct inventory_daemon daemon;
    static const struct counters counters;
    static struct registry registry;
    overview = (struct overview){
        .host = "host.example", .daemon = &daemon, .registry = &registry, .counters = &counters};
    if (size < 2) {
        return 0;
    }
    const struct endpoint *peer = data[0] & FLAG_NEAR ? &near : &far;
    size_t most = 1 + (data[0] & 0x7fu);
    struct scrape_outcome whole = feed(peer, data + 1, size - 1, SIZE_MAX);
    struct scrape_outcome pieces = feed(peer, data + 1, size - 1, most);
    REQUIRE(whole.verdict == pieces.verdict && whole.status == pieces.status);
    if (whole.verdict == SCRAPE_REPLY) {
        REQUIRE(whole.reply_len == pieces.reply_len);
        REQUIRE(memcmp(whole.reply, pieces.reply, whole.reply_len) == 0);
        require_reply(&whole, data + 1, size - 1);
        sheet_unref(whole.sheet);
        sheet_unref(pieces.sheet);
    }
    return 0;
}
