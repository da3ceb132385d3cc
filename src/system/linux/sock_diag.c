/* SPDX-License-Identifier: Apache-2.0 */
/* One dump of TCP sockets over netlink. */
#include "system/linux/sock_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "system/sockaddr.h"

#define ANSWER_SIZE 32768 /* as large as the kernel makes its messages */
#define ANSWER_TIMEOUT_S 2

static int send_question(int fd, uint8_t family, uint32_t states, uint16_t connected_to)
{
    const struct timeval limit = {.tv_sec = ANSWER_TIMEOUT_S};
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 request;
    } question = {
        .header = {.nlmsg_len = sizeof question,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = family,
                    .sdiag_protocol = IPPROTO_TCP,
                    .idiag_states = states,
                    .id.idiag_dport = htons(connected_to)},
    };
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0) {
        return -errno;
    }
    return send(fd, &question, sizeof question, 0) < 0 ? -errno : 0;
}

/* Returns 1 where more is to come, 0 at the end, or a negative errno. */
static int take_message(const struct nlmsghdr *message, sock_diag_visitor *visit, void *argument)
{
    if (message->nlmsg_type == NLMSG_DONE) {
        return 0;
    }
    if (message->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *refused = NLMSG_DATA(message);
        bool whole = message->nlmsg_len >= NLMSG_LENGTH(sizeof *refused);
        return whole && refused->error < 0 ? refused->error : -EPROTO;
    }
    if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        message->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg))) {
        return -EPROTO;
    }
    int status = visit(message, argument);
    return status < 0 ? status : 1;
}

static int take_answer(int fd, sock_diag_visitor *visit, void *argument)
{
    _Alignas(struct nlmsghdr) uint8_t answer[ANSWER_SIZE];
    for (;;) {
        ssize_t n = recv(fd, answer, sizeof answer, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : -EPROTO;
        }
        size_t left = (size_t)n;
        const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
        for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            int status = take_message(message, visit, argument);
            if (status <= 0) {
                return status;
            }
        }
    }
}

void sock_diag_read_end(const struct inet_diag_msg *socket, struct endpoint *out)
{
    union sockaddr_ip end = {.any.sa_family = socket->idiag_family};
    if (socket->idiag_family == AF_INET) {
        end.ipv4.sin_port = socket->id.idiag_sport;
        memcpy(&end.ipv4.sin_addr, socket->id.idiag_src, sizeof end.ipv4.sin_addr);
    } else {
        end.ipv6.sin6_port = socket->id.idiag_sport;
        memcpy(&end.ipv6.sin6_addr, socket->id.idiag_src, sizeof end.ipv6.sin6_addr);
    }
    sockaddr_read(&end.any, out);
}

int sock_diag_dump(uint8_t family, uint32_t states, uint16_t connected_to, sock_diag_visitor *visit,
                   void *argument)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0) {
        return -errno;
    }
    int status = send_question(fd, family, states, connected_to);
    if (status == 0) {
        status = take_answer(fd, visit, argument);
    }
    close(fd);
    return status;
}
