/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of this host, as proc(5) shows them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "system/processes.h"

#define SOCKET_LINK "socket:["
#define DELETED " (deleted)"

struct visit {
    void (*visit)(void *argument, pid_t pid, uint32_t inode);
    void *argument;
};

/* Reads a whole number, or returns 0. */
static long read_id(const char *text)
{
    char *end;
    long id = strtol(text, &end, 10);
    return *end == '\0' && id > 0 ? id : 0;
}

static void visit_descriptor(const struct visit *visit, pid_t pid, int fd, const char *name)
{
    char target[64];
    ssize_t len = readlinkat(fd, name, target, sizeof target - 1);
    if (len < 0) {
        return;
    }
    target[len] = '\0';
    if (strncmp(target, SOCKET_LINK, strlen(SOCKET_LINK)) == 0) {
        unsigned long inode = strtoul(target + strlen(SOCKET_LINK), NULL, 10);
        visit->visit(visit->argument, pid, (uint32_t)inode);
    }
}

static int visit_process(const struct visit *visit, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    DIR *descriptors = opendir(path);
    if (!descriptors) {
        return -errno;
    }
    int error = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(descriptors);
        if (!entry) {
            error = -errno;
            break;
        }
        visit_descriptor(visit, pid, dirfd(descriptors), entry->d_name);
    }
    closedir(descriptors);
    return error;
}

int processes_visit_sockets(void (*visit)(void *argument, pid_t pid, uint32_t inode),
                            void *argument, bool *hidden)
{
    const struct visit each = {.visit = visit, .argument = argument};
    const struct dirent *entry;
    DIR *processes = opendir("/proc");
    size_t n = 0;
    if (!processes) {
        return -errno;
    }
    *hidden = false;
    while ((entry = readdir(processes))) {
        long pid = read_id(entry->d_name);
        if (pid > 0) {
            n++;
            *hidden |= visit_process(&each, (pid_t)pid) == -EACCES;
        }
    }
    closedir(processes);
    return n > 0 ? 0 : -ENOENT;
}

static void read_name(struct process *process)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/comm", (long)process->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    ssize_t len = read(fd, process->name, sizeof process->name - 1);
    close(fd);
    process->name[len > 0 ? len : 0] = '\0';
    process->name[strcspn(process->name, "\n")] = '\0';
}

void processes_describe(pid_t pid, struct process *out)
{
    char path[64];
    *out = (struct process){.pid = pid};
    read_name(out);
    snprintf(path, sizeof path, "/proc/%ld/exe", (long)pid);
    ssize_t len = readlink(path, out->program, sizeof out->program - 1);
    out->program[len > 0 ? len : 0] = '\0';
    char *mark = strstr(out->program, DELETED);
    if (mark && mark[strlen(DELETED)] == '\0') {
        *mark = '\0';
        out->replaced = true;
        out->missing = access(out->program, F_OK) < 0 && errno == ENOENT;
    }
}

void processes_name_own(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');
    (void)prctl(PR_SET_NAME, slash ? slash + 1 : argv0, 0, 0, 0);
}
