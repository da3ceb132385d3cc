/* SPDX-License-Identifier: Apache-2.0 */
/* The replies to NAMES_REQ and DUMP_REQ. */
#include "core/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define PORT_SIZE 4
#define NAME_START "name "
#define NAME_END " at port "
#define LINE_MAX_BESIDE_NAME 64 /* any line's words, numbers and NUL */

/* ---- listings ---- */

struct listing *listing_ref(struct listing *listing)
{
    listing->n_refs++;
    return listing;
}

void listing_unref(struct listing *listing)
{
    if (listing && --listing->n_refs == 0) {
        for (size_t i = 0; i < listing->n_sheets; i++) {
            sheet_unref(listing->sheets[i]);
        }
        free(listing);
    }
}

static void listing_append(struct listing *listing, struct sheet *sheet)
{
    listing->sheets[listing->n_sheets++] = sheet;
    listing->len += sheet->len;
}

/* Returns false without memory. */
static bool listing_append_groups(struct listing *listing, struct registry *registry,
                                  enum registry_text text, listing_group_writer *write,
                                  const void *argument)
{
    struct registry_group *group;
    DL_FOREACH (registry->groups, group) {
        struct sheet *sheet = group->sheets[text] ? group->sheets[text] : write(group, argument);
        if (!sheet) {
            return false;
        }
        group->sheets[text] = sheet;
        listing_append(listing, sheet_ref(sheet));
    }
    return true;
}

struct listing *listing_assemble(struct registry *registry, enum registry_text text,
                                 listing_group_writer *write, const void *argument,
                                 struct sheet *head, struct sheet *tail)
{
    size_t n = registry->n_groups + 2;
    struct listing *listing =
        head ? calloc(1, sizeof *listing + n * sizeof(struct sheet *)) : NULL; /* NOLINT */
    if (!listing) {
        sheet_unref(head);
        sheet_unref(tail);
        return NULL;
    }
    listing->n_refs = 1;
    listing_append(listing, head);
    bool is_whole = listing_append_groups(listing, registry, text, write, argument);
    if (tail) {
        listing_append(listing, tail);
    }
    if (!is_whole) {
        listing_unref(listing);
        return NULL;
    }
    return listing;
}

/* ---- lines of nodes ---- */

static void write_text(struct wire_writer *writer, const char *text)
{
    wire_write_bytes(writer, text, strlen(text));
}

static void write_number(struct wire_writer *writer, int number)
{
    char digits[16];
    int len = snprintf(digits, sizeof digits, "%d", number);
    wire_write_bytes(writer, digits, (size_t)len);
}

static void write_name(struct wire_writer *writer, const struct registry_node *node)
{
    wire_write_bytes(writer, node->info.name, node->info.name_len);
}

static void write_names_line(struct wire_writer *writer, const struct registry_node *node)
{
    write_text(writer, NAME_START);
    write_name(writer, node);
    write_text(writer, NAME_END);
    write_number(writer, node->info.port);
    write_text(writer, "\n");
}

static void write_active_line(struct wire_writer *writer, const struct registry_node *node)
{
    write_text(writer, "active name     <");
    write_name(writer, node);
    write_text(writer, "> at port ");
    write_number(writer, node->info.port);
    write_text(writer, ", fd = ");
    write_number(writer, node->fd);
    wire_write_bytes(writer, "\n", sizeof "\n");
}

static void write_departed_line(struct wire_writer *writer, const struct registry_node *node)
{
    write_text(writer, "old/unused name <");
    write_name(writer, node);
    write_text(writer, ">, port = ");
    write_number(writer, node->info.port);
    write_text(writer, ", fd = ");
    write_number(writer, node->fd);
    wire_write_bytes(writer, " \n", sizeof " \n");
}

/* Writes a line for each of `n` nodes, from `first` on. */
static struct sheet *write_lines(const struct registry_node *first, size_t n,
                                 void (*write)(struct wire_writer *, const struct registry_node *))
{
    struct wire_writer writer;
    const struct registry_node *node = first;
    size_t size = 0;
    for (size_t i = 0; i < n; i++, node = node->next) {
        size += node->info.name_len + LINE_MAX_BESIDE_NAME;
    }
    struct sheet *sheet = sheet_new(size);
    if (!sheet) {
        return NULL;
    }
    wire_writer_init(&writer, sheet->bytes, size);
    node = first;
    for (size_t i = 0; i < n; i++, node = node->next) {
        write(&writer, node);
    }
    return sheet_shrink(sheet, wire_writer_len(&writer));
}

static struct sheet *write_names_group(const struct registry_group *group, const void *argument)
{
    (void)argument;
    return write_lines(group->first, group->n_nodes, write_names_line);
}

static struct sheet *write_active_group(const struct registry_group *group, const void *argument)
{
    (void)argument;
    return write_lines(group->first, group->n_nodes, write_active_line);
}

static struct sheet *write_port(uint16_t port)
{
    struct wire_writer writer;
    struct sheet *sheet = sheet_new(PORT_SIZE);
    if (sheet) {
        wire_writer_init(&writer, sheet->bytes, PORT_SIZE);
        wire_write_u32(&writer, port);
    }
    return sheet;
}

struct listing *listing_new_names(struct registry *registry, uint16_t port)
{
    return listing_assemble(registry, REGISTRY_NAMES, write_names_group, NULL, write_port(port),
                            NULL);
}

struct listing *listing_new_dump(struct registry *registry, uint16_t port)
{
    struct sheet *departed =
        write_lines(registry->departed, registry->n_departed, write_departed_line);
    return departed ? listing_assemble(registry, REGISTRY_DUMP, write_active_group, NULL,
                                       write_port(port), departed)
                    : NULL;
}

/* ---- reading ---- */

/* Reads a port, which is all of the text. */
static bool read_port(const uint8_t *text, size_t len, uint16_t *out)
{
    uint32_t port = 0;
    bool right = len > 0 && len <= 5;
    for (size_t i = 0; right && i < len; i++) {
        right = text[i] >= '0' && text[i] <= '9';
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    *out = (uint16_t)port;
    return right && port <= UINT16_MAX;
}

/* A name may have the words in it that follow it: the last ones count. */
static const uint8_t *find_name_end(const uint8_t *name, const uint8_t *end)
{
    const size_t len = sizeof NAME_END - 1;
    for (const uint8_t *at = end - len; at >= name; at--) {
        if (memcmp(at, NAME_END, len) == 0) {
            return at;
        }
    }
    return NULL;
}

static bool read_name_line(const uint8_t *line, const uint8_t *end, struct protocol_node *out)
{
    const size_t start_len = sizeof NAME_START - 1, end_len = sizeof NAME_END - 1;
    if ((size_t)(end - line) < start_len + end_len || memcmp(line, NAME_START, start_len) != 0) {
        return false;
    }
    const uint8_t *name = line + start_len;
    const uint8_t *name_end = find_name_end(name, end);
    if (!name_end || name_end - name > NAME_MAX_LEN) {
        return false;
    }
    *out = (struct protocol_node){.name = name, .name_len = (uint16_t)(name_end - name)};
    const uint8_t *port = name_end + end_len;
    return read_port(port, (size_t)(end - port), &out->port);
}

bool listing_read_name(struct wire_reader *reader, struct protocol_node *out)
{
    size_t left;
    while ((left = wire_reader_left(reader)) > 0) {
        const uint8_t *newline = memchr(reader->at, '\n', left);
        const uint8_t *line =
            wire_read_bytes(reader, newline ? (size_t)(newline + 1 - reader->at) : left);
        if (newline && read_name_line(line, newline, out)) {
            return true;
        }
    }
    return false;
}
