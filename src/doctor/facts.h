/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a check finds out, before it is judged: of this host, of the host of a node's name, of
 * the epmd there, and of the node.
 *
 * Gathering takes as long as the resolver, the service manager and /proc of this host do, and up
 * to FACTS_TIME_MS for all the rest. What there was no time for is left out, with -ETIME as its
 * status.
 */
#ifndef EPMD_DOCTOR_FACTS_H
#define EPMD_DOCTOR_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/exchange.h"
#include "core/address.h"
#include "core/inventory.h"
#include "core/name.h"
#include "core/protocol.h"
#include "doctor/distribution.h"
#include "doctor/probe.h"
#include "system/interfaces.h"
#include "system/processes.h"
#include "system/units.h"

#define FACTS_TIME_MS 10000
#define FACTS_LOOKUP_TIME_MS 6000 /* of these, until all lookups have to be done */
#define FACTS_PROBE_MS 2000       /* for one address */
#define FACTS_CONNECT_MS 300      /* to find out whether a loopback address accepts */
#define FACTS_NODE_MS 1000        /* for one of the nodes of this host */

#define FACTS_NODES_MAX 65535 /* each listens on a port of its own: a longer list is nonsense */
#define FACTS_SOCKETS_MAX 4096
#define FACTS_INTERFACES_MAX 1024
#define FACTS_FAMILY_MAX 8 /* addresses of a host, of either family */
#define FACTS_ADDRESSES_MAX (2 * FACTS_FAMILY_MAX)
#define FACTS_OTHERS_MAX 8
#define FACTS_HOST_SIZE 256
#define FACTS_USER_SIZE 64
#define FACTS_ERROR_SIZE 128
#define FACTS_SSH_PORT 22 /* where a host that lets nothing else in answers all the same */

/* What was asked for. Both texts are as the user wrote them, checked but not printable. */
struct facts_target {
    bool has_name;
    char name[NAME_MAX_LEN + 1];
    bool has_host; /* else it is this host, by the name that its nodes have */
    char host[FACTS_HOST_SIZE];
};

struct facts_socket { /* it listens on this host */
    struct endpoint at;
    bool both_families;
    uint32_t inode;
    uint32_t n_waiting, max_waiting; /* connections that no process has accepted yet */
    char user[FACTS_USER_SIZE];      /* printable */
    struct process process;          /* its pid is 0 where that cannot be told */
};

struct facts_interface {
    char name[INTERFACES_NAME_SIZE];
    struct address address;
    unsigned prefix_bits; /* of its network, of all 128: an IPv4 /24 has 120 */
};

struct facts_epmd { /* what answers on a port of this host */
    uint16_t port;
    int status;   /* 0: as an epmd does; -EPROTO: otherwise; else why not at all */
    bool accepts; /* with the status -ETIMEDOUT: that address accepts connections */
    bool ours;    /* it has told of itself */
    struct inventory_daemon daemon;
    struct exchange_reply names; /* to NAMES_REQ; with the status 0 only */
    struct exchange_reply info;  /* to INFO_REQ; of ours only */
};

enum facts_answer {
    FACTS_NONE,  /* none that an epmd gives */
    FACTS_KNOWN, /* here is the port */
    FACTS_UNKNOWN,
};

struct facts_lookup { /* at one address of the target's host */
    struct probe probe;
    bool extra; /* a loopback address of this host, which the host's name does not have */
    enum facts_answer answer;
    struct protocol_node node; /* FACTS_KNOWN: its bytes lie in the probe */
};

struct facts_knock { /* on the node's port, at one address */
    struct probe probe;
    struct distribution_answer answer; /* its name lies in the probe */
};

struct facts_node {            /* one of those that are registered here */
    struct protocol_node node; /* its name lies in a reply of the epmd here; type 0: not told */
    bool withheld;             /* not connected to */
    bool connected;
    int status; /* of the attempt; 0 or a negative errno, as a probe has it */
    struct distribution_answer answer;
    char *own_name; /* of `answer`, printable, or NULL */
    bool is_other;  /* the name before its `@` is not the registered one */
};

