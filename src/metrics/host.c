/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a Host field names the host that is asked. */
#include "metrics/host.h"

#include <string.h>

#include "core/address.h"

static int lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte;
}

static bool text_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len != b_len) {
        return false;
    }
    for (size_t i = 0; i < a_len; i++) {
        if (lower(a[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

bool host_text_is(const char *text, size_t len, const char *expected)
{
    return text_equal(text, len, expected, strlen(expected));
}

static bool is_address(const char *host, size_t len)
{
    char text[ADDRESS_TEXT_SIZE];
    struct address address;
    if (len >= sizeof text || memchr(host, '\0', len)) {
        return false;
    }
    memcpy(text, host, len);
    text[len] = '\0';
    return address_parse(text, &address) == 0;
}

/* Whether a name is `localhost`, or ends with it: resolvers answer neither from the network
 * (RFC 6761). */
static bool is_localhost(const char *name, size_t len)
{
    static const char localhost[] = "localhost";
    const size_t n = sizeof localhost - 1;
    return len >= n && host_text_is(name + len - n, n, localhost) &&
           (len == n || name[len - n - 1] == '.');
}

static bool is_port(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
    }
    return true;
}

/* Takes `:PORT` off. Returns false where something else follows the host. */
static bool cut_port(const char *host, size_t *len)
{
    const char *colon = memchr(host, ':', *len);
    if (colon) {
        size_t host_len = (size_t)(colon - host);
        if (!is_port(colon + 1, *len - host_len - 1)) {
            return false;
        }
        *len = host_len;
    }
    return true;
}

/* `[ADDRESS]`, and a port. */
static bool is_bracketed_address(const char *host, size_t len)
{
    const char *end = memchr(host, ']', len);
    if (!end) {
        return false;
    }
    size_t rest = len - (size_t)(end + 1 - host);
    return is_address(host + 1, (size_t)(end - host) - 1) &&
           (rest == 0 || (end[1] == ':' && is_port(end + 2, rest - 1)));
}

bool host_is_own(const char *host, size_t len, const char *own)
{
    if (len > 0 && host[0] == '[') {
        return is_bracketed_address(host, len);
    }
    if (len == 0 || !cut_port(host, &len)) {
        return false;
    }
    if (is_address(host, len)) {
        return true;
    }
    if (len > 1 && host[len - 1] == '.') {
        len--; /* which says that the name is a whole one */
    }
    return len > 0 && (is_localhost(host, len) || text_equal(host, len, own, strlen(own)) ||
                       text_equal(host, len, own, strcspn(own, ".")));
}
