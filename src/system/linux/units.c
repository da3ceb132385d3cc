/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd says of its units.
 *
 * systemctl(1) and journalctl(1) are run: their output is documented as stable, and a D-Bus
 * client would be larger than all that it is to find out.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/ascii.h"
#include "system/clock.h"
#include "system/units.h"

#define RUNS_SYSTEMD "/run/systemd/system" /* as sd_booted(3) has it */
#define OUTPUT_SIZE 4096
#define TIMEOUT_MS 2000
#define RESTARTS_MANY 2

extern char **environ;

/* Starts a program whose standard output is the pipe; its errors go nowhere. */
static int start(char *const argv[], int out, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) {
        return -error;
    }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    error = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

/* Reads to the end, or as much as there is room for, or until the time is up. */
static void read_output(int fd, char output[OUTPUT_SIZE])
{
    int64_t deadline_ms = clock_now_ms() + TIMEOUT_MS, left_ms;
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    size_t len = 0;
    while ((left_ms = deadline_ms - clock_now_ms()) > 0 && poll(&pollfd, 1, (int)left_ms) > 0) {
        ssize_t n = read(fd, output + len, OUTPUT_SIZE - 1 - len);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    output[len] = '\0';
}

/* Runs a program and takes what it prints. Returns 0, or a negative errno where it cannot be run
 * or fails. */
static int run(char *const argv[], char output[OUTPUT_SIZE])
{
    int ends[2], outcome = 0;
    pid_t pid = 0;
    output[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -errno;
    }
    int status = start(argv, ends[1], &pid);
    close(ends[1]);
    if (status == 0) {
        read_output(ends[0], output);
        kill(pid, SIGKILL); /* one that has ended does not mind */
        while (waitpid(pid, &outcome, 0) < 0 && errno == EINTR) {
        }
    }
    close(ends[0]);
    return status;
}

/* Copies what stands behind `key` up to the line's end. Returns whether the key is there. */
static bool find_value(const char *output, const char *key, char *value, size_t size)
{
    size_t key_len = strlen(key);
    for (const char *line = output; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, key_len) == 0) {
            size_t len = strcspn(line + key_len, "\n");
            ascii_copy((const uint8_t *)line + key_len, len < size ? len : size - 1, '?', value);
            return true;
        }
    }
    value[0] = '\0';
    return false;
}

static unsigned find_number(const char *output, const char *key)
{
    char text[UNITS_WORD_SIZE];
    find_value(output, key, text, sizeof text);
    return (unsigned)strtoul(text, NULL, 10);
}

/* Of the unit's own processes: the manager's lines say that it has failed, but not why. */
static void read_last_line(struct unit *unit)
{
    char output[OUTPUT_SIZE] = "", filter[sizeof "_SYSTEMD_UNIT=" + UNITS_WORD_SIZE];
    char *const argv[] = {"journalctl", "-q", "-o", "cat", "-n", "1", filter, NULL};
    snprintf(filter, sizeof filter, "_SYSTEMD_UNIT=%s", unit->name);
    if (run(argv, output) == 0) {
        find_value(output, "", unit->last_line, sizeof unit->last_line);
    }
}

int units_read(struct unit *unit)
{
    char output[OUTPUT_SIZE] = "", load[UNITS_WORD_SIZE];
    char *const argv[] = {
        "systemctl", "show", "-p", "LoadState,ActiveState,SubState,Result,ExecMainStatus,NRestarts",
        unit->name,  NULL};
    if (access(RUNS_SYSTEMD, F_OK) < 0) {
        return -ENOSYS;
    }
    int status = run(argv, output);
    if (status < 0) {
        return status;
    }
    if (!find_value(output, "LoadState=", load, sizeof load)) {
        return -EIO;
    }
    if (strcmp(load, "not-found") == 0) {
        return -ENOENT;
    }
    find_value(output, "ActiveState=", unit->active, sizeof unit->active);
    find_value(output, "SubState=", unit->sub, sizeof unit->sub);
    find_value(output, "Result=", unit->result, sizeof unit->result);
    unit->exit_status = find_number(output, "ExecMainStatus=");
    unit->n_restarts = find_number(output, "NRestarts=");
    if (units_has_failed(unit)) {
        read_last_line(unit);
    }
    return 0;
}

bool units_has_failed(const struct unit *unit)
{
    return strcmp(unit->active, "failed") == 0 || strcmp(unit->sub, "auto-restart") == 0 ||
           unit->n_restarts >= RESTARTS_MANY;
}
