/* SPDX-License-Identifier: Apache-2.0 */
/* Entries for systemd's journal. */
#include "system/journal.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool journal_has_stderr(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat own;
    char text[48]; /* two numbers of 64 bits */
    if (!stream || fstat(STDERR_FILENO, &own) < 0) {
        return false;
    }
    snprintf(text, sizeof text, "%ju:%ju", (uintmax_t)own.st_dev, (uintmax_t)own.st_ino);
    return strcmp(stream, text) == 0;
}

struct entry {
    char *bytes;
    size_t len;
};

static void put_bytes(struct entry *entry, const char *bytes, size_t len)
{
    memcpy(entry->bytes + entry->len, bytes, len);
    entry->len += len;
}

/* A value with a newline in it has its length in front, in eight bytes. */
static void put_field(struct entry *entry, const char *key, const char *value)
{
    size_t key_len = strlen(key), len = strlen(value);
    bool binary = strchr(value, '\n') != NULL;
    if (key_len + 1 + 8 + len + 1 > JOURNAL_ENTRY_SIZE - entry->len) {
        return;
    }
    put_bytes(entry, key, key_len);
    put_bytes(entry, binary ? "\n" : "=", 1);
    for (unsigned shift = 0; binary && shift < 64; shift += 8) {
        char byte = (char)((uint64_t)len >> shift & 0xff);
        put_bytes(entry, &byte, 1);
    }
    put_bytes(entry, value, len);
    put_bytes(entry, "\n", 1);
}

static void put_text(struct entry *entry, const char *key, const char *value)
{
    if (value) {
        put_field(entry, key, value);
    }
}

static void put_port(struct entry *entry, const char *key, unsigned port)
{
    char text[16];
    if (port != 0) {
        snprintf(text, sizeof text, "%u", port);
        put_field(entry, key, text);
    }
}

size_t journal_format_entry(int level, const struct log_fields *fields, const char *text,
                            char entry[JOURNAL_ENTRY_SIZE])
{
    struct entry out = {.bytes = entry};
    char priority[] = {(char)('0' + (level < LOG_DEBUG ? level : LOG_DEBUG)), '\0'};
    put_field(&out, "PRIORITY", priority);
    put_field(&out, "SYSLOG_IDENTIFIER", "epmd");
    put_field(&out, "SYSLOG_FACILITY", "3"); /* LOG_DAEMON */
    put_field(&out, "MESSAGE", text);
    if (fields) {
        put_text(&out, "EPMD_PEER", fields->peer);
        put_port(&out, "EPMD_PEER_PORT", fields->peer_port);
        put_text(&out, "EPMD_REQUEST", fields->request);
        put_text(&out, "EPMD_REASON", fields->reason);
        put_text(&out, "EPMD_HOLDER", fields->holder);
        put_port(&out, "EPMD_HOLDER_PORT", fields->holder_port);
        put_text(&out, "EPMD_NAME", fields->name);
    }
    return out.len;
}
