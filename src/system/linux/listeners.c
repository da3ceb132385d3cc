/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets that listen, as the kernel tells them (sock_diag(7)).
 *
 * /proc/net/tcp tells them, too, but also each connection that has ended lately.
 */
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "system/linux/sock_diag.h"
#include "system/listeners.h"

struct listeners_list {
    struct listeners_socket *sockets;
    size_t size, n;
    uint16_t first;
    bool takes_first; /* those on that port, or else all others */
};

/* What is not said of a socket has its usual value: both families. */
static bool takes_ipv4(const struct nlmsghdr *header, const struct inet_diag_msg *told)
{
    size_t left = NLMSG_PAYLOAD(header, sizeof *told);
    for (const struct rtattr *at = (const struct rtattr *)(told + 1); RTA_OK(at, left);
         at = RTA_NEXT(at, left)) {
        if (at->rta_type == INET_DIAG_SKV6ONLY && RTA_PAYLOAD(at) >= 1) {
            return *(const uint8_t *)RTA_DATA(at) == 0;
        }
    }
    return true;
}

static int list_add(const struct nlmsghdr *message, void *argument)
{
    struct listeners_list *list = argument;
    const struct inet_diag_msg *told = NLMSG_DATA(message);
    if (list->n == list->size ||
        (ntohs(told->id.idiag_sport) == list->first) != list->takes_first) {
        return 0;
    }
    struct listeners_socket *socket = &list->sockets[list->n++];
    *socket = (struct listeners_socket){.uid = told->idiag_uid,
                                        .inode = told->idiag_inode,
                                        .n_waiting = told->idiag_rqueue,
                                        .max_waiting = told->idiag_wqueue};
    sock_diag_read_end(told, &socket->at);
    socket->both_families = told->idiag_family == AF_INET6 && takes_ipv4(message, told);
    return 0;
}

/* The kernel tells them in no order: whatever there is no room for must not be the first. */
int listeners_read(uint16_t first, struct listeners_socket *out, size_t size, size_t *n)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    struct listeners_list list = {.sockets = out, .size = size, .first = first};
    int status = 0;
    for (int pass = 0; pass < 2; pass++) {
        list.takes_first = pass == 0;
        for (size_t i = 0; status == 0 && i < sizeof families; i++) {
            status = sock_diag_dump(families[i], 1u << TCP_LISTEN, 0, list_add, &list);
        }
    }
    *n = list.n;
    return status;
}
