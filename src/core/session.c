/* SPDX-License-Identifier: Apache-2.0 */
/* One connection's life, without the connection. */
#include "core/session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire.h"

void session_context_init(struct session_context *context, size_t max_live, size_t max_departed,
                          const uint8_t seed[HASH_SEED_SIZE])
{
    *context = (struct session_context){0};
    registry_init(&context->registry, max_live, max_departed, seed);
    policy_init(&context->policy);
}

void session_context_deinit(struct session_context *context)
{
    listing_unref(context->names.listing);
    listing_unref(context->dump.listing);
    listing_unref(context->info.listing);
    registry_deinit(&context->registry);
}

void session_init(struct session *session, const struct endpoint *peer, bool local, int fd)
{
    *session = (struct session){.peer = *peer, .local = local, .fd = fd};
}

void session_resume(struct session *session, struct registry_node *node)
{
    node->owner = session;
    node->fd = session->fd;
    node->peer = session->peer;
    session->node = node;
}

void session_forget_request(struct session *session)
{
    free(session->held);
    session->held = NULL;
    session->held_len = 0;
}

void session_deinit(struct session *session, struct session_context *context)
{
    if (session->node) {
        registry_remove(&context->registry, session->node);
        context->counters.unregistrations++;
        session->node = NULL;
    }
    session_forget_request(session);
}

/* Returns the whole length of the request that starts with `bytes`, or 0 as long as
 * that is unknown. */
static size_t request_len(const uint8_t *bytes, size_t len)
{
    struct wire_reader reader;
    wire_reader_init(&reader, bytes, len);
    size_t frame_len = wire_read_u16(&reader);
    return reader.overrun ? 0 : PROTOCOL_LENGTH_SIZE + frame_len;
}

bool session_has_begun(const struct session *session)
{
    return session->held_len > PROTOCOL_LENGTH_SIZE;
}

size_t session_want(const struct session *session)
{
    size_t len = session->held ? request_len(session->held, session->held_len) : 0;
    return (len ? len : SESSION_REQUEST_MAX) - session->held_len;
}

/* Appends to what came before. Returns NULL without memory. */
static const uint8_t *session_hold(struct session *session, const uint8_t *bytes, size_t len)
{
    if (!session->held) {
        session->held = malloc(SESSION_REQUEST_MAX);
        if (!session->held) {
            return NULL;
        }
    }
    assert(session->held_len + len <= SESSION_REQUEST_MAX);
    memcpy(session->held + session->held_len, bytes, len);
    session->held_len = (uint16_t)(session->held_len + len);
    return session->held;
}

static void outcome_reply(struct session_outcome *outcome, const uint8_t *reply, size_t len)
{
    outcome->verdict = SESSION_REPLY;
    outcome->reply = reply;
    outcome->reply_len = len;
}

/* A node that closes and registers again at once finds its old connection still
 * registered, because the end of that has not been read yet: look before refusing. */
static enum refusal session_register(struct session *session, struct session_context *context,
                                     const struct protocol_node *info, struct registry_node **node)
{
    enum refusal refusal = context->hooks.may_register(session);
    if (refusal != REFUSAL_NONE) {
        return refusal;
    }
    refusal = registry_add(&context->registry, info, node);
    if (refusal == REFUSAL_NAME_TAKEN && context->hooks.end_if_over((*node)->owner)) {
        refusal = registry_add(&context->registry, info, node);
    }
    return refusal;
}

static void serve_alive(struct session *session, struct session_context *context, int64_t now_ms,
                        struct session_outcome *outcome)
{
    const struct protocol_node *info = &outcome->request.node;
    struct registry_node *node = NULL;

    if (outcome->refusal == REFUSAL_NONE) {
        outcome->refusal = session_register(session, context, info, &node);
        bool told = outcome->refusal == REFUSAL_NONE || outcome->refusal == REFUSAL_NAME_TAKEN;
        outcome->node = told ? node : NULL;
    }
    bool accepted = outcome->refusal == REFUSAL_NONE;
    if (accepted) {
        node->since_ms = now_ms;
        session_resume(session, node);
    } else {
        denials_add(&context->denials, info, outcome->refusal, now_ms);
    }
    size_t len = protocol_encode_alive(context->reply, info->highest, accepted,
                                       accepted ? node->creation : 0);
    outcome_reply(outcome, context->reply, len);
    if (accepted) {
        outcome->verdict = SESSION_REGISTERED;
    }
}

