/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors that no program inherits which this one executes, and that do not block.
 *
 * The only place for systems that cannot say so at the call, by SOCK_CLOEXEC, accept4(2) or
 * pipe2(2): the build decides (EPMD_HAS_CLOEXEC). There, a fork(2) of another thread between
 * two calls could pass a descriptor on; epmd's threads fork none.
 *
 * All return -1, and set errno, on error.
 */
#ifndef EPMD_SYSTEM_CLOEXEC_H
#define EPMD_SYSTEM_CLOEXEC_H

#include <stdbool.h>
#include <sys/socket.h>

/* Where a flag is missing, cloexec_socket() and cloexec_accept() see to it that no send(2) to a
 * peer that has gone ends the process. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#define CLOEXEC_LACKS_NOSIGNAL
#endif

/* Missing only where no descriptors are received. */
#ifndef MSG_CMSG_CLOEXEC
#define MSG_CMSG_CLOEXEC 0
#endif

/* A new socket, as socket(2). */
int cloexec_socket(int domain, int type, int protocol);

/* The next connection, as accept(2). */
int cloexec_accept(int listening, struct sockaddr *from, socklen_t *len);

/* A new pipe, as pipe(2); `blocks` is for both ends. */
int cloexec_pipe(int ends[2], bool blocks);

#endif
