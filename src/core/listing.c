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

static size_t nodes_size(const struct registry_node *nodes)
{
    size_t size = 0;
    const struct registry_node *node;
    DL_FOREACH (nodes, node) {
        size += node->info.name_len + LINE_MAX_BESIDE_NAME;
    }
    return size;
}

struct listing *listing_new(size_t len)
{
    struct listing *listing = malloc(sizeof *listing + len);
    if (listing) {
        listing->n_refs = 1;
        listing->len = len;
    }
    return listing;
}

static struct listing *listing_start(size_t size, uint16_t port, struct wire_writer *writer)
{
    struct listing *listing = listing_new(PORT_SIZE + size);
    if (listing) {
        wire_writer_init(writer, listing->bytes, PORT_SIZE + size);
        wire_write_u32(writer, port);
    }
    return listing;
}

/* Gives back what the bound on the size was too generous by. */
static struct listing *listing_finish(struct listing *listing, const struct wire_writer *writer)
{
    listing->len = wire_writer_len(writer);
    struct listing *shrunk = realloc(listing, sizeof *listing + listing->len);
    return shrunk ? shrunk : listing;
}

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

struct listing *listing_new_names(const struct registry *registry, uint16_t port)
{
    struct wire_writer writer;
    const struct registry_node *node;
    struct listing *listing = listing_start(nodes_size(registry->live), port, &writer);
    if (!listing) {
        return NULL;
    }
    DL_FOREACH (registry->live, node) {
        write_text(&writer, NAME_START);
        write_name(&writer, node);
        write_text(&writer, NAME_END);
        write_number(&writer, node->info.port);
        write_text(&writer, "\n");
    }
    return listing_finish(listing, &writer);
}

struct listing *listing_new_dump(const struct registry *registry, uint16_t port)
{
    struct wire_writer writer;
    const struct registry_node *node;
    size_t size = nodes_size(registry->live) + nodes_size(registry->departed);
    struct listing *listing = listing_start(size, port, &writer);
    if (!listing) {
        return NULL;
    }
    DL_FOREACH (registry->live, node) {
        write_text(&writer, "active name     <");
        write_name(&writer, node);
        write_text(&writer, "> at port ");
        write_number(&writer, node->info.port);
        write_text(&writer, ", fd = ");
        write_number(&writer, node->fd);
        wire_write_bytes(&writer, "\n", sizeof "\n");
    }
    DL_FOREACH (registry->departed, node) {
        write_text(&writer, "old/unused name <");
        write_name(&writer, node);
        write_text(&writer, ">, port = ");
        write_number(&writer, node->info.port);
        write_text(&writer, ", fd = ");
        write_number(&writer, node->fd);
        wire_write_bytes(&writer, " \n", sizeof " \n");
    }
    return listing_finish(listing, &writer);
}

struct listing *listing_ref(struct listing *listing)
{
    listing->n_refs++;
    return listing;
}

void listing_unref(struct listing *listing)
{
    if (listing && --listing->n_refs == 0) {
        free(listing);
    }
}

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
