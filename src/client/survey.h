/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The epmds of many hosts, all asked at once for their nodes.
 *
 * A host's addresses are tried one after the other, and the first that answers is asked from
 * then on, as with one host (client/target). All of it has a bound: how many hosts are asked at
 * once, how long one of them may take, how many bytes their answers have.
 */
#ifndef EPMD_CLIENT_SURVEY_H
#define EPMD_CLIENT_SURVEY_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/flight.h"
#include "client/hosts.h"
#include "client/node_list.h"
#include "client/progress.h"
#include "client/resolver.h"

#define SURVEY_OUT_MAX 1024 /* hosts that are asked at once, if there are descriptors for them */
#define SURVEY_HOST_MS 2000 /* for the list of names, at all addresses of a host together */
#define SURVEY_LOOKUPS_MS 10000        /* for all nodes of a host together */
#define SURVEY_REPLY_MAX (4u << 20)    /* bytes of one host's list of names */
#define SURVEY_REPLIES_MAX (64u << 20) /* bytes of all lists together */
#define SURVEY_ADDRESSES_MAX 8         /* of one host; further ones are not asked */
#define SURVEY_ADDRESS_SIZE 80         /* of text: an address with its zone */
#define SURVEY_REASON_SIZE 256

struct survey;

struct survey_host {
    const struct hosts_entry *entry;
    int status;         /* 0: its epmd has answered; -ENOENT: it has no address; else a negative
                           errno */
    const char *reason; /* -ENOENT: why, in the resolver's words */
    union sockaddr_ip address; /* the one that has answered, or was tried last; of family 0: none */
    struct node_list list;     /* in the order of the names */
    size_t n_looked_up;        /* nodes of which more than name and port was asked */
    int lookups_status;        /* why not of all of them: a negative errno; 0: all, or not asked */

    /* The survey's. */
    struct survey *survey;
    struct resolver_question question;
    struct addrinfo *addresses, *at;
    size_t n_left; /* addresses, `at` among them */
    int time_left_ms;
    int64_t lookups_end_ms;
    struct flight_call call;
};

struct survey {
    size_t n;
    struct survey_host *hosts; /* in the order of the list */
    size_t n_answered, n_failed, n_nodes;
    bool is_whole;        /* there was time for all hosts */
    size_t n_at_once;     /* how many hosts could be asked at once */
    size_t n_descriptors; /* the limit that allows no more; 0: SURVEY_OUT_MAX does */

    /* Its own. */
    bool looks_up;
    size_t n_done;
    struct event_base *base;
    struct resolver *resolver;
    struct flight flight;
    struct progress progress;
};

/* Asks the hosts of a list, which has to outlive the survey, for their nodes; and with
 * `looks_up` for what each node has registered. What is not done within `time_ms`, unless that
 * is 0, has the status -ETIME. Returns 0 or -ENOMEM; the survey is to be freed in any case. */
int survey_run(struct survey *survey, const struct hosts *hosts, bool looks_up, int time_ms);

/* Writes the address that was asked last. Returns false where there is none. */
bool survey_format_address(const struct survey_host *host, char text[SURVEY_ADDRESS_SIZE]);

/* Why a host has not answered, in words. Static. */
const char *survey_reason(const struct survey_host *host);

/* Writes why, with the address and the port that were asked. */
void survey_format_reason(const struct survey_host *host, char text[SURVEY_REASON_SIZE]);

/* Frees all that was learned. */
void survey_deinit(struct survey *survey);

#endif
