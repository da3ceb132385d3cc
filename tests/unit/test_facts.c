/* SPDX-License-Identifier: Apache-2.0 */
/* What a check takes from the system: whose socket it is, and how long a question may take. */
#include "doctor/facts.h"

#include <errno.h>
#include <string.h>

#include "client/target.h"
#include "system/clock.h"
#include "system/interfaces.h"
#include "system/listeners.h"
#include "system/user.h"
#include "unit.h"

#define INIT 1

static int64_t now_ms;

/* The system, as the test has it. */
int64_t clock_now_ms(void)
{
    return now_ms;
}

int interfaces_read(struct interfaces_address *out, size_t size, size_t *n)
{
    (void)out, (void)size;
    *n = 0;
    return 0;
}

int listeners_read(uint16_t first, struct listeners_socket *out, size_t size, size_t *n)
{
    (void)size;
    out[0] = (struct listeners_socket){.at.port = first, .inode = 77};
    *n = 1;
    return 0;
}

static const pid_t *holders;
static size_t n_holders;

int processes_visit_sockets(void (*visit)(void *argument, pid_t pid, uint32_t inode),
                            void *argument, bool *hidden)
{
    *hidden = false;
    visit(argument, 5555, 78); /* another's */
    for (size_t i = 0; i < n_holders; i++) {
        visit(argument, holders[i], 77);
    }
    return 0;
}

void processes_describe(pid_t pid, struct process *out)
{
    *out = (struct process){.pid = pid};
}

int units_read(struct unit *unit)
{
    (void)unit;
    now_ms += 4000; /* a service manager that takes its time */
    return -ENOSYS;
}

void user_format(uid_t uid, char *text, size_t size)
{
    (void)uid, (void)size;
    strcpy(text, "x");
}

int target_ask_local(uint16_t port, const struct request *request, int timeout_ms,
                     struct exchange_reply *reply)
{
    (void)port, (void)request, (void)timeout_ms, (void)reply;
    return -ECONNREFUSED;
}

void probe_connect(struct probe *probe, const struct endpoint *to, int timeout_ms)
{
    (void)timeout_ms;
    *probe = (struct probe){.to = *to};
}

void facts_knock_at(struct probe *probe, const struct endpoint *to, uint16_t highest,
                    int timeout_ms)
{
    (void)highest;
    probe_connect(probe, to, timeout_ms);
}

static pid_t holder_of(const pid_t *pids, size_t n)
{
    static struct facts facts;
    facts = (struct facts){.port = 4369};
    holders = pids;
    n_holders = n;
    facts_gather_here(&facts);
    return facts.sockets[0].process.pid;
}

static void init_holds_a_units_socket_only_beside_the_one_that_serves(void **state)
{
    (void)state;
    static const pid_t before[] = {INIT, 42}, after[] = {42, INIT}, alone[] = {INIT};
    assert_int_equal(holder_of(before, 2), 42);
    assert_int_equal(holder_of(after, 2), 42);
    assert_int_equal(holder_of(alone, 1), INIT);
    assert_int_equal(holder_of(alone, 0), 0);
}

static void a_question_takes_two_seconds_at_the_most(void **state)
{
    (void)state;
    now_ms = 1000;
    assert_int_equal(facts_time_left(1000 + 10000), 2000);
    assert_int_equal(facts_time_left(1000 + 2001), 2000);
    assert_int_equal(facts_time_left(1000 + 1999), 1999);
    assert_int_equal(facts_time_left(1000 + 1), 1);
    assert_int_equal(facts_time_left(1000), 0);
    assert_int_equal(facts_time_left(0), 0);
}

static void all_questions_together_take_ten(void **state)
{
    (void)state;
    static struct facts facts;
    assert_int_equal(FACTS_TIME_MS, 10000);
    assert_int_equal(FACTS_LOOKUP_TIME_MS, 6000);
    now_ms = 1000;
    facts = (struct facts){.port = 4369, .deadline_ms = now_ms + FACTS_TIME_MS};
    facts_gather_here(&facts);
    /* What this host itself takes is not taken from the questions. */
    assert_int_equal(facts.deadline_ms - now_ms, FACTS_TIME_MS);
    assert_true(now_ms > 1000);
}

/* What is no epmd may tell names for as long as it likes. */
static void more_nodes_than_a_host_has_ports_are_counted_only(void **state)
{
    (void)state;
    static const char line[] = "name a at port 1\n";
    static uint8_t reply[4 + (FACTS_NODES_MAX + 2) * (sizeof line - 1)] = {0, 0, 0x11, 0x11};
    static struct facts facts;
    facts = (struct facts){.port = 4369, .is_here = true};
    facts.here.names = (struct exchange_reply){.bytes = reply, .len = 4};
    for (size_t n = 1; n <= FACTS_NODES_MAX + 2; n++) {
        memcpy(reply + facts.here.names.len, line, sizeof line - 1);
        facts.here.names.len += sizeof line - 1;
    }
    facts_gather_nodes(&facts);
    assert_int_equal(facts.n_nodes, FACTS_NODES_MAX);
    assert_int_equal(facts.n_nodes_left_out, 2);
    assert_int_equal(facts.nodes[FACTS_NODES_MAX - 1].status, -ETIME);
    facts.here.names = (struct exchange_reply){0};
    facts_deinit(&facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_holds_a_units_socket_only_beside_the_one_that_serves),
        cmocka_unit_test(a_question_takes_two_seconds_at_the_most),
        cmocka_unit_test(all_questions_together_take_ten),
        cmocka_unit_test(more_nodes_than_a_host_has_ports_are_counted_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
