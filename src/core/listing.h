/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replies to NAMES_REQ and DUMP_REQ, which grow with the nodes, as that to INFO_REQ
 * does (core/inventory).
 *
 * A listing is a sequence of sheets, one a group of nodes, that never changes once made.
 * The sheets of groups in which nothing has changed are shared with the listing before.
 */
#ifndef EPMD_CORE_LISTING_H
#define EPMD_CORE_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/registry.h"
#include "core/sheet.h"
#include "core/wire.h"

struct listing {
    size_t n_refs;
    size_t len; /* bytes of all sheets */
    size_t n_sheets;
    struct sheet *sheets[];
};

/* Makes a reply from what is registered now; `port` is epmd's own. Returns NULL without
 * memory; the caller owns one reference. */
typedef struct listing *listing_maker(struct registry *registry, uint16_t port);
listing_maker listing_new_names;
listing_maker listing_new_dump;

/* Writes the nodes of a group. Returns NULL without memory. */
typedef struct sheet *listing_group_writer(const struct registry_group *group,
                                           const void *argument);

/* Makes a listing of `head`, all groups, and `tail`, where that is not NULL; both become the
 * listing's. Groups that have no sheet of that text get one. Returns NULL without memory, or
 * where `head` is NULL. */
struct listing *listing_assemble(struct registry *registry, enum registry_text text,
                                 listing_group_writer *write, const void *argument,
                                 struct sheet *head, struct sheet *tail);

/* Reads the next name and port from what follows epmd's own port in a reply to NAMES_REQ,
 * of whatever program. Lines that are no such line are passed over; `out` points into the
 * reply, and its name is not checked. Returns false at the end. */
bool listing_read_name(struct wire_reader *reader, struct protocol_node *out);

/* Takes one more reference and returns `listing`. */
struct listing *listing_ref(struct listing *listing);

/* Gives one reference back, the last of which frees it. NULL is ignored. */
void listing_unref(struct listing *listing);

#endif
