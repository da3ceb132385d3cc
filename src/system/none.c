/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a system does instead where it lacks a service of this folder.
 *
 * A port to a new system starts with all of these. The build says by EPMD_HAS_... which
 * services it compiles; so a service that is forgotten, or there twice, is an error of the
 * linker, and no build loses its keeper or its filter in silence.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/resource.h>

#include "system/descriptors.h"
#include "system/filter.h"
#include "system/keeper.h"
#include "system/listeners.h"
#include "system/memory_file.h"
#include "system/name_service.h"
#include "system/processes.h"
#include "system/restraint.h"
#include "system/sandbox.h"
#include "system/socket_owner.h"
#include "system/units.h"

#ifndef EPMD_HAS_FILTER

const char *filter_tell_gap(void)
{
    return NULL;
}

int filter_enter(void)
{
    return -EOPNOTSUPP;
}

#endif

#ifndef EPMD_HAS_NAME_SERVICE

void name_service_confine(void)
{
}

#endif

#ifndef EPMD_HAS_LINUX

/* ---- descriptors ---- */

uint64_t descriptors_socket_id(int fd)
{
    (void)fd;
    return 0;
}

bool descriptors_socket_has_sent(int fd)
{
    (void)fd;
    return true;
}

bool descriptors_socket_was_silent(int fd)
{
    (void)fd;
    return false;
}

/* ---- keeper ---- */

int keeper_run(const struct keeper_config *config)
{
    (void)config;
    return -ENOSYS;
}

bool keeper_is_successor(void)
{
    return false;
}

int keeper_bind_worker(void)
{
    return 0;
}

void keeper_release_worker(void)
{
}

/* ---- listeners ---- */

int listeners_read(uint16_t first, struct listeners_socket *out, size_t size, size_t *n)
{
    (void)first;
    (void)out;
    (void)size;
    (void)n;
    return -ENOSYS;
}

/* ---- memory file ---- */

int memory_file_new(void)
{
    return -ENOSYS;
}

bool memory_file_is(int fd)
{
    (void)fd;
    return false;
}

uint64_t memory_file_len(int fd)
{
    (void)fd;
    return 0;
}

ssize_t memory_file_read(int fd, uint64_t offset, void *out, size_t len)
{
    (void)fd, (void)offset, (void)out, (void)len;
    return -ENOSYS;
}

int memory_file_write(int fd, uint64_t offset, const void *bytes, size_t len)
{
    (void)fd, (void)offset, (void)bytes, (void)len;
    return -ENOSYS;
}

void memory_file_punch(int fd, uint64_t from, uint64_t to)
{
    (void)fd, (void)from, (void)to;
}

/* ---- processes ---- */

int processes_visit_sockets(void (*visit)(void *argument, pid_t pid, uint32_t inode),
                            void *argument, bool *hidden)
{
    (void)visit;
    (void)argument;
    (void)hidden;
    return -ENOSYS;
}

void processes_describe(pid_t pid, struct process *out)
{
    *out = (struct process){.pid = pid};
}

void processes_name_own(const char *argv0)
{
    (void)argv0;
}

/* ---- restraint ---- */

void restraint_open(void)
{
}

uint64_t restraint_count_failure(void)
{
    return 0;
}

void restraint_forget(void)
{
}

/* ---- sandbox ---- */

int sandbox_enter(enum sandbox_layer layer)
{
    static const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    if (layer != SANDBOX_CORE) {
        return -EOPNOTSUPP;
    }
    return setrlimit(RLIMIT_CORE, &none) < 0 ? -errno : 0;
}

void sandbox_leave_dumpable(void)
{
}

/* ---- socket owner ---- */

int socket_owner_list(uint16_t port, struct socket_owner **out, size_t *n)
{
    (void)port, (void)out, (void)n;
    return -ENOSYS;
}

/* ---- units ---- */

int units_read(struct unit *unit)
{
    (void)unit;
    return -ENOSYS;
}

bool units_has_failed(const struct unit *unit)
{
    (void)unit;
    return false;
}

#endif
