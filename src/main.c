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
#include "daemon/inheritance.h"
#include "daemon/lockdown.h"
#include "daemon/server.h"
#include "doctor/check.h"
#include "options/options.h"
#include "system/clock.h"
#include "system/descriptors.h"
#include "system/detach.h"
#include "system/journal.h"
#include "system/keeper.h"
#include "system/log.h"
#include "system/name_service.h"
#include "system/notify.h"
#include "system/pid_file.h"
#include "system/processes.h"
#include "system/restraint.h"

#define LISTEN_ATTEMPTS_MAX 3

/* Whether what held the port has let go of it meanwhile, as an epmd does that was just ending. */
static bool has_left(int error)
{
    return error == -ECONNREFUSED || error == -ECONNRESET || error == -ENODATA;
}

/* Sets the server up, as server_init() does. Where another process listens, `*holder` is what
 * commands_ask_holder() says of it. */
static int init_server(struct server *server, const struct options *options,
                       struct endpoint *in_use, int *holder)
{
    int status, n_attempts = 0;
    do {
        status = server_init(server, options, in_use);
        *holder = status == -EADDRINUSE ? commands_ask_holder(in_use) : 0;
    } while (status == -EADDRINUSE && has_left(*holder) && ++n_attempts < LISTEN_ATTEMPTS_MAX);
    return status;
}

