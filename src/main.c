/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epmd: the Erlang port mapper daemon.
 *
 * The argument vector becomes the daemon, or one command to a running one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/commands.h"
#include "daemon/server.h"
#include "options.h"
#include "system/descriptors.h"
#include "system/detach.h"
#include "system/log.h"

/* The port is taken. By an epmd: then there is one, which is all that was asked for. */
static int end_beside(const struct endpoint *in_use)
{
    char address[ADDRESS_TEXT_SIZE];
    address_format(&in_use->address, address);
    if (commands_is_epmd(in_use)) {
        log_debug(LOG_VERBOSITY_REQUESTS, "epmd is already running at %s port %u", address,
                  in_use->port);
        return EXIT_SUCCESS;
    }
    log_line(LOG_ERR,
             "cannot listen on %s port %u: it is held by something that does not answer "
             "as an epmd; end that, or choose another port with -port or ERL_EPMD_PORT",
             address, in_use->port);
    return EXIT_FAILURE;
}

static int serve(const struct options *options, int ready)
{
    static struct server server;
    struct endpoint in_use;
    int status = server_init(&server, options, &in_use);
    if (status == -EADDRINUSE) {
        return end_beside(&in_use);
    }
    if (status < 0) {
        return EXIT_FAILURE;
    }
    if (options->detach) {
        status = detach_finish(ready);
        if (status < 0) {
            log_line(LOG_ERR, "cannot become a daemon: %s", strerror(-status));
        }
    }
    if (status == 0) {
        server_announce(&server);
        status = server_run(&server);
    }
    server_deinit(&server);
    return status < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_daemon(const struct options *options)
{
    int ready = -1;
    log_set_verbosity(options->debug);
    int status = descriptors_fill_standard();
    if (status < 0) {
        log_line(LOG_WARNING, "cannot open /dev/null: %s", strerror(-status));
    }
    if (options->detach) {
        if (!options->systemd) {
            closefrom(STDERR_FILENO + 1);
        }
        status = detach_start(&ready);
        if (status < 0) {
            log_line(LOG_ERR, "cannot become a daemon: %s", strerror(-status));
            return EXIT_FAILURE;
        }
        log_use_syslog();
    }
    return serve(options, ready);
}

int main(int argc, char *argv[])
{
    struct options options;
    char error[OPTIONS_ERROR_SIZE];

    if (options_read(argc, argv, &options, error) < 0) {
        options_print_usage(stderr);
        fprintf(stderr, "\nepmd: %s\n", error);
        return EXIT_FAILURE;
    }
    switch (options.command) {
    case COMMAND_SERVE:
        return run_daemon(&options);
    case COMMAND_HELP:
        options_print_usage(stdout);
        return EXIT_SUCCESS;
    case COMMAND_VERSION:
        puts("epmd " EPMD_VERSION);
        return EXIT_SUCCESS;
    default:
        return commands_run(&options);
    }
}
