/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: `floor PORT` answers every request with the bytes it was given on
 * standard input, and closes.  It is the least that any server on epoll can do: the
 * kernel hands it connections whose request is there (TCP_DEFER_ACCEPT), so that
 * accept, recv, send and close are all that a request takes, and what a real server
 * takes beyond that is its own.
 */
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_MAX = 64, DESCRIPTORS_MAX = 65536, REQUEST_MAX = 4096, REPLY_MAX = 4 << 20 };

static uint8_t reply[REPLY_MAX];
static size_t reply_length;
static size_t sent[DESCRIPTORS_MAX];

static int listen_on(uint16_t port)
{
    const int again = 1, silence_s = 1;
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &again, sizeof again);
    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &silence_s, sizeof silence_s);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, SOMAXCONN) != 0) {
        err(1, "port %u", port);
    }
    return fd;
}

static void watch(int epoll, int operation, int fd, uint32_t events)
{
    struct epoll_event interest = {.events = events, .data.fd = fd};
    if (epoll_ctl(epoll, operation, fd, &interest) != 0) {
        err(1, "epoll_ctl");
    }
}

/* What is left of the reply waits until the peer takes more. */
static void answer(int epoll, int operation, int fd)
{
    const ssize_t took = send(fd, reply + sent[fd], reply_length - sent[fd], MSG_NOSIGNAL);

    if (took < 0 && errno != EAGAIN) {
        close(fd);
        return;
    }
    sent[fd] += took > 0 ? (size_t)took : 0;
    if (sent[fd] == reply_length) {
        close(fd);
    } else {
        watch(epoll, operation, fd, EPOLLOUT);
    }
}

/* `operation` is what has to be done to epoll's set for it to tell of `fd` again. */
static void serve(int epoll, int operation, int fd)
{
    uint8_t request[REQUEST_MAX];

    const ssize_t got = sent[fd] > 0 ? 1 : recv(fd, request, sizeof request, 0);
    if (got > 0) {
        answer(epoll, operation, fd);
    } else if (got < 0 && errno == EAGAIN) {
        watch(epoll, operation, fd, EPOLLIN);
    } else {
        close(fd);
    }
}

static void admit(int epoll, int listener)
{
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (fd >= DESCRIPTORS_MAX) {
        errx(1, "more than %d descriptors", DESCRIPTORS_MAX);
    }
    sent[fd] = 0;
    serve(epoll, EPOLL_CTL_ADD, fd);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        errx(2, "usage: floor PORT <REPLY");
    }

    ssize_t got;
    while ((got = read(STDIN_FILENO, reply + reply_length, REPLY_MAX - reply_length)) > 0) {
        reply_length += (size_t)got;
    }

    const int listener = listen_on((uint16_t)strtoul(argv[1], NULL, 10));
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        const int ready = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener) {
                admit(epoll, listener);
            } else {
                serve(epoll, EPOLL_CTL_MOD, events[i].data.fd);
            }
        }
    }
}
