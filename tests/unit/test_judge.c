/* SPDX-License-Identifier: Apache-2.0 */
/* What facts about this host mean: each is judged without being brought about. */
#include "doctor/judge.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

static struct facts facts;
static struct findings findings;

bool units_has_failed(const struct unit *unit)
{
    return strcmp(unit->active, "failed") == 0;
}

static int setup(void **state)
{
    (void)state;
    facts = (struct facts){.port = 4369, .is_here = true};
    facts.here.ours = true;
    strcpy(facts.here.daemon.version, EPMD_VERSION);
    facts.here.daemon.watcher = INVENTORY_KEEPER;
    facts.here.daemon.max_nodes = 100;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    findings_deinit(&findings);
    return 0;
}

/* Judges, and returns what has been found. */
static const struct finding *judge(void (*step)(const struct facts *, struct findings *))
{
    findings_deinit(&findings);
    step(&facts, &findings);
    assert_int_equal(findings.n, 1);
    return &findings.list[0];
}

static void assert_judged(const struct finding *finding, enum findings_status status,
                          const char *cause)
{
    assert_int_equal(finding->status, status);
    if (cause) {
        assert_string_equal(finding->cause, cause);
        assert_non_null(finding->cure);
    } else {
        assert_null(finding->cause);
    }
}

/* Whether an epmd that listens on everything is exposed by such an address of this host. */
static bool is_exposed(const char *address)
{
    facts.n_interfaces = 1;
    strcpy(facts.interfaces[0].name, "eth0");
    facts.interfaces[0].prefix_bits = ADDRESS_BITS;
    assert_int_equal(address_parse(address, &facts.interfaces[0].address), 0);
    facts.n_sockets = 2;
    facts.sockets[0].at.port = facts.sockets[1].at.port = facts.port;
    address_parse("0.0.0.0", &facts.sockets[0].at.address);
    address_parse("::", &facts.sockets[1].at.address);
    strcpy(facts.here.daemon.allow_lookup, "any");
    strcpy(facts.here.daemon.allow_names, "none");
    strcpy(facts.here.daemon.allow_register, "local");
    return judge(judge_exposure)->status == FINDINGS_WARNING;
}

static void the_edges_of_what_the_internet_does_not_reach(void **state)
{
    (void)state;
    static const char *const inside[] = {
        "172.16.0.0",  "172.31.255.255", "10.0.0.0",        "10.255.255.255",
        "192.168.0.1", "100.64.0.0",     "100.127.255.255", "169.254.1.1",
        "fc00::",      "fdff::1",        "2001:db8::1",     "198.18.0.1"};
    static const char *const outside[] = {"172.15.255.255", "172.32.0.0",  "9.255.255.255",
                                          "11.0.0.0",       "192.167.0.1", "100.63.255.255",
                                          "100.128.0.0",    "8.8.8.8",     "fbff::1",
                                          "fe00::1",        "2001:db9::1"};
    for (size_t i = 0; i < LENGTH(inside); i++) {
        if (is_exposed(inside[i])) {
            fail_msg("%s", inside[i]);
        }
    }
    for (size_t i = 0; i < LENGTH(outside); i++) {
        if (!is_exposed(outside[i])) {
            fail_msg("%s", outside[i]);
        }
    }
}

static void all_have_to_be_stored(void **state)
{
    (void)state;
    facts.here.daemon.n_nodes = facts.here.daemon.n_stored = 7;
    assert_judged(judge(judge_restart), FINDINGS_OK, NULL);
    facts.here.daemon.n_stored = 6;
    const struct finding *finding = judge(judge_restart);
    assert_judged(finding, FINDINGS_WARNING, "not_kept");
    assert_non_null(strstr(finding->found, "holds 6 of 7 registrations"));
}

static void no_keeper_is_advised_where_there_can_be_none(void **state)
{
    (void)state;
    facts.here.daemon.watcher = INVENTORY_NO_WATCHER;
    const struct finding *finding = judge(judge_restart);
    assert_judged(finding, FINDINGS_WARNING, "not_kept");
    assert_non_null(strstr(finding->cure, "-keeper"));
    facts.keeps_nothing = true;
    assert_null(strstr(judge(judge_restart)->cure, "-keeper"));
    facts.here.ours = false;
    assert_null(strstr(judge(judge_restart)->cure, "-daemon"));
    facts.keeps_nothing = false;
    assert_non_null(strstr(judge(judge_restart)->cure, "-daemon"));
}

static void another_version_runs(void **state)
{
    (void)state;
    assert_judged(judge(judge_epmd), FINDINGS_OK, NULL);
    strcpy(facts.here.daemon.version, "0.0.1");
    const struct finding *finding = judge(judge_epmd);
    assert_judged(finding, FINDINGS_WARNING, "old_program");
    assert_non_null(strstr(finding->found, "version 0.0.1"));
    assert_non_null(strstr(finding->cure, "epmd -reload"));
    facts.here.daemon.watcher = INVENTORY_NO_WATCHER; /* which would refuse it */
    assert_null(strstr(judge(judge_epmd)->cure, "-reload"));
}

