/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a system does instead where it lacks a service of this folder.
 *
 * Every function here is weak: where a build has the real one, the linker takes that. So a
 * new system starts with all of these, and replaces them one by one.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/resource.h>

#include "system/filter.h"
#include "system/keeper.h"
#include "system/listeners.h"
#include "system/memory_file.h"
#include "system/name_service.h"
#include "system/processes.h"
#include "system/sandbox.h"
#include "system/socket_owner.h"

#define STAND_IN __attribute__((weak))

/* ---- filter ---- */

STAND_IN int filter_enter(void)
{
    return -EOPNOTSUPP;
}

/* ---- keeper ---- */

STAND_IN int keeper_run(const struct keeper_config *config)
{
    (void)config;
    return -ENOSYS;
}

/* ---- listeners ---- */

STAND_IN int listeners_read(uint16_t first, struct listeners_socket *out, size_t size, size_t *n)
{
    (void)first;
    (void)out;
    (void)size;
    (void)n;
    return -ENOSYS;
}

/* ---- memory file ---- */

STAND_IN int memory_file_new(void)
{
    return -ENOSYS;
}

STAND_IN bool memory_file_is(int fd)
{
    (void)fd;
    return false;
}

STAND_IN uint64_t memory_file_len(int fd)
{
    (void)fd;
    return 0;
}

STAND_IN ssize_t memory_file_read(int fd, uint64_t offset, void *out, size_t len)
{
    (void)fd, (void)offset, (void)out, (void)len;
    return -ENOSYS;
}

STAND_IN int memory_file_write(int fd, uint64_t offset, const void *bytes, size_t len)
{
    (void)fd, (void)offset, (void)bytes, (void)len;
    return -ENOSYS;
}

STAND_IN void memory_file_punch(int fd, uint64_t from, uint64_t to)
{
    (void)fd, (void)from, (void)to;
}

/* ---- name service ---- */

STAND_IN void name_service_confine(void)
{
}

/* ---- processes ---- */

STAND_IN int processes_visit_sockets(void (*visit)(void *argument, pid_t pid, uint32_t inode),
                                     void *argument, bool *hidden)
{
    (void)visit;
    (void)argument;
    (void)hidden;
    return -ENOSYS;
}

STAND_IN void processes_describe(pid_t pid, struct process *out)
{
    *out = (struct process){.pid = pid};
}

/* ---- sandbox ---- */

STAND_IN int sandbox_enter(enum sandbox_layer layer)
{
    static const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    if (layer != SANDBOX_CORE) {
        return -EOPNOTSUPP;
    }
    return setrlimit(RLIMIT_CORE, &none) < 0 ? -errno : 0;
}

STAND_IN void sandbox_leave_dumpable(void)
{
}

/* ---- socket owner ---- */

STAND_IN int socket_owner_list(uint16_t port, struct socket_owner **out, size_t *n)
{
    (void)port, (void)out, (void)n;
    return -ENOSYS;
}
