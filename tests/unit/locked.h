/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's descriptors, and calls that are made with them in the sandbox or outside.
 *
 * Each call has a child process and descriptors of its own: what one of them breaks is
 * not there any more for the next.
 */
#ifndef EPMD_TESTS_LOCKED_H
#define EPMD_TESTS_LOCKED_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

struct locked_world {
    struct sockaddr_in address; /* where `listening` listens, and somebody waits */
    int listening;
    int accepted; /* has a byte to read */
    int peer;     /* the other end of that */
    int unconnected;
    int memory;             /* a file */
    int channel;            /* to a watcher */
    int loop;               /* an empty epoll set */
    int sender;             /* of datagrams */
    struct sockaddr_un log; /* whom it sends them */
    socklen_t log_len;
};

extern struct locked_world locked_world;

struct locked_call {
    const char *name;
    int (*act)(void); /* returns less than 0 and errno where it fails */
};

/* Whether this program was built with all layers of the sandbox. */
bool locked_is_possible(void);

/* Makes a call. Returns 0, the errno in which it failed, or CHILD_SIGNAL and the signal
 * that ended it: SIGABRT also where descriptors or sandbox could not be had. */
int locked_try_outside(int (*act)(void));
int locked_try_inside(int (*act)(void));

#endif
