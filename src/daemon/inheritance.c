/* SPDX-License-Identifier: Apache-2.0 */
/* What an earlier process has left. */
#include "daemon/inheritance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/listener.h"
#include "system/log.h"
#include "system/memory_file.h"
#include "system/notify.h"

static int socket_option(int fd, int option)
{
    int value;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -1 : value;
}

static bool is_for_metrics(const struct options *options, int fd)
{
    struct endpoint own;
    return listener_endpoint(fd, &own) == 0 && own.port == options->metrics.port &&
           address_equal(&own.address, &options->metrics.address);
}

static void sort_listener(const struct options *options, struct inheritance *out, int fd)
{
    if (out->metrics < 0 && is_for_metrics(options, fd)) {
        out->metrics = fd;
    } else {
        out->listeners[out->n_listeners++] = fd;
    }
}

static void sort_descriptor(const struct options *options, struct inheritance *out, int fd)
{
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (socket_option(fd, SO_TYPE) == SOCK_SEQPACKET) {
        out->channel = fd;
    } else if (socket_option(fd, SO_ACCEPTCONN) == 1) {
        sort_listener(options, out, fd);
    } else if (socket_option(fd, SO_TYPE) == SOCK_STREAM) {
        out->nodes[out->n_nodes++] = fd;
    } else if (out->memory < 0 && memory_file_is(fd)) {
        out->memory = fd;
    } else {
        close(fd);
    }
}

int inheritance_take(const struct options *options, struct inheritance *out)
{
    *out = (struct inheritance){.channel = -1, .memory = -1, .metrics = -1};
    size_t n = options->systemd || notify_has_keeper() ? (size_t)notify_listen_fds() : 0;
    if (n == 0) {
        return 0;
    }
    out->listeners = calloc(n, sizeof *out->listeners);
    out->nodes = calloc(n, sizeof *out->nodes);
    if (!out->listeners || !out->nodes) {
        log_line(LOG_ERR, "cannot take %zu passed descriptors: %s", n, strerror(ENOMEM));
        inheritance_free(out);
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        sort_descriptor(options, out, NOTIFY_LISTEN_FDS_START + (int)i);
    }
    return 0;
}

void inheritance_free(struct inheritance *inheritance)
{
    free(inheritance->listeners);
    free(inheritance->nodes);
    inheritance->listeners = NULL;
    inheritance->nodes = NULL;
}

bool inheritance_is_overlooked(const struct options *options)
{
    int n = options->systemd ? 0 : notify_listen_fds();
    for (int fd = NOTIFY_LISTEN_FDS_START; fd < NOTIFY_LISTEN_FDS_START + n; fd++) {
        struct endpoint own;
        if (socket_option(fd, SO_ACCEPTCONN) == 1 && listener_endpoint(fd, &own) == 0 &&
            own.port == options->port) {
            return true;
        }
    }
    return false;
}
