/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets that listen, as the kernel tells them (sock_diag(7)).
 *
 * /proc/net/tcp tells them, too, but also each connection that has ended lately.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "system/listeners.h"

#define ANSWER_SIZE 32768 /* as large as the kernel makes its messages */
#define ANSWER_TIMEOUT_S 2

struct question {
    struct nlmsghdr header;
    struct inet_diag_req_v2 request;
};

struct listeners_list {
    struct listeners_socket *sockets;
    size_t size, n;
    uint16_t first;
    bool takes_first; /* those on that port, or else all others */
};

static int listeners_ask(int fd, uint8_t family)
{
    const struct timeval limit = {.tv_sec = ANSWER_TIMEOUT_S};
    struct question question = {
        .header = {.nlmsg_len = sizeof question,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = family,
                    .sdiag_protocol = IPPROTO_TCP,
                    .idiag_states = 1u << TCP_LISTEN},
    };
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0) {
        return -errno;
    }
    return send(fd, &question, sizeof question, 0) < 0 ? -errno : 0;
}

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

static void list_add(struct listeners_list *list, const struct nlmsghdr *header)
{
    const struct inet_diag_msg *told = NLMSG_DATA(header);
    if (header->nlmsg_len < NLMSG_LENGTH(sizeof *told) || list->n == list->size ||
        (ntohs(told->id.idiag_sport) == list->first) != list->takes_first) {
        return;
    }
    struct listeners_socket *socket = &list->sockets[list->n++];
    *socket = (struct listeners_socket){.uid = told->idiag_uid, .inode = told->idiag_inode};
    if (told->idiag_family == AF_INET) {
        struct sockaddr_in *ipv4 = (struct sockaddr_in *)&socket->at;
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = told->id.idiag_sport;
        memcpy(&ipv4->sin_addr, told->id.idiag_src, sizeof ipv4->sin_addr);
        return;
    }
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&socket->at;
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = told->id.idiag_sport;
    memcpy(&ipv6->sin6_addr, told->id.idiag_src, sizeof ipv6->sin6_addr);
    socket->both_families = takes_ipv4(header, told);
}

/* Returns 1 after the last message, 0 if there are more to come. */
static int list_take(struct listeners_list *list, const void *bytes, size_t len)
{
    for (const struct nlmsghdr *at = bytes; NLMSG_OK(at, len); at = NLMSG_NEXT(at, len)) {
        if (at->nlmsg_type == NLMSG_DONE) {
            return 1;
        }
        if (at->nlmsg_type == NLMSG_ERROR) {
            const struct nlmsgerr *error = NLMSG_DATA(at);
            return error->error < 0 ? error->error : -EIO;
        }
        list_add(list, at);
    }
    return 0;
}

static int listeners_read_family(int fd, uint8_t family, struct listeners_list *list)
{
    static _Alignas(struct nlmsghdr) uint8_t answer[ANSWER_SIZE];
    int status = listeners_ask(fd, family);
    while (status == 0) {
        ssize_t n = recv(fd, answer, sizeof answer, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        status = n < 0 ? -errno : list_take(list, answer, (size_t)n);
    }
    return status < 0 ? status : 0;
}

/* The kernel tells them in no order: whatever there is no room for must not be the first. */
static int list_fill(int fd, struct listeners_list *list)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    int status = 0;
    for (int pass = 0; pass < 2; pass++) {
        list->takes_first = pass == 0;
        for (size_t i = 0; status == 0 && i < sizeof families; i++) {
            status = listeners_read_family(fd, families[i], list);
        }
    }
    return status;
}

int listeners_read(uint16_t first, struct listeners_socket *out, size_t size, size_t *n)
{
    struct listeners_list list = {.sockets = out, .size = size, .first = first};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0) {
        return -errno;
    }
    int status = list_fill(fd, &list);
    close(fd);
    *n = list.n;
    return status;
}
