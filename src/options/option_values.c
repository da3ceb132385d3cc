/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind an option, or in its variable. */
#include "options/option_values.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_MAX 65535
#define SEPARATORS ", "
#define WORD_SHOWN_MAX 64 /* of a word that is none */

static const char *const layer_names[SANDBOX_LAYERS] = {
    [SANDBOX_CORE] = VALUE_LAYER_CORE,
    [SANDBOX_DUMPABLE] = VALUE_LAYER_DUMPABLE,
    [SANDBOX_PRIVILEGES] = VALUE_LAYER_PRIVILEGES,
    [SANDBOX_SECCOMP] = VALUE_LAYER_SECCOMP,
};

int value_fail(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, OPTIONS_ERROR_SIZE, format, arguments);
    va_end(arguments);
    for (char *at = error; *at; at++) {
        if ((unsigned char)*at < ' ' || *at == '\x7f') {
            *at = '?'; /* it stays one line, and a terminal's */
        }
    }
    return -EINVAL;
}

/* Reads a whole decimal number from 1 on; strtoul(3) alone would take signs and blanks. */
static int read_number(const char *text, unsigned long max, unsigned long *out)
{
    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0') {
        return -EINVAL;
    }
    unsigned long number = strtoul(text, NULL, 10);
    if (number < 1 || number > max) {
        return -ERANGE;
    }
    *out = number;
    return 0;
}

int value_read_port(const char *origin, const char *text, uint16_t *out, char *error)
{
    unsigned long port;
    if (read_number(text, PORT_MAX, &port) < 0) {
        return value_fail(error, "%s \"%s\": not a port number, which is 1 to %d", origin, text,
                          PORT_MAX);
    }
    *out = (uint16_t)port;
    return 0;
}

int value_read_unsigned(const char *origin, const char *text, const char *unit, unsigned max,
                        unsigned *out, char *error)
{
    unsigned long number;
    if (read_number(text, max, &number) < 0) {
        return value_fail(error, "%s \"%s\": not a number%s, which is 1 to %u", origin, text, unit,
                          max);
    }
    *out = (unsigned)number;
    return 0;
}

static bool has_address(const struct options *options, const struct address *address)
{
    for (size_t i = 0; i < options->n_addresses; i++) {
        if (address_equal(&options->addresses[i], address)) {
            return true;
        }
    }
    return false;
}

static int read_address(const char *origin, const char *word, size_t len, struct options *options,
                        char *error)
{
    char text[ADDRESS_TEXT_SIZE];
    struct address address;
    if (len < sizeof text) {
        memcpy(text, word, len);
        text[len] = '\0';
    }
    if (len >= sizeof text || address_parse(text, &address) < 0) {
        return value_fail(error, "%s: \"%.*s\" is not an IPv4 or IPv6 address", origin,
                          (int)(len < ADDRESS_TEXT_SIZE ? len : ADDRESS_TEXT_SIZE), word);
    }
    if (has_address(options, &address)) {
        return 0;
    }
    if (options->n_addresses == OPTIONS_ADDRESSES_MAX) {
        return value_fail(error, "%s: more than %d addresses", origin, OPTIONS_ADDRESSES_MAX);
    }
    options->addresses[options->n_addresses++] = address;
    return 0;
}

/* Reads one word of a list. */
typedef int word_reader(const char *origin, const char *word, size_t len, struct options *options,
                        char *error);

static int read_list(const char *origin, const char *list, word_reader *read_word,
                     struct options *options, char *error)
{
    for (const char *at = list + strspn(list, SEPARATORS); *at; at += strspn(at, SEPARATORS)) {
        size_t len = strcspn(at, SEPARATORS);
        int status = read_word(origin, at, len, options, error);
        if (status < 0) {
            return status;
        }
        at += len;
    }
    return 0;
}

int value_read_networks(const char *origin, const char *list, struct networks *out, char *error)
{
    char reason[NETWORKS_ERROR_SIZE];
    return networks_parse(list, out, reason) < 0 ? value_fail(error, "%s: %s", origin, reason) : 0;
}

int value_read_registrants(const char *origin, const char *list, struct networks *out, char *error)
{
    int status = value_read_networks(origin, list, out, error);
    if (status == 0 && out->has_private) {
        return value_fail(error,
                          "%s: \"private\" is not for this list, whose members may take any name: "
                          "name the networks",
                          origin);
    }
    return status;
}

