/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses of a host are asked, in which order, and for how long each. */
#include "client/target.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

#define TRIES_MAX 8

/* What the test's exchange_at() has been asked, and what it is to return. */
static struct {
    size_t n;
    int family[TRIES_MAX], timeout_ms[TRIES_MAX];
    int status[TRIES_MAX];
} tries;

int exchange_at(const struct sockaddr *to, socklen_t to_len, const struct request *request,
                int timeout_ms, struct exchange_reply *reply)
{
    (void)to_len, (void)request;
    assert_true(tries.n < TRIES_MAX);
    tries.family[tries.n] = to->sa_family;
    tries.timeout_ms[tries.n] = timeout_ms;
    if (tries.status[tries.n] == 0) {
        *reply = (struct exchange_reply){.bytes = (uint8_t *)"x", .len = 1};
    }
    return tries.status[tries.n++];
}

static int ask_local(int first, int second)
{
    struct request request;
    struct exchange_reply reply;
    memset(&tries, 0, sizeof tries);
    tries.status[0] = first;
    tries.status[1] = second;
    request_init(&request, PROTOCOL_NAMES_REQ, NULL, 0);
    return target_ask_local(4369, &request, EXCHANGE_TIMEOUT_MS, &reply);
}

static void the_first_loopback_that_answers_is_the_last(void **state)
{
    (void)state;
    assert_int_equal(ask_local(0, 0), 0);
    assert_int_equal(tries.n, 1);
    assert_int_equal(tries.family[0], AF_INET6);
    assert_int_equal(tries.timeout_ms[0], 10000);
}

static void what_accepts_at_the_first_loopback_is_the_epmd(void **state)
{
    (void)state;
    static const int errors[] = {-ETIMEDOUT, -ENODATA, -EMSGSIZE};
    for (size_t i = 0; i < LENGTH(errors); i++) {
        assert_int_equal(ask_local(errors[i], 0), errors[i]);
        assert_int_equal(tries.n, 1);
    }
}

static void a_family_that_is_not_there_is_passed_over(void **state)
{
    (void)state;
    static const int errors[] = {-ECONNREFUSED, -EADDRNOTAVAIL, -ENETUNREACH, -EAFNOSUPPORT};
    for (size_t i = 0; i < LENGTH(errors); i++) {
        assert_int_equal(ask_local(errors[i], 0), 0);
        assert_int_equal(tries.n, 2);
        assert_int_equal(tries.family[1], AF_INET);
        assert_int_equal(tries.timeout_ms[1], 10000);
        assert_int_equal(ask_local(errors[i], -ECONNREFUSED), -ECONNREFUSED);
    }
}

/* Another host's: three addresses. */
static int ask_host(int timeout_ms, const int status[3], struct target *target)
{
    struct request request;
    struct exchange_reply reply;
    memset(&tries, 0, sizeof tries);
    memcpy(tries.status, status, 3 * sizeof *status);
    *target = (struct target){.host = "there", .n = 3};
    request_init(&request, PROTOCOL_NAMES_REQ, NULL, 0);
    return target_ask(target, &request, timeout_ms, &reply);
}

static void the_last_address_has_ten_seconds_the_others_three(void **state)
{
    (void)state;
    static const int silent[] = {-ETIMEDOUT, -ETIMEDOUT, -ETIMEDOUT};
    struct target target;
    assert_int_equal(ask_host(EXCHANGE_TIMEOUT_MS, silent, &target), -ETIMEDOUT);
    assert_int_equal(tries.n, 3);
    assert_int_equal(tries.timeout_ms[0], 3000);
    assert_int_equal(tries.timeout_ms[1], 3000);
    assert_int_equal(tries.timeout_ms[2], 10000);
    assert_int_equal(ask_host(500, silent, &target), -ETIMEDOUT);
    assert_int_equal(tries.timeout_ms[0], 500);
    assert_int_equal(tries.timeout_ms[2], 500);
}

static void the_address_that_answers_is_asked_from_then_on(void **state)
{
    (void)state;
    static const int second[] = {-ECONNREFUSED, 0, 0};
    struct target target;
    struct request request;
    struct exchange_reply reply;
    assert_int_equal(ask_host(EXCHANGE_TIMEOUT_MS, second, &target), 0);
    assert_int_equal(tries.n, 2);
    assert_ptr_equal(target.answers, &target.addresses[1]);
    request_init(&request, PROTOCOL_NAMES_REQ, NULL, 0);
    assert_int_equal(target_ask(&target, &request, EXCHANGE_TIMEOUT_MS, &reply), 0);
    assert_int_equal(tries.n, 3);
    assert_int_equal(tries.timeout_ms[2], 10000);
}

static void one_that_closes_says_more_than_one_that_is_not_there(void **state)
{
    (void)state;
    static const int closed[] = {-ENODATA, -ECONNREFUSED, -ETIMEDOUT};
    struct target target;
    assert_int_equal(ask_host(EXCHANGE_TIMEOUT_MS, closed, &target), -ENODATA);
    assert_int_equal(tries.n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_loopback_that_answers_is_the_last),
        cmocka_unit_test(what_accepts_at_the_first_loopback_is_the_epmd),
        cmocka_unit_test(a_family_that_is_not_there_is_passed_over),
        cmocka_unit_test(the_last_address_has_ten_seconds_the_others_three),
        cmocka_unit_test(the_address_that_answers_is_asked_from_then_on),
        cmocka_unit_test(one_that_closes_says_more_than_one_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
