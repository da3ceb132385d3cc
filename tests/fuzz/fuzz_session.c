/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a script of connections that open, send, break and close, with a
 * registry behind them. After each step, what is registered is what sessions hold.
 *
 * A step is a byte: two bits say what happens (enum step), three to which connection,
 * the rest how (FLAG_*). To send, a length in a byte and the bytes follow.
 */
#include <string.h>

#include "core/session.h"
#include "fuzz.h"

#define N_SLOTS 8
#define MAX_LIVE 4
#define MAX_DEPARTED 3

#define SLOT(step) ((step) >> 2 & 7)
#define FLAG_REMOTE 0x20
#define FLAG_RELAXED 0x40
#define FLAG_CAN_RELOAD 0x80

enum step {
    STEP_OPEN,
    STEP_SEND,
    STEP_BREAK, /* the connection ends, but nobody has noticed */
    STEP_CLOSE,
};

struct connection {
    struct session session; /* first, for the hooks to find the rest */
    bool broken;
};

struct script {
    const uint8_t *at, *end;
};

static struct connection *slots[N_SLOTS];
static struct session_context context;
static bool can_reload;

static void connection_close(size_t slot)
{
    if (slots[slot]) {
        session_deinit(&slots[slot]->session, &context);
        free(slots[slot]);
        slots[slot] = NULL;
    }
}

static void end(struct session *session)
{
    size_t slot = 0;
    REQUIRE(session && session->node);
    while (slot < N_SLOTS && (void *)slots[slot] != session) {
        slot++;
    }
    REQUIRE(slot < N_SLOTS);
    connection_close(slot);
}

static bool end_if_over(struct session *session)
{
    REQUIRE(session && session->node);
    bool over = ((struct connection *)(void *)session)->broken;
    if (over) {
        end(session);
    }
    return over;
}

static enum refusal may_register(struct session *session)
{
    (void)session;
    return REFUSAL_NONE;
}

static enum refusal may_reload(struct session *session, char reason[SESSION_REASON_SIZE])
{
    (void)session;
    snprintf(reason, SESSION_REASON_SIZE, "because");
    return can_reload ? REFUSAL_NONE : REFUSAL_NO_SUCCESSOR;
}

static void describe(struct session *session)
{
    REQUIRE(session->local);
    context.self.generation += context.self.n_stored != context.registry.n_live;
    context.self.n_stored = (uint32_t)context.registry.n_live;
}

static void connection_open(size_t slot, bool local)
{
    static const struct endpoint peer = {.port = 1};
    connection_close(slot);
    slots[slot] = calloc(1, sizeof *slots[slot]);
    REQUIRE(slots[slot]);
    session_init(&slots[slot]->session, &peer, local, (int)slot);
}

/* Takes up to `max` of the bytes that a step announces, in memory of just that size. */
static uint8_t *script_bytes(struct script *script, size_t max, size_t *len)
{
    size_t left = (size_t)(script->end - script->at);
    size_t n = left > 0 ? *script->at++ : 0;
    left -= left > 0;
    n = n < left ? n : left;
    *len = n < max ? n : max;
    uint8_t *bytes = malloc(*len);
    REQUIRE(*len == 0 || bytes);
    if (*len > 0) {
        memcpy(bytes, script->at, *len);
    }
    script->at += n;
    return bytes;
}

static void require_outcome(const struct session *session, const struct session_outcome *outcome)
{
    bool replies = outcome->verdict != SESSION_WAIT && outcome->verdict != SESSION_CLOSE;
    REQUIRE(replies == (outcome->reply_len > 0));
    REQUIRE((outcome->verdict == SESSION_REGISTERED) == (session->node != NULL));
    switch (outcome->verdict) {
    case SESSION_WAIT:
        REQUIRE(outcome->refusal == REFUSAL_NONE && session_want(session) > 0);
        break;
    case SESSION_CLOSE:
        REQUIRE(outcome->refusal != REFUSAL_NONE);
        break;
    case SESSION_REGISTERED:
        REQUIRE(outcome->refusal == REFUSAL_NONE && session->local);
        REQUIRE(outcome->reply_len == (outcome->request.node.highest >= 6 ? 6 : 4));
        REQUIRE(outcome->reply[1] == 0);
        REQUIRE(outcome->node == session->node);
        break;
    case SESSION_SHUTDOWN:
        REQUIRE(session->local && outcome->request.tag == PROTOCOL_KILL_REQ);
        REQUIRE(context.policy.relaxed || context.registry.n_live == 0);
        break;
    case SESSION_RELOAD:
        REQUIRE(session->local && outcome->request.tag == PROTOCOL_RELOAD_REQ);
        REQUIRE(can_reload);
        break;
    case SESSION_LIST:
        REQUIRE(false);
        break;
    case SESSION_REPLY:
        REQUIRE(outcome->reply != context.reply || outcome->reply_len <= PROTOCOL_REPLY_MAX);
        break;
    }
}