struct facts {
    struct facts_target target;
    uint16_t port;          /* of the epmds that are asked */
    uint16_t variable_port; /* ERL_EPMD_PORT; 0: not set, or no port */
    int64_t deadline_ms;
    int64_t now_ms;     /* Unix time at which the check began */
    bool keeps_nothing; /* on this host's system an epmd can pass no registration on */

    int sockets_status; /* 0 or a negative errno; the same of the next two */
    int processes_status;
    int interfaces_status;
    bool processes_hidden; /* some may not be looked into */
    size_t n_sockets, n_interfaces, n_others;
    struct facts_socket sockets[FACTS_SOCKETS_MAX];
    struct facts_interface interfaces[FACTS_INTERFACES_MAX];
    struct facts_epmd here;
    struct facts_epmd others[FACTS_OTHERS_MAX]; /* those on other ports that answer */
    struct unit service, socket;                /* epmd's; `active` is empty where not told */

    int resolve_status;                   /* 0, or an error of getaddrinfo(3) */
    char resolve_error[FACTS_ERROR_SIZE]; /* in its words */
    bool is_here;                         /* the target's host is this one */
    bool is_own_name;                     /* its name is this host's, wherever that leads */
    size_t n_addresses;
    struct address addresses[FACTS_ADDRESSES_MAX]; /* of it, IPv4 first, as nodes use them */

    size_t n_lookups, n_knocks;
    struct facts_lookup lookups[FACTS_ADDRESSES_MAX + 1];
    bool ssh_answers;    /* at the first address, where port `port` cannot be reached */
    bool knock_withheld; /* the node might not survive it */
    bool is_listened_on; /* a socket of this host listens on the node's port */
    struct facts_knock knocks[FACTS_ADDRESSES_MAX + 1];
    struct exchange_reply names; /* of the epmd there, where the name is not known */

    size_t n_nodes; /* of this host, where no name was given */
    struct facts_node *nodes;
    size_t n_nodes_left_out; /* beyond FACTS_NODES_MAX */
};

/* Each finds out a part; they have to be called in this order, and `facts` has to be zeroed
 * but for target and ports. The others, which matter least, get what time is left: every user
 * may have processes called epmd that do not answer. */
void facts_gather_here(struct facts *facts);
void facts_gather_host(struct facts *facts);
void facts_gather_lookups(struct facts *facts);
void facts_gather_knocks(struct facts *facts);
void facts_gather_nodes(struct facts *facts);
void facts_gather_others(struct facts *facts);

/* Says the first message of a handshake to what listens at `to`, and takes the answer. */
void facts_knock_at(struct probe *probe, const struct endpoint *to, uint16_t highest,
                    int timeout_ms);

/* How long a question may take that has to be over by then: milliseconds, FACTS_PROBE_MS
 * at the most; 0 when the time is up. */
int facts_time_left(int64_t until_ms);

/* Whether an address is one of this host's. */
bool facts_has_address(const struct facts *facts, const struct address *address);

/* The lookup that says where the target's node is, or NULL. */
const struct facts_lookup *facts_known(const struct facts *facts);

/* Finds the registration of a name, or that one was refused, in what the epmd of this host has
 * told. Returns whether there is one. */
bool facts_find_registration(const struct facts_epmd *epmd, const char *name,
                             struct inventory_node *out);
bool facts_find_denial(const struct facts_epmd *epmd, const char *name,
                       struct inventory_denial *out);

/* Asks what answers on a port of this host. `out` is to be freed with its names. */
void facts_ask_epmd(struct facts *facts, uint16_t port, struct facts_epmd *out);

/* Frees what was gathered. */
void facts_deinit(struct facts *facts);

#endif
