/* SPDX-License-Identifier: Apache-2.0 */
/* Where lists of hosts are kept. */
#include "client/directory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/domains.h"
#include "core/name.h"

#define FILE_MAX ((size_t)16 << 20)
#define SHOWN_SIZE 256 /* of a file's name, printable */

/* Reads a file, or a pipe, to its end. Returns 0, and bytes that the caller frees; or a
 * negative errno. */
static int read_file(const char *path, char **out, size_t *out_len)
{
    char *bytes = malloc(FILE_MAX);
    FILE *file = bytes ? fopen(path, "re") : NULL;
    if (!file) {
        int status = bytes ? -errno : -ENOMEM;
        free(bytes);
        return status;
    }
    errno = 0;
    size_t len = fread(bytes, 1, FILE_MAX, file);
    int status = ferror(file) ? -errno : len == FILE_MAX ? -EFBIG : 0;
    fclose(file);
    if (status < 0) {
        free(bytes);
        return status;
    }
    *out = bytes;
    *out_len = len;
    return 0;
}

static int add_file(struct hosts *hosts, const char *path, uint16_t port,
                    char error[HOSTS_ERROR_SIZE])
{
    char *bytes = NULL, shown[SHOWN_SIZE], reason[HOSTS_ERROR_SIZE];
    size_t len = 0;
    name_format((const uint8_t *)path, strlen(path), shown, sizeof shown);
    int status = read_file(path, &bytes, &len);
    if (status < 0) {
        snprintf(error, HOSTS_ERROR_SIZE, "@%s: %s", shown, strerror(-status));
        return -EINVAL;
    }
    status = hosts_read_lines(hosts, bytes, len, port, reason);
    free(bytes);
    if (status == -EINVAL) {
        snprintf(error, HOSTS_ERROR_SIZE, "@%.*s, %.*s", SHOWN_SIZE, shown,
                 HOSTS_ERROR_SIZE - SHOWN_SIZE - 8, reason);
    }
    return status;
}

/* Adds the hosts of a list and of its files, and puts its domains aside. */
static int read_entries(const struct hosts *list, uint16_t port, struct hosts *hosts,
                        struct hosts *domains, char error[HOSTS_ERROR_SIZE])
{
    int status = 0;
    for (size_t i = 0; status == 0 && i < list->n; i++) {
        const struct hosts_entry *entry = &list->list[i];
        if (entry->kind == HOSTS_FILE) {
            status = add_file(hosts, entry->name, port, error);
        } else {
            status = hosts_add(entry->kind == HOSTS_HOST ? hosts : domains, entry->kind,
                               entry->name, strlen(entry->name), entry->port);
        }
    }
    return status;
}

static int expand(const char *text, uint16_t port, struct hosts *out, char error[HOSTS_ERROR_SIZE])
{
    struct hosts list = {0}, domains = {0};
    int status = hosts_read_list(&list, text, port, error);
    if (status == 0) {
        status = read_entries(&list, port, out, &domains, error);
    }
    if (status == 0) {
        hosts_sort(&domains);
        status = domains_find(&domains, port, out);
    }
    hosts_deinit(&domains);
    hosts_deinit(&list);
    if (status == 0 && out->n == 0) {
        snprintf(error, HOSTS_ERROR_SIZE, "names no host");
        status = -EINVAL;
    }
    return status;
}

int directory_read(const char *list, uint16_t port, struct hosts *out)
{
    char error[HOSTS_ERROR_SIZE];
    *out = (struct hosts){0};
    int status = expand(list, port, out, error);
    if (status == 0) {
        hosts_sort(out);
        return 0;
    }
    hosts_deinit(out);
    if (status == -E2BIG) {
        snprintf(error, sizeof error, "more than %d hosts", HOSTS_MAX);
    }
    fprintf(stderr, "epmd: -hosts: %s\n", status == -ENOMEM ? "out of memory" : error);
    return status;
}