static void serve_port(struct session_context *context, struct session_outcome *outcome)
{
    const struct protocol_node *asked = &outcome->request.node;
    outcome->node = registry_find(&context->registry, asked->name, asked->name_len);
    context->counters.misses += !outcome->node;
    size_t len = outcome->node ? protocol_encode_node(context->reply, &outcome->node->info)
                               : protocol_encode_no_node(context->reply);
    outcome_reply(outcome, context->reply, len);
}

/* Whether the last reply is still true; else it is dropped, for the next one. */
static bool listing_is_true(struct session_listing *last, uint64_t generation)
{
    if (last->listing && last->generation == generation) {
        return true;
    }
    listing_unref(last->listing);
    *last = (struct session_listing){.generation = generation};
    return false;
}

static struct listing *make_listing(struct session_context *context, enum protocol_tag tag)
{
    struct registry *registry = &context->registry;
    switch (tag) {
    case PROTOCOL_NAMES_REQ:
        return listing_new_names(registry, context->port);
    case PROTOCOL_DUMP_REQ:
        return listing_new_dump(registry, context->port);
    default:
        return inventory_new(registry, &context->self, &context->denials);
    }
}

static struct session_listing *last_listing(struct session_context *context, enum protocol_tag tag)
{
    switch (tag) {
    case PROTOCOL_NAMES_REQ:
        return &context->names;
    case PROTOCOL_DUMP_REQ:
        return &context->dump;
    default:
        return &context->info;
    }
}

static void serve_stop(struct session_context *context, struct session_outcome *outcome)
{
    const struct protocol_node *asked = &outcome->request.node;
    struct registry_node *node = registry_find(&context->registry, asked->name, asked->name_len);
    if (node) {
        context->hooks.end(node->owner);
    }
    size_t len = protocol_encode_text(context->reply, node ? "STOPPED" : "NOEXIST");
    outcome_reply(outcome, context->reply, len);
}

static void serve_kill(struct session_context *context, struct session_outcome *outcome)
{
    bool obeyed = outcome->refusal == REFUSAL_NONE;
    size_t len = protocol_encode_text(context->reply, obeyed ? "OK" : "NO");
    outcome_reply(outcome, context->reply, len);
    if (obeyed) {
        outcome->verdict = SESSION_SHUTDOWN;
    }
}

/* Older clients look at the first two letters only. */
static void serve_reload(struct session *session, struct session_context *context,
                         struct session_outcome *outcome)
{
    char text[SESSION_REASON_SIZE + sizeof "NO: "] = "OK";
    outcome->refusal = context->hooks.may_reload(session, context->reason);
    if (outcome->refusal != REFUSAL_NONE) {
        outcome->reason = context->reason;
        snprintf(text, sizeof text, "NO: %s", context->reason);
    }
    outcome_reply(outcome, context->reply, protocol_encode_text(context->reply, text));
    if (outcome->refusal == REFUSAL_NONE) {
        outcome->verdict = SESSION_RELOAD;
    }
}

/* Whether the protocol tells a refusal of this request by a reply, not by a close. */
static bool refusal_has_reply(enum protocol_tag tag, enum refusal refusal)
{
    return (tag == PROTOCOL_ALIVE2_REQ && protocol_alive_refusal_has_reply(refusal)) ||
           (tag == PROTOCOL_KILL_REQ && refusal == REFUSAL_NODES_ALIVE);
}

