/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's descriptors, and calls that are made with them in the sandbox or outside. */
#include "locked.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "system/sandbox.h"

struct locked_world locked_world;

static int (*locked_act)(void);

static void need(bool holds)
{
    if (!holds) {
        abort();
    }
}

static int stream_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    need(fd >= 0);
    return fd;
}

static int connected(const struct sockaddr_in *address)
{
    int fd = stream_socket();
    need(connect(fd, (const struct sockaddr *)address, sizeof *address) == 0);
    return fd;
}

static void make_connections(struct locked_world *world)
{
    socklen_t len = sizeof world->address;
    world->address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    world->unconnected = stream_socket();
    world->listening = stream_socket();
    need(bind(world->listening, (struct sockaddr *)&world->address, len) == 0);
    need(listen(world->listening, 8) == 0);
    need(getsockname(world->listening, (struct sockaddr *)&world->address, &len) == 0);
    world->peer = connected(&world->address);
    world->accepted = accept(world->listening, NULL, NULL);
    need(send(world->peer, "x", 1, 0) == 1);
    connected(&world->address);
}

/* A log that listens at an abstract address, which leaves nothing behind. */
static void make_log(struct locked_world *world)
{
    int log = socket(AF_UNIX, SOCK_DGRAM, 0);
    world->log_len = sizeof world->log;
    world->log = (struct sockaddr_un){.sun_family = AF_UNIX};
    need(bind(log, (struct sockaddr *)&world->log, sizeof(sa_family_t)) == 0);
    need(getsockname(log, (struct sockaddr *)&world->log, &world->log_len) == 0);
    world->sender = socket(AF_UNIX, SOCK_DGRAM, 0);
}

static void make_world(struct locked_world *world)
{
    int ends[2];
    make_connections(world);
    make_log(world);
    need(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
    world->channel = ends[0];
    world->memory = memfd_create("state", 0);
    world->loop = epoll_create1(0);
    need(ftruncate(world->memory, 4096) == 0 && world->loop >= 0 && world->sender >= 0);
}

static int enter_all(void)
{
    for (enum sandbox_layer layer = 0; layer < SANDBOX_LAYERS; layer++) {
        int status = sandbox_enter(layer);
        if (status < 0) {
            errno = -status;
            return -1;
        }
    }
    return 0;
}

/* A kernel without filters, and an emulator of one, knows no mode of seccomp at all. */
bool locked_is_possible(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 && child_outcome(enter_all) != EOPNOTSUPP;
}

static int act_outside(void)
{
    make_world(&locked_world);
    return locked_act();
}

static int act_inside(void)
{
    make_world(&locked_world);
    need(enter_all() == 0);
    return locked_act();
}

int locked_try_outside(int (*act)(void))
{
    locked_act = act;
    return child_outcome(act_outside);
}

int locked_try_inside(int (*act)(void))
{
    locked_act = act;
    return child_outcome(act_inside);
}
