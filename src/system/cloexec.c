/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that are closed at execve(2). */
#include "system/cloexec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#ifdef EPMD_HAS_CLOEXEC

int cloexec_socket(int domain, int type, int protocol)
{
    return socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

int cloexec_accept(int listening, struct sockaddr *from, socklen_t *len)
{
    return accept4(listening, from, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int cloexec_pipe(int ends[2], bool blocks)
{
    return pipe2(ends, blocks ? O_CLOEXEC : O_CLOEXEC | O_NONBLOCK);
}

#else

static int prepare(int fd, bool blocks)
{
    int flags = fcntl(fd, F_GETFL);
    bool is_set = fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
                  (blocks || (flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0));
    return is_set ? 0 : -1;
}

static void prevent_signals(int fd)
{
#ifdef SO_NOSIGPIPE
    const int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#elif defined(CLOEXEC_LACKS_NOSIGNAL)
    (void)fd;
    (void)signal(SIGPIPE, SIG_IGN);
#else
    (void)fd;
#endif
}

static int prepare_socket(int fd)
{
    if (fd >= 0 && prepare(fd, false) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    if (fd >= 0) {
        prevent_signals(fd);
    }
    return fd;
}

int cloexec_socket(int domain, int type, int protocol)
{
    return prepare_socket(socket(domain, type, protocol));
}

int cloexec_accept(int listening, struct sockaddr *from, socklen_t *len)
{
    return prepare_socket(accept(listening, from, len));
}

int cloexec_pipe(int ends[2], bool blocks)
{
    if (pipe(ends) < 0) {
        return -1;
    }
    if (prepare(ends[0], blocks) < 0 || prepare(ends[1], blocks) < 0) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        errno = error;
        return -1;
    }
    return 0;
}

#endif
