/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries what the unit forbids, and prints what came of it, one try a line:
 *
 *   promises UTS        UTS is the name of the host's own namespace of host names
 *
 * Always true here: a try changes nothing outside this process. Each has a child
 * of its own, so that a system call that kills it is seen.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHARED_MEMORY = 0x65706d64 };

static const char *host_uts;

static const char *outcome(int done)
{
    return done ? "done" : strerrorname_np(errno);
}

static const char *look(const char *path)
{
    struct stat file;
    return outcome(stat(path, &file) == 0);
}

static const char *list(const char *path)
{
    return outcome(opendir(path) != NULL);
}

/* Whether what is mounted there may be written to. */
static const char *mounted(const char *path)
{
    static char options[64];
    char line[4096], point[1024];
    FILE *mounts = fopen("/proc/self/mountinfo", "r");
    strcpy(options, "not mounted");
    while (mounts && fgets(line, sizeof line, mounts)) {
        char found[64];
        if (sscanf(line, "%*s %*s %*s %*s %1023s %2[a-z]", point, found) == 2 &&
            strcmp(point, path) == 0) {
            strcpy(options, found);
        }
    }
    return options;
}

static const char *field(const char *name)
{
    static char value[64];
    char line[4096], key[64];
    FILE *status = fopen("/proc/self/status", "r");
    strcpy(value, "unknown");
    while (status && fgets(line, sizeof line, status)) {
        char found[64];
        if (sscanf(line, "%63[^:]: %63s", key, found) == 2 && strcmp(key, name) == 0) {
            strcpy(value, found);
        }
    }
    return value;
}

static int set_user_id_of(const char *path)
{
    return chmod(path, 04700);
}

static int change_owner_of(const char *path)
{
    return chown(path, -1, -1);
}

static const char *change_own_file(int (*change)(const char *path))
{
    char path[] = "/dev/shm/promises.XXXXXX";
    if (mkstemp(path) < 0) {
        return outcome(0);
    }
    const char *result = outcome(change(path) == 0);
    unlink(path);
    return result;
}

static const char *set_user_id(void)
{
    return change_own_file(set_user_id_of);
}

static const char *change_owner(void)
{
    return change_own_file(change_owner_of);
}

static const char *capabilities(void)
{
    return field("CapBnd");
}
static const char *keep_personality(void)
{
    return outcome(personality(ADDR_NO_RANDOMIZE) != -1);
}
static const char *write_code(void)
{
    return outcome(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                        -1, 0) != MAP_FAILED);
}
static const char *devices(void)
{
    return look("/dev/net");
}
static const char *others_memory(void)
{
    return outcome(shmget(SHARED_MEMORY, 0, 0) != -1);
}
static const char *others_tmp(void)
{
    return look("/tmp/others");
}
static const char *others_var_tmp(void)
{
    return look("/var/tmp/others");
}
static const char *users(void)
{
    struct stat file;
    if (stat("/run/others", &file) < 0) {
        return outcome(0);
    }
    return file.st_uid == 65534 ? "unknown" : "known";
}
static const char *kernel(void)
{
    return look("/proc/cpuinfo");
}
static const char *control_groups(void)
{
    return mounted("/sys/fs/cgroup/unified");
}
static const char *homes(void)
{
    return list("/home");
}
static const char *host_name(void)
{
    char own[64] = "";
    return readlink("/proc/self/ns/uts", own, sizeof own - 1) < 0 ? outcome(0)
           : strcmp(own, host_uts) == 0                           ? "the host's"
                                                                  : "its own";
}
static const char *modules(void)
{
    return list("/usr/lib/modules");
}
static const char *others_process(void)
{
    return look("/proc/1");
}
static const char *file_system(void)
{
    return mounted("/");
}
static const char *netlink(void)
{
    return outcome(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
}
static const char *namespaces(void)
{
    return outcome(unshare(CLONE_NEWUSER) == 0);
}
static const char *trace(void)
{
    return outcome(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
}
static const char *be_nicer(void)
{
    return outcome(setpriority(PRIO_PROCESS, 0, 19) == 0);
}
static const char *mask(void)
{
    static char text[8];
    snprintf(text, sizeof text, "%04o", umask(0));
    return text;
}

static const struct {
    const char *name;
    const char *(*try)(void);
} tries[] = {
    {"capabilities", capabilities},
    {"another personality", keep_personality},
    {"memory to write and to execute", write_code},
    {"other devices", devices},
    {"others' shared memory", others_memory},
    {"others' /tmp", others_tmp},
    {"others' /var/tmp", others_var_tmp},
    {"other users", users},
    {"the kernel's files in /proc", kernel},
    {"control groups", control_groups},
    {"home directories", homes},
    {"host name", host_name},
    {"kernel modules", modules},
    {"others' processes", others_process},
    {"file system", file_system},
    {"another family of addresses", netlink},
    {"a namespace", namespaces},
    {"the set-user-ID bit", set_user_id},
    {"tracing", trace},
    {"a file's owner", change_owner},
    {"priority", be_nicer},
    {"umask", mask},
};

static void report(const char *name, const char *(*try)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        printf("%s: %s\n", name, try());
        fflush(stdout);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0) {
        perror("promises");
        exit(1);
    }
    if (WIFSIGNALED(status)) {
        printf("%s: killed by %s\n", name, sigabbrev_np(WTERMSIG(status)));
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        return 2;
    }
    host_uts = argv[1];
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        report(tries[i].name, tries[i].try);
    }
}
