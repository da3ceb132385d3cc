/* SPDX-License-Identifier: Apache-2.0 */
/* The list of hosts whose epmds are asked. */
#include "client/hosts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/name.h"

#define SEPARATORS ", \t\r\n"
#define DOMAIN_PREFIX "dns:"
#define SHOWN_SIZE 160 /* of a word that is wrong */

static int fail(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, HOSTS_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

int hosts_add(struct hosts *hosts, enum hosts_kind kind, const char *name, size_t len,
              uint16_t port)
{
    if (hosts->n == HOSTS_MAX) {
        return -E2BIG;
    }
    if (hosts->n == hosts->size) {
        size_t size = hosts->size ? 2 * hosts->size : 64;
        struct hosts_entry *list = realloc(hosts->list, size * sizeof *list);
        if (!list) {
            return -ENOMEM;
        }
        hosts->list = list;
        hosts->size = size;
    }
    char *copy = strndup(name, len);
    if (!copy) {
        return -ENOMEM;
    }
    hosts->list[hosts->n++] = (struct hosts_entry){.kind = kind, .port = port, .name = copy};
    return 0;
}

/* Whether a byte may be part of a name or an address. The resolver knows what else is wrong. */
static bool is_name_byte(unsigned char byte)
{
    return byte > ' ' && byte != 0x7f && !strchr("'\"@,;/\\", byte);
}

static int check_name(const char *name, size_t len, char *error)
{
    char shown[SHOWN_SIZE];
    name_format((const uint8_t *)name, len, shown, sizeof shown);
    if (len == 0 || len > HOSTS_NAME_MAX) {
        return fail(error, "\"%s\": a host's name has 1 to %d bytes", shown, HOSTS_NAME_MAX);
    }
    if (memchr(name, '@', len)) {
        return fail(error, "\"%s\": a node; name its host, which stands behind the @", shown);
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_name_byte((unsigned char)name[i])) {
            return fail(error, "\"%s\": not the name or the address of a host", shown);
        }
    }
    return 0;
}

static int add_host(struct hosts *hosts, const char *name, size_t len, uint16_t port, char *error)
{
    int status = check_name(name, len, error);
    return status < 0 ? status : hosts_add(hosts, HOSTS_HOST, name, len, port);
}

/* ---- a list ---- */

static int add_word(struct hosts *hosts, const char *word, size_t len, uint16_t port, char *error)
{
    const size_t prefix_len = sizeof DOMAIN_PREFIX - 1;
    if (word[0] == '@') {
        return len > 1 ? hosts_add(hosts, HOSTS_FILE, word + 1, len - 1, port)
                       : fail(error, "\"@\": the name of its file is missing");
    }
    if (len < prefix_len || strncmp(word, DOMAIN_PREFIX, prefix_len) != 0) {
        return add_host(hosts, word, len, port, error);
    }
    int status = check_name(word + prefix_len, len - prefix_len, error);
    return status < 0 ? status
                      : hosts_add(hosts, HOSTS_DOMAIN, word + prefix_len, len - prefix_len, port);
}

int hosts_read_list(struct hosts *hosts, const char *text, uint16_t port,
                    char error[HOSTS_ERROR_SIZE])
{
    for (const char *at = text + strspn(text, SEPARATORS); *at; at += strspn(at, SEPARATORS)) {
        size_t len = strcspn(at, SEPARATORS);
        int status = add_word(hosts, at, len, port, error);
        if (status < 0) {
            return status;
        }
        at += len;
    }
    return 0;
}

/* ---- a file ---- */

/* A line of .hosts.erlang is an atom and a full stop. Without quotes an atom has no full stop
 * in itself, so that one at the end of a longer name is that of a name from DNS's root. */
static void strip_erlang(const char **line, size_t *len)
{
    const char *name = *line;
    size_t n = *len;
    if (n >= 3 && name[0] == '\'' && name[n - 2] == '\'' && name[n - 1] == '.') {
        *line = name + 1;
        *len = n - 3;
    } else if (n >= 2 && memchr(name, '.', n) == name + n - 1) {
        *len = n - 1;
    }
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static int read_line(struct hosts *hosts, const char *line, size_t len, uint16_t port, char *error)
{
    while (len > 0 && is_blank(line[0])) {
        line++;
        len--;
    }
    while (len > 0 && is_blank(line[len - 1])) {
        len--;
    }
    if (len == 0 || line[0] == '#' || line[0] == '%') {
        return 0;
    }
    strip_erlang(&line, &len);
    return add_host(hosts, line, len, port, error);
}

int hosts_read_lines(struct hosts *hosts, const char *text, size_t len, uint16_t port,
                     char error[HOSTS_ERROR_SIZE])
{
    const char *end = text + len;
    for (unsigned number = 1; text < end; number++) {
        char reason[HOSTS_ERROR_SIZE];
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line_end = newline ? newline : end;
        int status = read_line(hosts, text, (size_t)(line_end - text), port, reason);
        if (status == -EINVAL) {
            return fail(error, "line %u: %.*s", number, HOSTS_ERROR_SIZE - 32, reason);
        }
        if (status < 0) {
            return status;
        }
        text = newline ? newline + 1 : end;
    }
    return 0;
}

/* ---- DNS ---- */

int hosts_add_srv(struct hosts *hosts, const char *target, uint16_t port,
                  char error[HOSTS_ERROR_SIZE])
{
    bool has_service = port > 0 && *target && strcmp(target, ".") != 0;
    return has_service ? add_host(hosts, target, strlen(target), port, error) : 0;
}

/* ---- all of them ---- */

int hosts_compare(const struct hosts_entry *a, const struct hosts_entry *b)
{
    int order = strverscmp(a->name, b->name);
    if (order == 0) {
        order = (int)a->kind - (int)b->kind;
    }
    return order ? order : (int)a->port - (int)b->port;
}

static int compare_entries(const void *a, const void *b)
{
    return hosts_compare(a, b);
}

void hosts_sort(struct hosts *hosts)
{
    size_t n_kept = 0;
    if (hosts->n > 0) {
        qsort(hosts->list, hosts->n, sizeof *hosts->list, compare_entries);
    }
    for (size_t i = 0; i < hosts->n; i++) {
        if (n_kept > 0 && hosts_compare(&hosts->list[n_kept - 1], &hosts->list[i]) == 0) {
            free(hosts->list[i].name);
        } else {
            hosts->list[n_kept++] = hosts->list[i];
        }
    }
    hosts->n = n_kept;
}

void hosts_format(const struct hosts_entry *entry, uint16_t port, char text[HOSTS_TEXT_SIZE])
{
    char name[4 * HOSTS_NAME_MAX + 4];
    const char *prefix = entry->kind == HOSTS_DOMAIN ? DOMAIN_PREFIX : "";
    name_format((const uint8_t *)entry->name, strlen(entry->name), name, sizeof name);
    if (entry->port == port) {
        snprintf(text, HOSTS_TEXT_SIZE, "%s%s", prefix, name);
    } else {
        snprintf(text, HOSTS_TEXT_SIZE, strchr(name, ':') ? "[%s]:%u" : "%s:%u", name,
                 (unsigned)entry->port);
    }
}

void hosts_deinit(struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->n; i++) {
        free(hosts->list[i].name);
    }
    free(hosts->list);
    *hosts = (struct hosts){0};
}