int value_read_addresses(const char *origin, const char *list, struct options *options, char *error)
{
    options->n_addresses = 0;
    return read_list(origin, list, read_address, options, error);
}

struct choice {
    const char *word;
    int value;
};

static const struct choice log_targets[] = {
    {"stderr", LOG_TARGET_STDERR},
    {"syslog", LOG_TARGET_SYSLOG},
    {"journal", LOG_TARGET_JOURNAL},
    {NULL, 0},
};

static const struct choice log_levels[] = {
    {"error", LOG_ERR}, {"warning", LOG_WARNING}, {"info", LOG_INFO}, {"debug", LOG_DEBUG},
    {NULL, 0},
};

/* Reads one of the words; `expected` ends the line where it is none of them. */
static int read_choice(const char *origin, const char *word, const struct choice *choices,
                       const char *expected, int *out, char *error)
{
    for (; choices->word; choices++) {
        if (strcmp(word, choices->word) == 0) {
            *out = choices->value;
            return 0;
        }
    }
    return value_fail(error, "%s \"%.*s\": %s", origin, WORD_SHOWN_MAX, word, expected);
}

int value_read_log_target(const char *origin, const char *word, enum log_target *out, char *error)
{
    int target = LOG_TARGET_DEFAULT;
    int status =
        read_choice(origin, word, log_targets,
                    "no place for a log, which is stderr, syslog or journal", &target, error);
    if (status == 0) {
        *out = (enum log_target)target;
    }
    return status;
}

int value_read_log_level(const char *origin, const char *word, int *out, char *error)
{
    return read_choice(origin, word, log_levels, "no level, which is error, warning, info or debug",
                       out, error);
}

/* Reads an address of `len` bytes, or in brackets an IPv6 one. Returns 0 or -EINVAL. */
static int read_host(const char *text, size_t len, struct address *out)
{
    char host[ADDRESS_TEXT_SIZE];
    bool brackets = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    if (brackets) {
        text++;
        len -= 2;
    }
    if (len >= sizeof host) {
        return -EINVAL;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    /* Without brackets, "::1:80" would be an address as well. */
    return (strchr(host, ':') != NULL) == brackets ? address_parse(host, out) : -EINVAL;
}

int value_read_endpoint(const char *origin, const char *text, struct endpoint *out, char *error)
{
    static const uint8_t loopback[4] = {127, 0, 0, 1};
    const char *colon = strrchr(text, ':');
    struct endpoint endpoint = {.address = address_from_ipv4(loopback)};
    unsigned long port;

    if ((colon && read_host(text, (size_t)(colon - text), &endpoint.address) < 0) ||
        read_number(colon ? colon + 1 : text, PORT_MAX, &port) < 0) {
        return value_fail(error,
                          "%s \"%s\": not [ADDRESS:]PORT, as 9568, 192.0.2.1:9568 or [::1]:9568; "
                          "a port is 1 to %d",
                          origin, text, PORT_MAX);
    }
    endpoint.port = (uint16_t)port;
    *out = endpoint;
    return 0;
}

/* Adds the layers that one word names. */
static int read_layer(const char *origin, const char *word, size_t len, struct options *options,
                      char *error)
{
    bool all = len == strlen(VALUE_LAYER_ALL) && memcmp(word, VALUE_LAYER_ALL, len) == 0;
    bool known = all;
    for (size_t i = 0; i < SANDBOX_LAYERS; i++) {
        if (all || (len == strlen(layer_names[i]) && memcmp(word, layer_names[i], len) == 0)) {
            options->no_sandbox[i] = true;
            known = true;
        }
    }
    if (!known) {
        return value_fail(error,
                          "%s: \"%.*s\" is no layer of the sandbox, which are " VALUE_LAYERS
                          "; or " VALUE_LAYER_ALL,
                          origin, len < WORD_SHOWN_MAX ? (int)len : WORD_SHOWN_MAX, word);
    }
    return 0;
}

int value_read_path(const char *origin, const char *text, const char **out, char *error)
{
    if (text[0] != '/') {
        return value_fail(error, "%s \"%.*s\": not an absolute path, which begins with /", origin,
                          WORD_SHOWN_MAX, text);
    }
    *out = text;
    return 0;
}

int value_read_layers(const char *origin, const char *list, struct options *options, char *error)
{
    return read_list(origin, list, read_layer, options, error);
}

const char *options_layer_name(enum sandbox_layer layer)
{
    return layer_names[layer];
}
