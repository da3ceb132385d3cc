/* SPDX-License-Identifier: Apache-2.0 */
/* What a process and the one that watches over it have to say to each other. */
#include "system/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "system/cloexec.h"

/* The lines of an answer, and the room that the longest one takes. */
#define CONFIRMED "CONFIRMED="
#define REFUSED "REFUSED="
#define ERRNO "ERRNO="
#define REASON "REASON="
#define NOTIFY_ANSWER_SIZE (NOTIFY_REASON_SIZE + 96)

/* Returns an environment variable's number, or -1. */
static long long environment_number(const char *variable)
{
    const char *text = getenv(variable);
    if (!text || *text < '0' || *text > '9') {
        return -1;
    }
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0 ? number : -1;
}

int notify_listen_fds(void)
{
    if (environment_number("LISTEN_PID") != getpid()) {
        return 0;
    }
    long long n = environment_number("LISTEN_FDS");
    return n > 0 && n <= INT32_MAX - NOTIFY_LISTEN_FDS_START ? (int)n : 0;
}

bool notify_has_keeper(void)
{
    return environment_number(NOTIFY_KEEPER_VARIABLE) == getppid();
}

/* A process that a worker has started inherits the keeper's number, but not LISTEN_PID. */
bool notify_lost_keeper(void)
{
    return environment_number(NOTIFY_KEEPER_VARIABLE) > 0 && !notify_has_keeper() &&
           environment_number("LISTEN_PID") == getpid();
}

bool notify_confirms(void)
{
    return notify_has_keeper() && environment_number(NOTIFY_CONFIRMS_VARIABLE) == getppid();
}

bool notify_is_managed(void)
{
    return environment_number("SYSTEMD_EXEC_PID") == getpid() ||
           environment_number("LISTEN_PID") == getpid();
}

uint64_t notify_watchdog_us(void)
{
    long long pid = environment_number("WATCHDOG_PID");
    long long usec = environment_number("WATCHDOG_USEC");
    return usec > 0 && (pid == -1 || pid == getpid()) ? (uint64_t)usec : 0;
}

size_t notify_store_max(size_t otherwise)
{
    long long max = environment_number("FDSTORE");
    return max >= 0 ? (size_t)max : otherwise;
}

/* Fills in where the manager listens; a leading `@` stands for the abstract name
 * space. Returns the address's length, or 0. */
static socklen_t manager_address(struct sockaddr_un *address)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path ? strlen(path) : 0;
    if (len < 2 || len >= sizeof address->sun_path || (*path != '/' && *path != '@')) {
        return 0;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, path, len);
    if (*path == '@') {
        address->sun_path[0] = '\0';
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

int notify_open_manager(void)
{
    struct sockaddr_un address;
    socklen_t address_len = manager_address(&address);
    if (address_len == 0) {
        return -ENOENT;
    }
    int fd = cloexec_socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, (struct sockaddr *)&address, address_len) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

int notify_send(int channel, const char *message, const int *fds, size_t n_fds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(NOTIFY_FDS_SENT_MAX * sizeof(int))];
    } control;
    struct iovec iovec = {.iov_base = (char *)message, .iov_len = strlen(message)};
    struct msghdr header = {.msg_iov = &iovec, .msg_iovlen = 1};

    if (n_fds > NOTIFY_FDS_SENT_MAX) {
        return -E2BIG;
    }
    if (n_fds > 0) {
        header.msg_control = control.bytes;
        /* POSIX has socklen_t here, and so musl; Linux and glibc have size_t. */
        header.msg_controllen = (socklen_t)CMSG_SPACE(n_fds * sizeof(int));
        memset(control.bytes, 0, header.msg_controllen);
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = (socklen_t)CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
    }
    if (sendmsg(channel, &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
        return 0;
    }
    /* Too many descriptors on their way (unix(7)), or no memory for one more: later. */
    bool later = errno == EWOULDBLOCK || errno == ETOOMANYREFS || errno == ENOBUFS ||
                 errno == ENOMEM || errno == EINTR;
    return later ? -EAGAIN : -errno;
}

int notify_receive(int channel, char *message, size_t size, int fds[NOTIFY_FDS_MAX], size_t *n_fds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(NOTIFY_FDS_MAX * sizeof(int))];
    } control;
    struct iovec iovec = {.iov_base = message, .iov_len = size - 1};
    struct msghdr header = {.msg_iov = &iovec,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};

    ssize_t len = recvmsg(channel, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (len <= 0) {
        return len < 0 ? -errno : -EPIPE;
    }
    message[len] = '\0';
    *n_fds = 0;
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);
    if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS) {
        *n_fds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(cmsg), *n_fds * sizeof(int));
    }
    return header.msg_flags & MSG_CTRUNC ? -EMFILE : 0;
}

/* ---- answers ---- */

const char *notify_value(const char *message, const char *name)
{
    size_t len = strlen(name);
    const char *line = message;
    while (line) {
        if (strncmp(line, name, len) == 0) {
            return line + len;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return NULL;
}

uint64_t notify_number(const char *message, const char *name)
{
    const char *value = notify_value(message, name);
    if (!value || *value < '0' || *value > '9') {
        return 0;
    }
    char *end;
    errno = 0;
    uint64_t number = strtoull(value, &end, 10);
    return errno == 0 && (*end == '\n' || *end == '\0') ? number : 0;
}

int notify_send_answer(int channel, const struct notify_answer *answer)
{
    char message[NOTIFY_ANSWER_SIZE];
    if (answer->error == 0) {
        snprintf(message, sizeof message, CONFIRMED "%" PRIu64 "\n", answer->number);
    } else {
        snprintf(message, sizeof message, REFUSED "%" PRIu64 "\n" ERRNO "%d\n" REASON "%s\n",
                 answer->number, -answer->error, answer->reason);
    }
    return notify_send(channel, message, NULL, 0);
}

static int read_answer(const char *message, struct notify_answer *out)
{
    uint64_t confirmed = notify_number(message, CONFIRMED);
    uint64_t refused = notify_number(message, REFUSED);
    uint64_t error = notify_number(message, ERRNO);
    const char *reason = notify_value(message, REASON);
    if (confirmed > 0) {
        *out = (struct notify_answer){.number = confirmed};
        return 0;
    }
    if (refused == 0) {
        return -EBADMSG;
    }
    *out = (struct notify_answer){.number = refused,
                                  .error = error > 0 && error < INT32_MAX ? -(int)error : -EIO};
    if (reason) {
        snprintf(out->reason, sizeof out->reason, "%.*s", (int)strcspn(reason, "\n"), reason);
    }
    return 0;
}

int notify_receive_answer(int channel, struct notify_answer *out)
{
    char message[NOTIFY_ANSWER_SIZE];
    ssize_t len = recv(channel, message, sizeof message - 1, MSG_DONTWAIT);
    if (len <= 0) {
        return len < 0 ? -errno : -EPIPE;
    }
    message[len] = '\0';
    return read_answer(message, out);
}
