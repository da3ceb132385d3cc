/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reply to INFO_REQ: what an epmd tells of itself and of its nodes.
 *
 * INFO_REQ is our own, for peers on this host; epmd-protocol(7) describes it as well. The
 * reply is read until the connection closes: PROTOCOL_INFO_REQ:8 version:8, then records,
 * each kind:8 length:16 body[length]. The first tells of the daemon, and how many nodes there
 * are; each node has one, and behind these has each registration that was refused lately.
 * All integers are big-endian.
 *
 *     daemon (1): port:16 pid:32 watcher:8 flags:8 started:64 nodes:32 stored:32
 *                 version, allow_lookup, allow_names, allow_register: length:16 text
 *                 listeners:16, and for each of these address[16] port:16
 *                 max_nodes:32
 *     node (2):   since:64 creation:32 peer[16] peer_port:16 port:16 type:8 protocol:8
 *                 highest:16 lowest:16 nlen:16 name[nlen] elen:16 extra[elen]
 *     denial (3): at:64 reason, name: length:16 text
 *
 * Times are milliseconds of Unix time; an IPv4 address is in its IPv6-mapped form. A
 * later epmd may add fields at a body's end and kinds of records, which a reader passes
 * over; what it would misread comes with another version.
 */
#ifndef EPMD_CORE_INVENTORY_H
#define EPMD_CORE_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/denials.h"
#include "core/listing.h"
#include "core/networks.h"
#include "core/protocol.h"
#include "core/registry.h"
#include "core/wire.h"

#define INVENTORY_VERSION 1
#define INVENTORY_LISTENERS_MAX 66
#define INVENTORY_REASON_SIZE 96 /* of a refusal, in words */
#define INVENTORY_EPMD_SIZE 32   /* room for the version of an epmd, with its NUL */

/* Who keeps the registrations when the process that serves ends. */
enum inventory_watcher {
    INVENTORY_NO_WATCHER,
    INVENTORY_KEEPER,
    INVENTORY_MANAGER, /* the service manager */
    INVENTORY_WATCHERS,
};

/* What an epmd tells of itself. */
struct inventory_daemon {
    uint16_t port; /* as NAMES reports it */
    uint32_t pid;  /* of the process that serves */
    enum inventory_watcher watcher;
    uint32_t n_nodes;   /* registered */
    uint32_t n_stored;  /* of them, with the watcher: these would survive */
    uint32_t max_nodes; /* that there is room for; 0: an older epmd, which does not tell */
    int64_t started_ms; /* Unix time at which the process began to serve */
    bool relaxed;       /* -relaxed_command_check */
    char version[INVENTORY_EPMD_SIZE];
    size_t n_listeners; /* where it listens */
    struct endpoint listeners[INVENTORY_LISTENERS_MAX];
    /* Who may ask what from elsewhere, as the options have it. */
    char allow_lookup[NETWORKS_TEXT_SIZE];
    char allow_names[NETWORKS_TEXT_SIZE];
    char allow_register[NETWORKS_TEXT_SIZE];

    /* Not told, and 0 in what has been read. */
    int64_t clock_ms;    /* Unix time at 0 of the clock that counts the registry's times */
    uint64_t generation; /* grows with every change of the above */
};

struct inventory_node {
    struct protocol_node info; /* its bytes lie in the reply */
    uint32_t creation;
    struct endpoint peer; /* of the connection that registered it */
    int64_t since_ms;     /* Unix time of the registration */
};

struct inventory_denial {
    int64_t at_ms; /* Unix time */
    char reason[INVENTORY_REASON_SIZE];
    size_t name_len;
    const uint8_t *name; /* lies in the reply */
};

struct inventory_reader {
    struct wire_reader wire;
    uint32_t n_left; /* nodes */
};

/* The word for a watcher: none, keeper, manager. */
const char *inventory_watcher_name(enum inventory_watcher watcher);

/* Makes the reply from what is registered now, newest first, from `daemon`, but for n_nodes and
 * max_nodes, and from what was refused. Code that changes clock_ms calls
 * registry_spoil_text(). Returns NULL without memory; the caller owns one reference. */
struct listing *inventory_new(struct registry *registry, const struct inventory_daemon *daemon,
                              const struct denials *denials);

/* Starts to read a reply, which has to outlive the reader, with what is told of the
 * daemon: of listeners and texts as much as there is room for, in texts a `?` in the
 * place of what is not printable ASCII. A watcher that is not known here is taken for none.
 * Returns 0; -EINVAL where this is no such reply, -EPROTONOSUPPORT where it is of another
 * version; `out` is then half set. */
int inventory_read_daemon(struct inventory_reader *reader, const uint8_t *bytes, size_t len,
                          struct inventory_daemon *out);

/* Reads the next node, whose name is not checked. Returns 1; 0 after the last; -EINVAL
 * where the reply is damaged or ends too early. */
int inventory_read_node(struct inventory_reader *reader, struct inventory_node *out);

/* Reads the next registration that was refused, once all nodes have been read. Returns as
 * inventory_read_node() does. */
int inventory_read_denial(struct inventory_reader *reader, struct inventory_denial *out);

#endif
