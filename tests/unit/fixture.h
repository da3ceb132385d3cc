/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world with two nodes, and a connection that asks.
 *
 * cmocka sets it up anew for each test.
 */
#ifndef EPMD_TESTS_FIXTURE_H
#define EPMD_TESTS_FIXTURE_H

#include "unit.h"
#include "world.h"

struct fixture {
    struct world world;
    struct client alice, bob; /* registered, in this order */
    struct client asker;      /* has sent nothing */
};

extern struct fixture fixture;

int fixture_setup(void **state);
int fixture_teardown(void **state);

#define FIXTURE_TEST(function) \
    cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

struct registry *registry(void);
struct registry_node *find(const char *name);

/* Each sends one request from the asker. */
struct session_outcome ask_alive(const char *name, uint16_t highest);
struct session_outcome ask_named(uint8_t tag, const char *name);
struct session_outcome ask_bare(uint8_t tag);

/* For a second question; the first session has ended with its answer. */
void ask_again(void);

void assert_closed(struct session_outcome outcome, enum refusal refusal);
void assert_replied(struct session_outcome outcome, enum session_verdict verdict,
                    enum refusal refusal, const void *reply, size_t len);

#endif
