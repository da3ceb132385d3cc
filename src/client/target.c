/* SPDX-License-Identifier: Apache-2.0 */
/* The epmd that a command talks to. */
#include "client/target.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SERVICE_SIZE 8

/* Adds the addresses of a host. Returns 0 or an error of getaddrinfo(3). */
static int target_resolve(struct target *target, const char *host, uint16_t port, int flags)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
    struct addrinfo *found;
    char service[SERVICE_SIZE];
    snprintf(service, sizeof service, "%u", port);
    int error = getaddrinfo(host, service, &hints, &found);
    if (error != 0) {
        return error;
    }
    for (const struct addrinfo *at = found; at && target->n < TARGET_ADDRESSES_MAX;
         at = at->ai_next) {
        struct target_address *address = &target->addresses[target->n++];
        memcpy(&address->sockaddr, at->ai_addr, at->ai_addrlen);
        address->len = at->ai_addrlen;
    }
    freeaddrinfo(found);
    return 0;
}

void target_init_local(struct target *target, uint16_t port)
{
    *target = (struct target){.port = port};
    (void)target_resolve(target, "::1", port, AI_NUMERICHOST);
    (void)target_resolve(target, "127.0.0.1", port, AI_NUMERICHOST);
}

int target_init_host(struct target *target, const char *host, uint16_t port, const char **reason)
{
    *target = (struct target){.host = host, .port = port};
    int error = target_resolve(target, host, port, 0);
    if (error != 0) {
        *reason = gai_strerror(error);
        return -ENOENT;
    }
    return 0;
}

static int address_ask(struct target_address *address, const struct request *request,
                       int timeout_ms, struct exchange_reply *reply)
{
    address->error = exchange_at((const struct sockaddr *)&address->sockaddr, address->len, request,
                                 timeout_ms, reply);
    return address->error;
}

/* Whether an address that has not answered is there all the same. */
static bool is_there(int error)
{
    return error == -ENODATA || error == -ETIMEDOUT || error == -EMSGSIZE;
}

int target_ask(struct target *target, const struct request *request, int timeout_ms,
               struct exchange_reply *reply)
{
    if (target->answers) {
        return address_ask(target->answers, request, timeout_ms, reply);
    }
    int status = -EADDRNOTAVAIL;
    bool has_closed = false;
    for (size_t i = 0; i < target->n; i++) {
        bool hurries = target->host && i + 1 < target->n && timeout_ms > EXCHANGE_PROBE_TIMEOUT_MS;
        status = address_ask(&target->addresses[i], request,
                             hurries ? EXCHANGE_PROBE_TIMEOUT_MS : timeout_ms, reply);
        if (status == 0) {
            target->answers = &target->addresses[i];
            return 0;
        }
        has_closed |= status == -ENODATA;
        if (!target->host && is_there(status)) {
            break;
        }
    }
    return has_closed ? -ENODATA : status;
}

int target_ask_local(uint16_t port, const struct request *request, int timeout_ms,
                     struct exchange_reply *reply)
{
    struct target target;
    target_init_local(&target, port);
    return target_ask(&target, request, timeout_ms, reply);
}

const char *target_error_text(int error)
{
    switch (error) {
    case -ECONNREFUSED:
        return "connection refused: no epmd listens there";
    case -ETIMEDOUT:
        return "timed out: it did not answer";
    case -ENODATA:
        return "closed without an answer: it may not list names for this host, or is no epmd";
    case -EMSGSIZE:
        return "its answer has no end: it is no epmd";
    case -ECONNRESET:
        return "its answer was cut short";
    case -EPROTO:
        return "its answer is not one of an epmd";
    case -ENOBUFS:
        return "there is no room for its answer beside those of the other hosts";
    case -ETIME:
        return "not asked, as the time was up";
    default:
        return strerror(-error);
    }
}

const char *target_error_cause(int error)
{
    switch (error) {
    case -ENOENT:
        return "unresolvable";
    case -ECONNREFUSED:
        return "refused";
    case -ETIMEDOUT:
        return "timeout";
    case -ENODATA:
        return "closed";
    case -ECONNRESET:
        return "cut";
    case -EPROTO:
        return "no_epmd";
    case -EMSGSIZE:
    case -ENOBUFS:
        return "too_long";
    case -ETIME:
        return "not_asked";
    default:
        return "unreachable";
    }
}

static void report_local(const struct target *target)
{
    bool listens = false, was_cut = false;
    for (size_t i = 0; i < target->n; i++) {
        listens |= is_there(target->addresses[i].error);
        was_cut |= target->addresses[i].error == -ECONNRESET;
    }
    fputs(was_cut   ? "epmd: the answer of the local epmd was cut short\n"
          : listens ? "epmd: no response from local epmd\n"
                    : "epmd: Cannot connect to local epmd\n",
          stderr);
}

void target_format_address(const struct target_address *address, char text[TARGET_ADDRESS_SIZE])
{
    if (getnameinfo((const struct sockaddr *)&address->sockaddr, address->len, text,
                    TARGET_ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST) != 0) {
        snprintf(text, TARGET_ADDRESS_SIZE, "?");
    }
}

void target_report(const struct target *target)
{
    if (!target->host) {
        report_local(target);
        return;
    }
    for (size_t i = 0; i < target->n; i++) {
        const struct target_address *address = &target->addresses[i];
        char text[TARGET_ADDRESS_SIZE];
        target_format_address(address, text);
        fprintf(stderr, "epmd: -host %s, %s port %u: %s\n", target->host, text,
                (unsigned)target->port, target_error_text(address->error));
    }
}
