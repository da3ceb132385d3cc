/* SPDX-License-Identifier: Apache-2.0 */
/* A file that tells scripts which process to signal. */
#include "system/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PID_TEXT_SIZE 16
#define MODE 0644

/* Writes the file's whole content; returns its length. */
static size_t write_text(char text[PID_TEXT_SIZE])
{
    return (size_t)snprintf(text, PID_TEXT_SIZE, "%ld\n", (long)getpid());
}

static int write_new(const char *path)
{
    char text[PID_TEXT_SIZE];
    size_t len = write_text(text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
    if (fd < 0) {
        return -errno;
    }
    ssize_t n = write(fd, text, len);
    int status = n == (ssize_t)len ? 0 : n < 0 ? -errno : -ENOSPC;
    if (status == 0 && fchmod(fd, MODE) < 0) { /* whatever the umask: scripts read it */
        status = -errno;
    }
    close(fd);
    return status;
}

int pid_file_write(const char *path)
{
    char new_path[PATH_MAX];
    int len = snprintf(new_path, sizeof new_path, "%s.new", path);
    if (len < 0 || (size_t)len >= sizeof new_path) {
        return -ENAMETOOLONG;
    }
    unlink(new_path); /* which a start that was cut short has left */
    int status = write_new(new_path);
    if (status == 0 && rename(new_path, path) < 0) {
        status = -errno;
    }
    if (status < 0 && status != -EEXIST) {
        unlink(new_path);
    }
    return status;
}

void pid_file_remove(const char *path)
{
    char ours[PID_TEXT_SIZE], found[PID_TEXT_SIZE];
    size_t len = write_text(ours);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    ssize_t n = read(fd, found, sizeof found);
    close(fd);
    if (n == (ssize_t)len && memcmp(found, ours, len) == 0) {
        unlink(path);
    }
}