/* The port is taken. By an epmd: then there is one, which is all that was asked for. */
static int end_beside(const struct endpoint *in_use, int holder)
{
    char address[ADDRESS_TEXT_SIZE];
    address_format(&in_use->address, address);
    if (holder == 0) {
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

/* What this process is to be. */
enum role {
    ROLE_SINGLE, /* the one process of a daemon without a keeper */
    ROLE_KEEPER,
    ROLE_SUCCESSOR, /* a keeper that has become this program */
    ROLE_WORKER,
    ROLE_ORPHAN, /* a worker whose keeper has ended before it got here */
};

struct start {
    const struct options *options;
    enum role role;
    struct lockdown lockdown;
    int ready; /* for detach_finish(), or -1 */
};

static enum role find_role(const struct options *options)
{
    if (keeper_is_successor()) {
        return ROLE_SUCCESSOR;
    }
    if (notify_has_keeper()) {
        return ROLE_WORKER;
    }
    if (notify_lost_keeper()) {
        return ROLE_ORPHAN;
    }
    return options->keeper ? ROLE_KEEPER : ROLE_SINGLE;
}

/* Whether other processes of this daemon came before this one, and have said what is to be
 * said, detached, and found the user. */
static bool is_later(const struct start *start)
{
    return start->role == ROLE_WORKER || start->role == ROLE_SUCCESSOR;
}

/* Writes -pid_file, which is for the process that a signal to the daemon goes to. */
static int start_tell_pid(const struct start *start)
{
    const char *path = start->options->pid_file;
    int status = path && !is_later(start) ? pid_file_write(path) : 0;
    if (status < 0) {
        log_line(LOG_ERR, "-pid_file %s: cannot be written: %s", path, strerror(-status));
    }
    return status;
}

/* Lets go of root, and of the terminal, which needs to open a file. */
static int start_let_go(const struct start *start)
{
    int status = start_tell_pid(start); /* where only root may write */
    if (status == 0) {
        status = lockdown_drop_user(&start->lockdown);
    }
    if (status < 0) {
        return status;
    }
    status = start->options->detach ? detach_from_terminal() : 0;
    if (status < 0) {
        log_line(LOG_ERR, "cannot become a daemon: %s", strerror(-status));
        return status;
    }
    return start->role == ROLE_WORKER ? keeper_bind_worker() : 0; /* anew: see there */
}

static int start_finish(const struct start *start)
{
    int status = start->ready < 0 ? 0 : detach_finish(start->ready);
    if (status < 0) {
        log_line(LOG_ERR, "the process that started this has ended: %s", strerror(-status));
    }
    return status;
}

/* Locks this process up, and only then says that it serves: a sandbox that does not suit
 * the C library ends a worker before it counts as one. Peers that connect meanwhile wait. */
static int start_serving(const struct start *start, struct server *server)
{
    if (start->role == ROLE_WORKER) {
        keeper_release_worker(); /* which the sandbox forbids */
    }
    restraint_forget();
    lockdown_enter_worker(&start->lockdown);
    return server_announce(server);
}

/* A start failed, perhaps for a wrong word in its configuration: the service manager that
 * starts this program again at once is slowed down. Registrations that it stores stay there
 * meanwhile. */
static int end_with_restraint(void)
{
    clock_sleep_ms(restraint_wait_ms(restraint_count_failure()));
    return EXIT_FAILURE;
}

/* Serves in this process. */
static int serve(const struct start *start)
{
    static struct server server;
    struct endpoint in_use;
    int holder, status = init_server(&server, start->options, &in_use, &holder);
    if (status == -EADDRINUSE) {
        return end_beside(&in_use, holder);
    }
    if (status < 0) {
        return start->role == ROLE_SINGLE ? end_with_restraint() : EXIT_FAILURE;
    }
    status = start_let_go(start);
    if (status == 0) {
        status = start_finish(start);
    }
    if (status == 0) {
        status = start_serving(start, &server);
    }
    if (status == 0) {
        status = server_run(&server);
    }
    server_deinit(&server);
    return status < 0 ? EXIT_FAILURE : status;
}

/* Says on standard error that the target takes no lines, and where they go instead. */
static void tell_no_log(enum log_target target, enum log_target instead, int status)
{
    bool journal = target == LOG_TARGET_JOURNAL;
    log_open(LOG_TARGET_STDERR);
    log_line(LOG_WARNING, "-log %s: cannot send to %s: %s; %s", journal ? "journal" : "syslog",
             journal ? JOURNAL_SOCKET : _PATH_LOG, strerror(-status),
             !journal                       ? "lines are lost until they are taken there"
             : instead == LOG_TARGET_SYSLOG ? "logging to syslog instead"
                                            : "logging to standard error instead");
}

/* Starts to log where that was asked for, or where it suits. */
static void start_log(const struct start *start)
{
    const struct options *options = start->options;
    bool suits_syslog = options->detach && options->log_target == LOG_TARGET_DEFAULT;
    enum log_target target = suits_syslog ? LOG_TARGET_SYSLOG : options->log_target;
    int status = log_open(target);
    if (status == 0 || suits_syslog) {
        return;
    }
    bool to_syslog = options->detach || target == LOG_TARGET_SYSLOG;
    enum log_target instead = to_syslog ? LOG_TARGET_SYSLOG : LOG_TARGET_STDERR;
    if (!is_later(start)) {
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
    start.role = ROLE_WORKER;
    start.ready = -1; /* the keeper tells the process that was started */
    start_log(&start);
    return serve(&start);
}

static int keep(struct start *start, char *const argv[])
{
    const struct keeper_config config = {.argv = argv,
                                         .log = log_for_keeper,
                                         .on_ready = keeper_on_ready,
                                         .serve = serve_as_worker,
                                         .argument = start};
    if (start->role == ROLE_SUCCESSOR) {
        lockdown_enter_keeper(&start->lockdown);
    }
    int status = keeper_run(&config);
    if (status >= 0) {
        return status;
    }
    log_line(LOG_WARNING, "there can be no keeper here: %s; registrations end with this process",
             strerror(-status));
    start->role = ROLE_SINGLE;
    return serve(start);
}

/* Leaves the process that was started behind, to wait. */
static int start_detach(struct start *start)
{
    int status = detach_start(&start->ready);
    if (status < 0) {
        log_line(LOG_ERR, "cannot become a daemon: %s", strerror(-status));
    }
    return status;
}

/* Closes what the process that started this one has left open by mistake: a file of its own,
 * or a lock, would stay open for as long as the daemon lives. */
static void start_descriptors(const struct start *start)
{
    if (start->role != ROLE_SUCCESSOR) { /* which holds what it held before */
        descriptors_close_from(NOTIFY_LISTEN_FDS_START + notify_listen_fds());
    }
    restraint_open();
    int status = descriptors_fill_standard();
    if (status < 0) {
        log_line(LOG_WARNING, "cannot open /dev/null: %s", strerror(-status));
    }
}

/* What survives a process is found again by its sockets' numbers. */
static void tell_what_is_not_kept(const struct start *start)
{
    bool keeps = start->role == ROLE_KEEPER || start->options->systemd;
    if (keeps && !descriptors_have_ids()) {
        log_line(LOG_WARNING, "this system does not number its sockets (SO_COOKIE): registrations "
                              "end with the process, -keeper or -systemd keep none");
    }
}

static int run_daemon(const struct options *options, char *const argv[])
{
    struct start start = {.options = options, .role = find_role(options), .ready = -1};
    log_set_level(options->log_level);
    start_descriptors(&start);
    if (start.role == ROLE_ORPHAN || (start.role == ROLE_WORKER && keeper_bind_worker() < 0)) {
        return EXIT_FAILURE; /* no registration depends on it yet */
    }
    if (is_later(&start)) {
        processes_name_own(argv[0]);
    }
    if (!is_later(&start) && inheritance_is_overlooked(options)) {
        log_line(LOG_ERR,
                 "a socket unit that listens on port %u has started this process (LISTEN_FDS); "
                 "start epmd there with -systemd, and without -daemon and -address",
                 options->port);
        return end_with_restraint();
    }
    if (lockdown_init(&start.lockdown, options, is_later(&start)) < 0 ||
        (options->detach && !is_later(&start) && start_detach(&start) < 0)) {
        return is_later(&start) ? EXIT_FAILURE : end_with_restraint();
    }
    start_log(&start);
    tell_what_is_not_kept(&start);
    bool keeps = start.role == ROLE_KEEPER || start.role == ROLE_SUCCESSOR;
    int status = keeps ? keep(&start, argv) : serve(&start);
    if (options->pid_file) {
        pid_file_remove(options->pid_file);
    }
    return status;
}

/* Says what is wrong with the options, last; to a person after the usage. */
static int end_mistaken(int status, const char *error)
{
    if (status != OPTIONS_MISCONFIGURED) {
        options_print_usage(stderr);
        fputc('\n', stderr);
    }
    fprintf(stderr, "epmd: %s\n", error);
    return end_with_restraint();
}

int main(int argc, char *argv[])
{
    struct options options;
    char error[OPTIONS_ERROR_SIZE];

    name_service_confine();
    int status = options_read(argc, argv, &options, error);
    if (status != 0) {
        return end_mistaken(status, error);
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
