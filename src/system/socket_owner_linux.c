/* SPDX-License-Identifier: Apache-2.0 */
/* Whose sockets are connected to a port, as sock_diag(7) tells it to everybody. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/socket_owner.h"

#define BUFFER_SIZE 32768 /* the kernel fills no more at a time */

struct owners {
    struct socket_owner *list;
    size_t n, size;
};

static int owners_add(struct owners *owners, const struct inet_diag_msg *found)
{
    if (owners->n == owners->size) {
        size_t size = owners->size ? 2 * owners->size : 64;
        struct socket_owner *list = realloc(owners->list, size * sizeof *list);
        if (!list) {
            return -ENOMEM;
        }
        owners->list = list;
        owners->size = size;
    }
    struct socket_owner *owner = &owners->list[owners->n++];
    *owner = (struct socket_owner){.port = ntohs(found->id.idiag_sport), .uid = found->idiag_uid};
    if (found->idiag_family == AF_INET) {
        owner->address[10] = owner->address[11] = 0xff;
        memcpy(owner->address + 12, found->id.idiag_src, 4);
    } else {
        memcpy(owner->address, found->id.idiag_src, 16);
    }
    return 0;
}

static int send_query(int fd, int family, uint16_t port)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 query;
    } request = {
        .header = {.nlmsg_len = sizeof request,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .query = {.sdiag_family = (uint8_t)family,
                  .sdiag_protocol = IPPROTO_TCP,
                  .idiag_states = 1U << TCP_ESTABLISHED,
                  .id.idiag_dport = htons(port)},
    };
    return send(fd, &request, sizeof request, 0) < 0 ? -errno : 0;
}

/* Returns 1 where more is to come, 0 at the end, or a negative errno. */
static int read_message(const struct nlmsghdr *message, uint16_t port, struct owners *owners)
{
    if (message->nlmsg_type == NLMSG_DONE) {
        return 0;
    }
    if (message->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *refused = NLMSG_DATA(message);
        bool whole = message->nlmsg_len >= NLMSG_LENGTH(sizeof *refused);
        return whole && refused->error < 0 ? refused->error : -EPROTO;
    }
    const struct inet_diag_msg *found = NLMSG_DATA(message);
    if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        message->nlmsg_len < NLMSG_LENGTH(sizeof *found)) {
        return -EPROTO;
    }
    /* A kernel that does not know the filter sends the others, too. */
    int status = ntohs(found->id.idiag_dport) == port ? owners_add(owners, found) : 0;
    return status < 0 ? status : 1;
}

static int read_answer(int fd, uint16_t port, struct owners *owners)
{
    _Alignas(struct nlmsghdr) char buffer[BUFFER_SIZE];
    for (;;) {
        ssize_t received = recv(fd, buffer, sizeof buffer, 0);
        if (received <= 0) {
            if (received < 0 && errno == EINTR) {
                continue;
            }
            return received < 0 ? -errno : -EPROTO;
        }
        size_t left = (size_t)received;
        const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
        for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            int status = read_message(message, port, owners);
            if (status <= 0) {
                return status;
            }
        }
    }
}

static int list_family(int family, uint16_t port, struct owners *owners)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0) {
        return -errno;
    }
    int status = send_query(fd, family, port);
    if (status == 0) {
        status = read_answer(fd, port, owners);
    }
    close(fd);
    return status;
}

int socket_owner_list(uint16_t port, struct socket_owner **out, size_t *n)
{
    struct owners owners = {.n = 0};
    int ipv4 = list_family(AF_INET, port, &owners);
    int ipv6 = list_family(AF_INET6, port, &owners);
    if (ipv4 < 0 && ipv6 < 0) {
        free(owners.list);
        return ipv4;
    }
    *out = owners.list;
    *n = owners.n;
    return 0;
}