static void a_program_that_is_gone_cannot_be_reloaded(void **state)
{
    (void)state;
    facts.n_sockets = 1;
    facts.sockets[0].at.port = facts.port;
    facts.sockets[0].process =
        (struct process){.pid = 42, .program = "/old/epmd", .replaced = true, .missing = true};
    const struct finding *finding = judge(judge_epmd);
    assert_judged(finding, FINDINGS_WARNING, "program_gone");
    assert_non_null(strstr(finding->found, "\"/old/epmd\""));
    assert_null(strstr(finding->cure, "epmd -reload"));
    facts.here.daemon.watcher = INVENTORY_MANAGER;
    assert_non_null(strstr(judge(judge_epmd)->cure, "systemctl restart epmd.service"));
}

static void the_last_place_is_not_full(void **state)
{
    (void)state;
    facts.here.daemon.n_nodes = 99;
    assert_judged(judge(judge_epmd), FINDINGS_OK, NULL);
    facts.here.daemon.n_nodes = 100;
    assert_judged(judge(judge_epmd), FINDINGS_FAILED, "full");
    assert_non_null(strstr(findings.list[0].cure, "end this one (kill "));
    facts.here.daemon.watcher = INVENTORY_MANAGER;
    assert_non_null(strstr(judge(judge_epmd)->cure, "LimitNOFILE= in the unit"));
    facts.is_here = false;
    assert_judged(judge(judge_epmd), FINDINGS_WARNING, "full");
    facts.here.daemon.max_nodes = 0; /* an older epmd does not tell */
    assert_judged(judge(judge_epmd), FINDINGS_OK, NULL);
}

/* A connection is dropped when more wait than may: as many as may is one too few. */
static void a_full_queue_is_told_from_a_firewall(void **state)
{
    (void)state;
    facts.here.status = -ETIMEDOUT;
    facts.n_sockets = 1;
    facts.sockets[0].at.port = facts.port;
    facts.sockets[0].max_waiting = 4;
    facts.sockets[0].n_waiting = 5;
    assert_judged(judge(judge_epmd), FINDINGS_FAILED, "silent");
    facts.sockets[0].n_waiting = 4;
    assert_judged(judge(judge_epmd), FINDINGS_FAILED, "firewall");
    facts.here.accepts = true;
    assert_judged(judge(judge_epmd), FINDINGS_FAILED, "silent");
    strcpy(facts.service.name, "epmd.service");
    strcpy(facts.service.active, "failed");
    strcpy(facts.service.last_line, "epmd: \"x\": no such user");
    const struct finding *finding = judge(judge_epmd);
    assert_judged(finding, FINDINGS_FAILED, "unit_fails");
    assert_non_null(strstr(finding->found, "its last line in the log: epmd: \"x\": no such user"));
}

static void a_unit_is_not_blamed_for_another_program(void **state)
{
    (void)state;
    facts.here.status = -EPROTO;
    facts.n_sockets = 1;
    facts.sockets[0].at.port = facts.port;
    assert_judged(judge(judge_epmd), FINDINGS_FAILED, "not_epmd");
    strcpy(facts.service.name, "epmd.service");
    strcpy(facts.service.active, "failed");
    assert_judged(judge(judge_epmd), FINDINGS_FAILED, "unit_fails");
    facts.sockets[0].process.pid = 42;
    assert_judged(judge(judge_epmd), FINDINGS_FAILED, "not_epmd");
}

/* Its result is "success" from each start on until it fails again. */
static void a_unit_that_fails_has_no_success(void **state)
{
    (void)state;
    facts.here.status = -ETIMEDOUT;
    strcpy(facts.service.name, "epmd.service");
    strcpy(facts.service.active, "failed");
    strcpy(facts.service.sub, "start");
    strcpy(facts.service.result, "exit-code");
    facts.service.n_restarts = 4;
    assert_non_null(strstr(judge(judge_epmd)->found, "(exit-code, started again 4 times)"));
    strcpy(facts.service.result, "success");
    assert_non_null(strstr(judge(judge_epmd)->found, "(start, started again 4 times)"));
}

static void a_socket_unit_that_failed_is_told_from_one_that_has_the_port(void **state)
{
    (void)state;
    strcpy(facts.socket.name, "epmd.socket");
    strcpy(facts.socket.active, "failed");
    facts.n_sockets = 1;
    facts.sockets[0].at.port = facts.port;
    facts.sockets[0].process.pid = 42;
    assert_judged(judge(judge_port), FINDINGS_WARNING, "socket_failed");
    facts.sockets[0].process.pid = 1;
    assert_judged(judge(judge_port), FINDINGS_OK, NULL);
    facts.sockets[0].process.pid = 0; /* it has gone while the check was at work */
    assert_judged(judge(judge_port), FINDINGS_WARNING, "socket_failed");
    strcpy(facts.socket.result, "service-start-limit-hit");
    assert_judged(judge(judge_port), FINDINGS_OK, NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_edges_of_what_the_internet_does_not_reach),
        TEST(all_have_to_be_stored),
        TEST(no_keeper_is_advised_where_there_can_be_none),
        TEST(another_version_runs),
        TEST(a_program_that_is_gone_cannot_be_reloaded),
        TEST(the_last_place_is_not_full),
        TEST(a_full_queue_is_told_from_a_firewall),
        TEST(a_unit_that_fails_has_no_success),
        TEST(a_unit_is_not_blamed_for_another_program),
        TEST(a_socket_unit_that_failed_is_told_from_one_that_has_the_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