static void session_serve(struct session *session, struct session_context *context, int64_t now_ms,
                          struct session_outcome *outcome)
{
    switch (outcome->request.tag) {
    case PROTOCOL_ALIVE2_REQ:
        serve_alive(session, context, now_ms, outcome);
        break;
    case PROTOCOL_PORT2_REQ:
        serve_port(context, outcome);
        break;
    case PROTOCOL_NAMES_REQ:
    case PROTOCOL_DUMP_REQ:
    case PROTOCOL_INFO_REQ:
        session->asked = (uint8_t)outcome->request.tag;
        outcome->verdict = SESSION_LIST;
        break;
    case PROTOCOL_STOP_REQ:
        serve_stop(context, outcome);
        break;
    case PROTOCOL_KILL_REQ:
        serve_kill(context, outcome);
        break;
    case PROTOCOL_RELOAD_REQ:
        serve_reload(session, context, outcome);
        break;
    }
}

static void session_dispatch(struct session *session, struct session_context *context,
                             const uint8_t *frame, size_t len, int64_t now_ms,
                             struct session_outcome *outcome)
{
    outcome->refusal = protocol_decode(frame, len, &outcome->request);
    if (outcome->refusal != REFUSAL_TAG_UNKNOWN) {
        enum refusal denied =
            policy_check(&context->policy, outcome->request.tag, &session->peer.address,
                         session->local, context->registry.n_live);
        outcome->refusal = denied ? denied : outcome->refusal;
    }
    if (outcome->refusal == REFUSAL_NONE ||
        refusal_has_reply(outcome->request.tag, outcome->refusal)) {
        session_serve(session, context, now_ms, outcome);
    }
}

/* Serves the request if it is complete. */
static void session_take(struct session *session, struct session_context *context,
                         const uint8_t *bytes, size_t len, int64_t now_ms,
                         struct session_outcome *outcome)
{
    if (session->held) {
        bytes = session_hold(session, bytes, len);
        len = session->held_len;
    }
    size_t total = request_len(bytes, len);
    if (total != 0) {
        outcome->refusal = protocol_frame_check(total - PROTOCOL_LENGTH_SIZE);
        if (outcome->refusal == REFUSAL_NONE && len > total) {
            outcome->refusal = REFUSAL_FRAME_OVERRUN;
        }
        if (outcome->refusal != REFUSAL_NONE) {
            return;
        }
    }
    if (total == 0 || len < total) {
        bool kept = session->held || session_hold(session, bytes, len);
        outcome->verdict = kept ? SESSION_WAIT : SESSION_CLOSE;
        outcome->refusal = kept ? REFUSAL_NONE : REFUSAL_NO_MEMORY;
        return;
    }
    session_dispatch(session, context, bytes + PROTOCOL_LENGTH_SIZE, total - PROTOCOL_LENGTH_SIZE,
                     now_ms, outcome);
}

static void count_outcome(struct counters *counters, const struct session_outcome *outcome)
{
    if (outcome->refusal != REFUSAL_NONE) {
        counters->refusals[outcome->refusal]++;
    } else if (outcome->verdict != SESSION_WAIT && outcome->verdict != SESSION_LIST) {
        counters->requests[outcome->request.tag]++;
    }
}

void session_receive(struct session *session, struct session_context *context, const uint8_t *bytes,
                     size_t len, int64_t now_ms, struct session_outcome *outcome)
{
    assert(!session->node && len > 0 && len <= session_want(session));
    *outcome = (struct session_outcome){.verdict = SESSION_CLOSE};
    session_take(session, context, bytes, len, now_ms, outcome);
    count_outcome(&context->counters, outcome);
}

void session_list(struct session *session, struct session_context *context,
                  struct session_outcome *outcome)
{
    enum protocol_tag tag = (enum protocol_tag)session->asked;
    struct session_listing *last = last_listing(context, tag);
    *outcome = (struct session_outcome){.verdict = SESSION_CLOSE, .request.tag = tag};
    uint64_t generation = context->registry.generation;
    if (tag == PROTOCOL_INFO_REQ) {
        context->hooks.describe(session);
        /* Each only grows, and so does their sum with each of them. */
        generation += context->self.generation + context->denials.generation;
    }
    if (!listing_is_true(last, generation)) {
        last->listing = make_listing(context, tag);
    }
    outcome->listing = last->listing;
    if (last->listing) {
        outcome->verdict = SESSION_REPLY;
        outcome->reply_len = last->listing->len;
    } else {
        outcome->refusal = REFUSAL_NO_MEMORY;
    }
    count_outcome(&context->counters, outcome);
}
