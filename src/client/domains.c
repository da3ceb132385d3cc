/* SPDX-License-Identifier: Apache-2.0 */
/* The hosts that DNS has for a domain, with c-ares: getaddrinfo(3) knows no SRV records. */
#include "client/domains.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system/clock.h"

#define SERVICE "_epmd._tcp."
#define SERVER_TIMEOUT_MS 1500 /* until the next name server is asked */
#define TRIES 2
#define ADDRESS_SIZE 64

/* All that is asked. */
struct search {
    ares_channel channel;
    uint16_t port;
    struct hosts *found;
    int status; /* the first error of hosts_add() */
};

struct domain {
    struct search *search;
    const struct hosts_entry *entry;
};

static void search_take(struct search *search, int status)
{
    search->status = search->status < 0 ? search->status : status;
}

/* ---- what DNS has told ---- */

static void domain_fail(const struct domain *domain, const char *reason)
{
    struct hosts *found = domain->search->found;
    const struct hosts_entry *entry = domain->entry;
    int status = hosts_add(found, HOSTS_DOMAIN, entry->name, strlen(entry->name), entry->port);
    if (status == 0) {
        found->list[found->n - 1].failure = reason;
    }
    search_take(domain->search, status);
}

static const char *failure_of(int status)
{
    switch (status) {
    case ARES_ENOTFOUND:
        return "DNS does not know this name";
    case ARES_ENODATA:
        return "DNS has neither SRV records (_epmd._tcp) nor addresses of this name";
    case ARES_ETIMEOUT:
    case ARES_ECANCELLED:
        return "no name server has answered";
    case ARES_ECONNREFUSED:
        return "no name server can be reached";
    case ARES_EBADNAME:
        return "no name that DNS can have";
    default:
        return ares_strerror(status);
    }
}

static void on_addresses(void *argument, int status, int timeouts, struct ares_addrinfo *result)
{
    (void)timeouts;
    const struct domain *domain = argument;
    if (status != ARES_SUCCESS) {
        domain_fail(domain, failure_of(status));
        return;
    }
    for (const struct ares_addrinfo_node *at = result->nodes; at; at = at->ai_next) {
        char text[ADDRESS_SIZE];
        if (getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) ==
            0) {
            search_take(domain->search, hosts_add(domain->search->found, HOSTS_HOST, text,
                                                  strlen(text), domain->search->port));
        }
    }
    ares_freeaddrinfo(result);
}

static void find_addresses(struct domain *domain)
{
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_flags = ARES_AI_NOSORT};
    ares_getaddrinfo(domain->search->channel, domain->entry->name, NULL, &hints, on_addresses,
                     domain);
}

/* A record whose target cannot be a host's name says nothing. */
static void take_records(const struct domain *domain, const struct ares_srv_reply *records)
{
    struct search *search = domain->search;
    size_t n_before = search->found->n;
    for (; records && search->status == 0; records = records->next) {
        char error[HOSTS_ERROR_SIZE];
        int status = hosts_add_srv(search->found, records->host, records->port, error);
        search_take(search, status == -EINVAL ? 0 : status);
    }
    if (search->found->n == n_before && search->status == 0) {
        domain_fail(domain, "DNS says that it has no epmd (an SRV record without a target)");
    }
}

static void on_records(void *argument, int status, int timeouts, unsigned char *reply, int len)
{
    (void)timeouts;
    struct domain *domain = argument;
    struct ares_srv_reply *records = NULL;
    if (status == ARES_SUCCESS) {
        status = ares_parse_srv_reply(reply, len, &records);
    }
    if (status == ARES_SUCCESS) {
        take_records(domain, records);
        ares_free_data(records);
    } else if (status == ARES_ENODATA || status == ARES_ENOTFOUND) {
        find_addresses(domain);
    } else {
        domain_fail(domain, failure_of(status));
    }
}

/* ---- asking ---- */

static void ask(struct domain *domain)
{
    char name[sizeof SERVICE + HOSTS_NAME_MAX];
    snprintf(name, sizeof name, SERVICE "%s", domain->entry->name);
    ares_search(domain->search->channel, name, ns_c_in, ns_t_srv, on_records, domain);
}

/* Waits for the next event of c-ares. Returns whether there may be more. */
static bool await_event(ares_channel channel, int64_t deadline_ms)
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    struct pollfd polled[ARES_GETSOCK_MAXNUM];
    unsigned bits = (unsigned)ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
    int64_t left_ms = deadline_ms - clock_now_ms();
    nfds_t n = 0;
    if (bits == 0 || left_ms <= 0) {
        return false;
    }
    for (; n < ARES_GETSOCK_MAXNUM &&
           (ARES_GETSOCK_READABLE(bits, n) || ARES_GETSOCK_WRITABLE(bits, n));
         n++) {
        polled[n] =
            (struct pollfd){.fd = sockets[n],
                            .events = (short)((ARES_GETSOCK_READABLE(bits, n) ? POLLIN : 0) |
                                              (ARES_GETSOCK_WRITABLE(bits, n) ? POLLOUT : 0))};
    }
    struct timeval longest = clock_interval(left_ms);
    const struct timeval *wait = ares_timeout(channel, &longest, &longest);
    poll(polled, n, (int)(wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1));
    for (nfds_t i = 0; i < n; i++) {
        bool readable = polled[i].revents & (POLLIN | POLLERR | POLLHUP);
        bool writable = polled[i].revents & POLLOUT;
        ares_process_fd(channel, readable ? polled[i].fd : ARES_SOCKET_BAD,
                        writable ? polled[i].fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* what is overdue */
    return true;
}

/* Asks for all of them, and waits until DNS has answered, or the time is up. */
static void search_run(struct search *search, const struct hosts *domains, struct domain *asked)
{
    int64_t deadline_ms = clock_now_ms() + DOMAINS_TIME_MS;
    for (size_t i = 0; i < domains->n; i++) {
        asked[i] = (struct domain){.search = search, .entry = &domains->list[i]};
        ask(&asked[i]);
    }
    while (await_event(search->channel, deadline_ms)) {
    }
    ares_cancel(search->channel);
}

int domains_find(const struct hosts *domains, uint16_t port, struct hosts *found)
{
    char lookups[] = "b"; /* DNS alone, not /etc/hosts */
    struct ares_options options = {
        .timeout = SERVER_TIMEOUT_MS, .tries = TRIES, .lookups = lookups};
    struct search search = {.port = port, .found = found};
    struct domain *asked = calloc(domains->n, sizeof *asked);
    if (!asked) {
        return domains->n ? -ENOMEM : 0;
    }
    int error = ares_library_init(ARES_LIB_INIT_ALL);
    if (error == ARES_SUCCESS) {
        error = ares_init_options(&search.channel, &options,
                                  ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS);
    }
    if (error == ARES_SUCCESS) {
        search_run(&search, domains, asked);
        ares_destroy(search.channel);
        ares_library_cleanup();
    }
    free(asked);
    return error == ARES_SUCCESS ? search.status : -ENOMEM;
}
