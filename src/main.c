/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epmd: the Erlang port mapper daemon.
 *
 * The argument vector becomes the daemon, or one command to a running one.
 */
#include <errno.h>
#include <paths.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/commands.h"
#include "client/output.h"
#include "daemon/lockdown.h"
#include "daemon/server.h"
#include "doctor/check.h"
#include "options/options.h"
#include "system/descriptors.h"
#include "system/detach.h"
#include "system/journal.h"
#include "system/keeper.h"
#include "system/log.h"
#include "system/name_service.h"
#include "system/notify.h"

/* The port is taken. By an epmd: then there is one, which is all that was asked for. */
static int end_beside(const struct endpoint *in_use)
{
    char address[ADDRESS_TEXT_SIZE];
    address_format(&in_use->address, address);
    if (commands_is_epmd(in_use)) {
        log_line(LOG_VERBOSITY_REQUESTS, "epmd is already running at %s port %u", address,
                 in_use->port);
        return EXIT_SUCCESS;
    }
    log_line(LOG_ERR,
             "cannot listen on %s port %u: it is held by something that does not answer "
             "as an epmd; end that, or choose another port with -port or ERL_EPMD_PORT",
             address, in_use->port);
    return EXIT_FAILURE;
}

/* A start of the daemon: of its worker, of its keeper, or of the one process that it is. */
struct start {
    const struct options *options;
    struct lockdown lockdown;
    int ready; /* for detach_finish(), or -1 */
};

/* Lets go of root, and of the terminal, which needs to open a file. */
static int start_let_go(const struct start *start)
{
    int status = lockdown_drop_user(&start->lockdown);
    if (status < 0) {
        return status;
    }
    status = start->options->detach ? detach_from_terminal() : 0;
    if (status < 0) {
        log_line(LOG_ERR, "cannot become a daemon: %s", strerror(-status));
    }
    return status;
}

static int start_finish(const struct start *start)
{
    int status = start->ready < 0 ? 0 : detach_finish(start->ready);
    if (status < 0) {
        log_line(LOG_ERR, "whoever started this is gone: %s", strerror(-status));
    }
    return status;
}

/* Serves in this process. */
static int serve(const struct start *start)
{
    static struct server server;
    struct endpoint in_use;
    int status = server_init(&server, start->options, &in_use);
    if (status == -EADDRINUSE) {
        return end_beside(&in_use);
    }
    if (status < 0) {
        return EXIT_FAILURE;
    }
    status = start_let_go(start);
    if (status == 0) {
        status = start_finish(start);
    }
    if (status == 0) {
        server_announce(&server);
        /* Who connects now waits for a moment; nobody is served before. */
        lockdown_enter_worker(&start->lockdown);
        status = server_run(&server);
    }
    server_deinit(&server);
    return status < 0 ? EXIT_FAILURE : status;
}

/* Says on standard error that nobody takes lines at the target, and where they go instead. */
static void tell_no_log(enum log_target target, enum log_target instead, int status)
{
    bool journal = target == LOG_TARGET_JOURNAL;
    log_open(LOG_TARGET_STDERR);
    log_line(LOG_WARNING, "-log %s: cannot send to %s: %s; %s", journal ? "journal" : "syslog",
             journal ? JOURNAL_SOCKET : _PATH_LOG, strerror(-status),
             !journal                       ? "lines are lost until somebody takes them there"
             : instead == LOG_TARGET_SYSLOG ? "logging to syslog instead"
                                            : "logging to standard error instead");
}

/* Starts to log where that was asked for, or where it suits. */
static void start_log(const struct options *options, bool is_worker)
{
    bool suits_syslog = options->detach && options->log_target == LOG_TARGET_DEFAULT;
    enum log_target target = suits_syslog ? LOG_TARGET_SYSLOG : options->log_target;
    int status = log_open(target);
    if (status == 0 || suits_syslog) {
        return;
    }
    bool to_syslog = options->detach || target == LOG_TARGET_SYSLOG;
    enum log_target instead = to_syslog ? LOG_TARGET_SYSLOG : LOG_TARGET_STDERR;
    if (!is_worker) { /* whose keeper has told */
        tell_no_log(target, instead, status);
    }
    log_open(instead);
}

static void log_for_keeper(int level, const char *text)
{
    log_line(level, "keeper: %s", text);
}

/* The worker serves: so the keeper is a daemon, too. */
static int keeper_on_ready(void *argument)
{
    const struct start *start = argument;
    int status = start_let_go(start);
    if (status < 0) {
        return status;
    }
    lockdown_enter_keeper(&start->lockdown);
    return start_finish(start);
}

static int serve_as_worker(void *argument)
{
    struct start start = *(const struct start *)argument;
    start.ready = -1; /* it is the keeper who tells */
    start_log(start.options, true);
    return serve(&start);
}

static int keep(struct start *start, char *const argv[])
{
    const struct keeper_config config = {.argv = argv,
                                         .log = log_for_keeper,
                                         .on_ready = keeper_on_ready,
                                         .serve = serve_as_worker,
                                         .argument = start};
    int status = keeper_run(&config);
    if (status == -ENOSYS) {
        log_line(LOG_WARNING, "this system has no keeper: registrations end with the process");
        return serve(start);
    }
    if (status < 0) {
        log_line(LOG_ERR, "the keeper cannot run: %s", strerror(-status));
        return EXIT_FAILURE;
    }
    return status;
}

/* Leaves the process that was started behind, to wait. */
static int start_detach(struct start *start)
{
    closefrom(STDERR_FILENO + 1);
    int status = detach_start(&start->ready);
    if (status < 0) {
        log_line(LOG_ERR, "cannot become a daemon: %s", strerror(-status));
    }
    return status;
}

static int run_daemon(const struct options *options, char *const argv[])
{
    struct start start = {.options = options, .ready = -1};
    bool is_worker = notify_has_keeper();
    log_set_level(options->log_level);
    int status = descriptors_fill_standard();
    if (status < 0) {
        log_line(LOG_WARNING, "cannot open /dev/null: %s", strerror(-status));
    }
    if (lockdown_init(&start.lockdown, options, is_worker) < 0 ||
        (options->detach && !is_worker && start_detach(&start) < 0)) {
        return EXIT_FAILURE;
    }
    start_log(options, is_worker);
    bool keeps = options->keeper && !is_worker;
    return keeps ? keep(&start, argv) : serve(&start);
}

int main(int argc, char *argv[])
{
    struct options options;
    char error[OPTIONS_ERROR_SIZE];

    name_service_confine();
    if (options_read(argc, argv, &options, error) < 0) {
        options_print_usage(stderr);
        fprintf(stderr, "\nepmd: %s\n", error);
        return EXIT_FAILURE;
    }
    switch (options.command) {
    case COMMAND_SERVE:
        return run_daemon(&options, argv);
    case COMMAND_HELP:
        options_print_usage(stdout);
        return output_finish() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    case COMMAND_VERSION:
        puts("epmd " EPMD_VERSION);
        return output_finish() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    case COMMAND_CHECK:
        return check_run(&options);
    default:
        return commands_run(&options);
    }
}
