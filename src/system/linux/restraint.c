/* SPDX-License-Identifier: Apache-2.0 */
/* Restraint after starts that fail, with an eventfd(2) in the manager's store. */
#include "system/restraint.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "system/notify.h"

#define NAME "failures"

static int counter = -1; /* a duplicate of ours; -1: the manager holds none */

/* The place of the counter among the descriptors that were passed, or -1. */
static int find_counter(void)
{
    const char *name = getenv("LISTEN_FDNAMES");
    int n = notify_listen_fds();
    for (int i = 0; name && i < n; i++) {
        size_t len = strcspn(name, ":");
        if (len == strlen(NAME) && memcmp(name, NAME, len) == 0) {
            return NOTIFY_LISTEN_FDS_START + i;
        }
        name = name[len] ? name + len + 1 : NULL;
    }
    return -1;
}

void restraint_open(void)
{
    int passed = find_counter();
    if (counter < 0 && passed >= 0) {
        counter = fcntl(passed, F_DUPFD_CLOEXEC, NOTIFY_LISTEN_FDS_START + notify_listen_fds());
    }
}

/* Adds one, and returns the sum. */
static uint64_t counter_raise(int fd)
{
    uint64_t count = 0;
    if (read(fd, &count, sizeof count) != (ssize_t)sizeof count) {
        count = 0;
    }
    count += count < UINT32_MAX;
    (void)!write(fd, &count, sizeof count);
    return count;
}

uint64_t restraint_count_failure(void)
{
    int manager = notify_is_managed() ? notify_open_manager() : -1;
    if (manager < 0) {
        return 0;
    }
    restraint_open();
    bool is_new = counter < 0;
    if (is_new) {
        counter = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    uint64_t n_failures = counter < 0 ? 1 : counter_raise(counter);
    if (is_new && counter >= 0) {
        (void)notify_send(manager, "FDSTORE=1\nFDNAME=" NAME "\n", &counter, 1);
    }
    close(manager);
    return n_failures;
}

void restraint_forget(void)
{
    int manager = counter < 0 ? -1 : notify_open_manager();
    if (manager >= 0) {
        (void)notify_send(manager, "FDSTOREREMOVE=1\nFDNAME=" NAME "\n", NULL, 0);
        close(manager);
        close(counter);
        counter = -1;
    }
}