/* A registered session gets no bytes: whatever comes ends it. */
static void connection_send(size_t slot, struct script *script)
{
    struct connection *connection = slots[slot];
    size_t max = connection ? session_want(&connection->session) : 0;
    size_t len;
    struct session_outcome outcome;
    uint8_t *bytes = script_bytes(script, max, &len);

    if (connection && connection->session.node) {
        connection_close(slot);
    } else if (connection && len > 0) {
        session_receive(&connection->session, &context, bytes, len, 1, &outcome);
        if (outcome.verdict == SESSION_LIST) {
            session_list(&connection->session, &context, &outcome);
        }
        require_outcome(&connection->session, &outcome);
        if (outcome.verdict != SESSION_WAIT && outcome.verdict != SESSION_REGISTERED) {
            connection_close(slot);
        }
    }
    free(bytes);
}

static void run_step(struct script *script)
{
    uint8_t step = *script->at++;
    size_t slot = SLOT(step);
    context.policy.relaxed = step & FLAG_RELAXED;
    can_reload = step & FLAG_CAN_RELOAD;
    switch ((enum step)(step & 3)) {
    case STEP_OPEN:
        connection_open(slot, !(step & FLAG_REMOTE));
        break;
    case STEP_SEND:
        connection_send(slot, script);
        break;
    case STEP_BREAK:
        if (slots[slot]) {
            slots[slot]->broken = true;
        }
        break;
    case STEP_CLOSE:
        connection_close(slot);
        break;
    }
}

static void require_node(const struct registry_node *node, bool live)
{
    REQUIRE(node->live == live);
    REQUIRE(node->creation >= REGISTRY_CREATION_MIN);
    REQUIRE(name_check(node->info.name, node->info.name_len) == REFUSAL_NONE);
    REQUIRE((registry_find(&context.registry, node->info.name, node->info.name_len) == node) ==
            live);
}

static void require_registry(void)
{
    const struct registry *registry = &context.registry;
    size_t n_holders = 0, n_live = 0, n_departed = 0;
    for (size_t i = 0; i < N_SLOTS; i++) {
        const struct registry_node *node = slots[i] ? slots[i]->session.node : NULL;
        n_holders += node != NULL;
        REQUIRE(!node || (node->owner == &slots[i]->session && node->fd == (int)i));
    }
    for (const struct registry_node *node = registry->live; node; node = node->next, n_live++) {
        require_node(node, true);
    }
    for (const struct registry_node *node = registry->departed; node; node = node->next) {
        require_node(node, false);
        n_departed++;
    }
    REQUIRE(n_live == n_holders && n_live == registry->n_live && n_live <= MAX_LIVE);
    REQUIRE(n_departed == registry->n_departed && n_departed <= MAX_DEPARTED);
    REQUIRE(HASH_COUNT(registry->by_name) == n_live + n_departed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[HASH_SEED_SIZE] = "sixteen bytes..";
    struct script script = {.at = data, .end = data + size};
    session_context_init(&context, MAX_LIVE, MAX_DEPARTED, seed);
    context.hooks = (struct session_hooks){.end_if_over = end_if_over,
                                           .end = end,
                                           .may_register = may_register,
                                           .may_reload = may_reload,
                                           .describe = describe};
    context.port = 4369;
    while (script.at < script.end) {
        run_step(&script);
        require_registry();
    }
    for (size_t slot = 0; slot < N_SLOTS; slot++) {
        connection_close(slot);
    }
    require_registry();
    session_context_deinit(&context);
    return 0;
}
