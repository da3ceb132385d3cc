/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP connection's life, without the connection. */
#include "metrics/scrape.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/answer.h"
#include "metrics/head.h"
#include "metrics/host.h"

void scrape_deinit(struct scrape *scrape)
{
    free(scrape->held);
    *scrape = (struct scrape){0};
}

size_t scrape_want(const struct scrape *scrape)
{
    return SCRAPE_REQUEST_MAX - scrape->held_len;
}

/* Appends to what came before. Returns NULL without memory. */
static const uint8_t *scrape_hold(struct scrape *scrape, const uint8_t *bytes, size_t len)
{
    if (!scrape->held) {
        scrape->held = malloc(SCRAPE_REQUEST_MAX);
        if (!scrape->held) {
            return NULL;
        }
    }
    memcpy(scrape->held + scrape->held_len, bytes, len);
    scrape->held_len = (uint16_t)(scrape->held_len + len);
    return scrape->held;
}

/* A browser on this host may have been sent here by another site. From elsewhere a client may
 * call this host by names that the host does not know. */
static bool may_be_rebound(const struct head *head, const struct endpoint *peer, const char *own)
{
    return head->host.at && address_is_loopback(&peer->address) &&
           !host_is_own(head->host.at, head->host.len, own);
}

static void scrape_serve(const struct head *head, const struct overview *overview,
                         const struct endpoint *peer, struct answer *answer)
{
    answer_maker *make = answer_find(head->path.at, head->path.len);
    if (!make) {
        answer_text(answer, 404, "not found; there are /, /metrics, /healthz\n");
    } else if (head->method == HEAD_OTHER) {
        answer_text(answer, 405, "only GET and HEAD\n");
    } else if (may_be_rebound(head, peer, overview->host)) {
        answer_text(answer, 403,
                    "the Host field names another host; use an IP address, localhost or the name "
                    "of this host\n");
    } else {
        make(answer, overview);
    }
}

static void scrape_answer(const struct scrape_context *context, const struct endpoint *peer,
                          bool local, const uint8_t *bytes, size_t len, struct scrape_outcome *out)
{
    struct overview overview = {0};
    struct head head;
    struct answer answer;
    int status = head_parse(bytes, len, &head);

    context->look(context->argument, peer, local, &overview);
    answer_init(&answer);
    if (status == 0) {
        scrape_serve(&head, &overview, peer, &answer);
    } else {
        answer_error(&answer, (unsigned)status);
    }
    answer.minor = head.minor;
    answer.has_body = head.method != HEAD_HEAD;
    out->verdict = SCRAPE_REPLY;
    out->sheet = answer_finish(&answer, &overview, &out->reply, &out->reply_len);
    out->status = answer.status; /* which has become 503 where memory ran out */
}

void scrape_receive(struct scrape *scrape, const struct scrape_context *context,
                    const struct endpoint *peer, bool local, const uint8_t *bytes, size_t len,
                    struct scrape_outcome *out)
{
    size_t n_seen = scrape->held_len;
    assert(len > 0 && len <= scrape_want(scrape));
    *out = (struct scrape_outcome){.verdict = SCRAPE_CLOSE};
    if (scrape->held) {
        bytes = scrape_hold(scrape, bytes, len);
        len = scrape->held_len;
    }
    size_t end = head_find_end(bytes, len, n_seen);
    if (end == 0 && head_may_be_http(bytes, len) && len < SCRAPE_REQUEST_MAX) {
        bool kept = scrape->held || scrape_hold(scrape, bytes, len);
        out->verdict = kept ? SCRAPE_WAIT : SCRAPE_CLOSE;
        return;
    }
    scrape_answer(context, peer, local, bytes, end, out);
}
