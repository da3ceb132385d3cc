/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind an option, or in its variable: numbers, addresses, lists.
 *
 * `origin` is the option or the variable, as the user wrote it. Where a value is wrong
 * each returns -EINVAL, writes one line to `error`, of OPTIONS_ERROR_SIZE bytes, that
 * names it and says what would be right; what it reads into is then half set.
 */
#ifndef EPMD_OPTIONS_OPTION_VALUES_H
#define EPMD_OPTIONS_OPTION_VALUES_H

#include <stdint.h>

#include "options/options.h"

/* The words for the sandbox's layers. */
#define VALUE_LAYER_CORE "core"
#define VALUE_LAYER_DUMPABLE "dumpable"
#define VALUE_LAYER_PRIVILEGES "privileges"
#define VALUE_LAYER_SECCOMP "seccomp"
#define VALUE_LAYER_ALL "all"
#define VALUE_LAYERS                                                           \
    VALUE_LAYER_CORE ", " VALUE_LAYER_DUMPABLE ", " VALUE_LAYER_PRIVILEGES "," \
                     " " VALUE_LAYER_SECCOMP

/* Writes the line and returns -EINVAL. */
int value_fail(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads a port, from 1 on. */
int value_read_port(const char *origin, const char *text, uint16_t *out, char *error);

/* Reads a whole decimal number from 1 to `max`; `unit` follows "a number" in the line. */
int value_read_unsigned(const char *origin, const char *text, const char *unit, unsigned max,
                        unsigned *out, char *error);

/* Reads a list of networks, or of the words any, local, private, none. */
int value_read_networks(const char *origin, const char *list, struct networks *out, char *error);

/* The same without the word private. */
int value_read_registrants(const char *origin, const char *list, struct networks *out, char *error);

/* Reads the addresses to listen on, in the place of those that are there. */
int value_read_addresses(const char *origin, const char *list, struct options *options,
                         char *error);

/* Reads ADDRESS:PORT, with an IPv6 address in brackets, or PORT alone, on 127.0.0.1. */
int value_read_endpoint(const char *origin, const char *text, struct endpoint *out, char *error);

/* Reads one of the words of -log, or of -log_level, which is then one of syslog(3)'s. */
int value_read_log_target(const char *origin, const char *word, enum log_target *out, char *error);
int value_read_log_level(const char *origin, const char *word, int *out, char *error);

/* Reads the absolute path of a file: -daemon changes the working directory. `*out` points to
 * the word. */
int value_read_path(const char *origin, const char *text, const char **out, char *error);

/* Reads the layers of the sandbox to do without. */
int value_read_layers(const char *origin, const char *list, struct options *options, char *error);

#endif
