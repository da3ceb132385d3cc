/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line and the environment, read once (epmd(1)).
 *
 * An option wins over its environment variable. Options start with one dash; two are
 * accepted. A word that cannot be understood is never passed over.
 */
#ifndef EPMD_OPTIONS_OPTIONS_H
#define EPMD_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/address.h"
#include "core/policy.h"
#include "system/log.h"
#include "system/sandbox.h"

#define OPTIONS_PORT_DEFAULT 4369 /* where nodes look for epmd */
#define OPTIONS_ADDRESSES_MAX 64
#define OPTIONS_ERROR_SIZE 256

/* Bits, so that an option can say which commands it goes with. */
enum options_command {
    COMMAND_SERVE = 0, /* none named: be the daemon */
    COMMAND_NAMES = 1 << 0,
    COMMAND_DUMP = 1 << 1,
    COMMAND_STARTED = 1 << 2,
    COMMAND_KILL = 1 << 3,
    COMMAND_STOP = 1 << 4,
    COMMAND_RELOAD = 1 << 5,
    COMMAND_CHECK = 1 << 6,
    COMMAND_HELP = 1 << 7,
    COMMAND_VERSION = 1 << 8,
};

/* What set an option, as the user wrote it. */
struct option_origin {
    const char *word;  /* the option or the variable; NULL: nothing, it has its default */
    const char *value; /* lies in the argument vector or the environment */
};

struct options {
    enum options_command command;
    const char *stop_name;    /* COMMAND_STOP's; lies in the argument vector */
    const char *check_target; /* COMMAND_CHECK's NAME[@HOST], or NULL; likewise */
    const char *host;         /* -host: whose epmd is asked; likewise; NULL: this host's */
    const char *hosts;        /* -hosts: a list, not yet read; likewise; NULL: one epmd is asked */
    bool in_columns;          /* -l */
    bool json;                /* -json */
    uint16_t port;
    struct option_origin port_from, addresses_from;
    bool detach;  /* -daemon */
    bool systemd; /* -systemd */
    bool keeper;  /* -keeper, or -daemon without -no_keeper */
    bool no_keeper;
    struct policy policy;
    struct endpoint metrics; /* where -metrics listens; port 0: nowhere */
    bool metrics_no_names;
    unsigned debug; /* how often -d was given */
    enum log_target log_target;
    int log_level; /* as log_set_level() takes it: -log_level's, or what -d makes of it */
    unsigned packet_timeout_s;
    unsigned exit_when_idle_s;   /* 0: never */
    unsigned max_per_host;       /* unfinished connections of a remote host */
    unsigned max_nodes_per_host; /* registrations of a remote host */
    unsigned reserve_local;      /* registrations kept free for this host, in percent */
    unsigned delay_accept_s;
    unsigned delay_write_s;
    const char *pid_file;            /* -pid_file's, absolute; in the argument vector; or NULL */
    const char *user;                /* -user's; lies in the argument vector; NULL: stay */
    bool no_sandbox[SANDBOX_LAYERS]; /* the layers to do without */
    size_t n_addresses;              /* named ones, without duplicates; 0: all */
    struct address addresses[OPTIONS_ADDRESSES_MAX];
};

#define OPTIONS_MISCONFIGURED 1 /* from options_read() */

/* Reads arguments and environment; beside a command, nothing that is the daemon's alone.
 * Where something is wrong, `error` has one line that names it and says what would be right,
 * and it returns -EINVAL: a person may have typed it, and the usage helps; or
 * OPTIONS_MISCONFIGURED: it comes from the environment, or -systemd is among the words. */
int options_read(int argc, char *const argv[], struct options *out, char error[OPTIONS_ERROR_SIZE]);

/* The word that stands for a layer of the sandbox. */
const char *options_layer_name(enum sandbox_layer layer);

/* Writes how epmd is called, all options with a line each. */
void options_print_usage(FILE *out);

#endif
