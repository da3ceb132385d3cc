/* SPDX-License-Identifier: Apache-2.0 */
/* The replies to NAMES_REQ and DUMP_REQ. */
#include "core/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/wire.h"

#define PORT_SIZE 4
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
        write_text(&writer, "name ");
        write_name(&writer, node);
        write_text(&writer, " at port ");
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
