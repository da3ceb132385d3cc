/* SPDX-License-Identifier: Apache-2.0 */
/* Which users have sockets that are connected to a port: sock_diag(7) tells it to every user. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "system/linux/sock_diag.h"
#include "system/socket_owner.h"

struct owners {
    uint16_t port;
    struct socket_owner *list;
    size_t n, size;
};

static int owners_add(const struct nlmsghdr *message, void *argument)
{
    struct owners *owners = argument;
    const struct inet_diag_msg *found = NLMSG_DATA(message);
    /* A kernel that does not know the filter sends the others, too. */
    if (ntohs(found->id.idiag_dport) != owners->port) {
        return 0;
    }
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
    owner->uid = found->idiag_uid;
    sock_diag_read_end(found, &owner->own);
    return 0;
}

int socket_owner_list(uint16_t port, struct socket_owner **out, size_t *n)
{
    static const uint32_t connected = 1U << TCP_ESTABLISHED;
    struct owners owners = {.port = port};
    int ipv4 = sock_diag_dump(AF_INET, connected, port, owners_add, &owners);
    int ipv6 = sock_diag_dump(AF_INET6, connected, port, owners_add, &owners);
    if (ipv4 < 0 && ipv6 < 0) {
        free(owners.list);
        return ipv4;
    }
    *out = owners.list;
    *n = owners.n;
    return 0;
}
