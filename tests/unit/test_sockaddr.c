/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as the socket API has them: each family in its own form, there and back. */
#include "system/sockaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "core/address.h"
#include "unit.h"

static struct endpoint endpoint_of(const char *text, uint16_t port)
{
    struct endpoint endpoint = {.port = port};
    assert_int_equal(address_parse(text, &endpoint.address), 0);
    return endpoint;
}

static void assert_same(const struct endpoint *a, const struct endpoint *b)
{
    assert_true(address_equal(&a->address, &b->address));
    assert_int_equal(a->port, b->port);
}

/* Over bytes that were something else before. */
static void assert_written(const char *text, const void *expected, size_t len)
{
    union sockaddr_ip written;
    const struct endpoint endpoint = endpoint_of(text, 4369);
    memset(&written, 0xff, sizeof written);
    assert_int_equal(sockaddr_write(&endpoint, &written), len);
    assert_memory_equal(&written, expected, len);
}

static void ipv4_has_its_own_form(void **state)
{
    (void)state;
    struct sockaddr_in expected = {.sin_family = AF_INET, .sin_port = htons(4369)};
    assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &expected.sin_addr), 1);
    assert_written("192.0.2.1", &expected, sizeof expected);
}

static void ipv6_has_no_scope(void **state)
{
    (void)state;
    struct sockaddr_in6 expected = {.sin6_family = AF_INET6, .sin6_port = htons(4369)};
    assert_int_equal(inet_pton(AF_INET6, "fe80::1", &expected.sin6_addr), 1);
    assert_written("fe80::1", &expected, sizeof expected);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0.0.0.0", "127.0.0.1", "::", "::1", "::192.0.2.1", "2001:db8::1"};
    for (size_t i = 0; i < LENGTH(texts); i++) {
        union sockaddr_ip sockaddr;
        const struct endpoint endpoint = endpoint_of(texts[i], (uint16_t)(40000 + i));
        struct endpoint read = {.port = 0};
        sockaddr_write(&endpoint, &sockaddr);
        assert_int_equal(sockaddr_read(&sockaddr.any, &read), 0);
        assert_same(&read, &endpoint);
    }
}

static void other_families_are_refused(void **state)
{
    (void)state;
    const struct sockaddr local = {.sa_family = AF_UNIX};
    struct endpoint read = endpoint_of("192.0.2.1", 7), before = read;
    assert_int_equal(sockaddr_read(&local, &read), -EAFNOSUPPORT);
    assert_same(&read, &before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_has_its_own_form),
        cmocka_unit_test(ipv6_has_no_scope),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(other_families_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
