/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a list of hosts, and the lines of a file as well.
 *
 * Whatever is read has names within their bounds and is printable; a host of a list is read as
 * the same host from a line of its own.
 */
#include <errno.h>
#include <string.h>

#include "client/hosts.h"
#include "fuzz.h"

#define PORT 4369

static void require_sane(const struct hosts *hosts)
{
    REQUIRE(hosts->n <= hosts->size && hosts->n <= HOSTS_MAX);
    for (size_t i = 0; i < hosts->n; i++) {
        const struct hosts_entry *entry = &hosts->list[i];
        char text[HOSTS_TEXT_SIZE];
        REQUIRE(entry->name[0] != '\0' && entry->port == PORT && !entry->failure);
        REQUIRE(entry->kind == HOSTS_FILE || strlen(entry->name) <= HOSTS_NAME_MAX);
        hosts_format(entry, 1, text);
        for (const char *at = text; *at; at++) {
            REQUIRE((unsigned char)*at >= ' ' && *at != 0x7f);
        }
    }
}

/* The order is strict, so that no entry is there twice. */
static void require_sorted(struct hosts *hosts)
{
    hosts_sort(hosts);
    for (size_t i = 1; i < hosts->n; i++) {
        REQUIRE(hosts_compare(&hosts->list[i - 1], &hosts->list[i]) < 0);
        REQUIRE(hosts_compare(&hosts->list[i], &hosts->list[i - 1]) > 0);
    }
}

static void require_line(const struct hosts_entry *entry)
{
    struct hosts hosts = {0};
    char error[HOSTS_ERROR_SIZE];
    size_t len = strlen(entry->name);
    bool is_remark = entry->name[0] == '#' || entry->name[0] == '%';
    bool is_atom = strchr(entry->name, '.') == entry->name + len - 1; /* its end is no part of it */
    if (entry->kind != HOSTS_HOST || is_atom) {
        return;
    }
    REQUIRE(hosts_read_lines(&hosts, entry->name, len, PORT, error) == 0);
    REQUIRE(hosts.n == !is_remark);
    REQUIRE(is_remark || strcmp(hosts.list[0].name, entry->name) == 0);
    hosts_deinit(&hosts);
}

static void require_status(int status, const char *error)
{
    REQUIRE(status == 0 || status == -EINVAL);
    REQUIRE(memchr(error, '\0', HOSTS_ERROR_SIZE));
    REQUIRE((status == 0) == (error[0] == '\0'));
    REQUIRE(!strchr(error, '\n') && !strchr(error, 0x1b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hosts list = {0}, lines = {0};
    char list_error[HOSTS_ERROR_SIZE] = "", lines_error[HOSTS_ERROR_SIZE] = "";
    char *text = malloc(size + 1);
    REQUIRE(text);
    memcpy(text, data, size);
    text[size] = '\0';
    require_status(hosts_read_list(&list, text, PORT, list_error), list_error);
    require_status(hosts_read_lines(&lines, text, size, PORT, lines_error), lines_error);
    require_sane(&list);
    require_sane(&lines);
    for (size_t i = 0; i < list.n; i++) {
        require_line(&list.list[i]);
    }
    require_sorted(&list);
    require_sorted(&lines);
    hosts_deinit(&list);
    hosts_deinit(&lines);
    free(text);
    return 0;
}
