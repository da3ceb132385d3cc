/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of hosts whose epmds are asked (-hosts).
 *
 * Nothing here reads a file or asks DNS: the list only says which file or domain it takes
 * hosts from (client/directory). A host is a name or an address, and the port of its epmd.
 */
#ifndef EPMD_CLIENT_HOSTS_H
#define EPMD_CLIENT_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOSTS_MAX 100000
#define HOSTS_NAME_MAX 255 /* bytes of a name, or of an address with its zone */
#define HOSTS_TEXT_SIZE (4 * HOSTS_NAME_MAX + 32) /* room for any entry as text */
#define HOSTS_ERROR_SIZE 512

/* What an entry of the list is. */
enum hosts_kind {
    HOSTS_HOST,
    HOSTS_FILE,   /* @FILE: its lines are hosts */
    HOSTS_DOMAIN, /* dns:NAME: DNS knows its hosts */
};

struct hosts_entry {
    enum hosts_kind kind;
    uint16_t port;       /* of its epmd */
    char *name;          /* without the @ or the dns: of its kind; owned by the list */
    const char *failure; /* why DNS told no hosts of a domain; static; NULL: it was not asked */
};

struct hosts {
    size_t n, size;
    struct hosts_entry *list;
};

/* Adds an entry. Returns 0; -ENOMEM; or -E2BIG where there are HOSTS_MAX. */
int hosts_add(struct hosts *hosts, enum hosts_kind kind, const char *name, size_t len,
              uint16_t port);

/* Adds what a list names: hosts, @FILE, dns:NAME, separated by commas or blanks. Returns 0; or
 * as hosts_add() does, or -EINVAL, with one line in `error` that names the word which is wrong
 * and says what would be right. */
int hosts_read_list(struct hosts *hosts, const char *text, uint16_t port,
                    char error[HOSTS_ERROR_SIZE]);

/* Adds the hosts of a file, each on a line, plain or as a line of .hosts.erlang ('NAME'.).
 * Lines that are empty, or begin with # or %, say nothing. Returns as hosts_read_list() does;
 * `error` has the number of the line. */
int hosts_read_lines(struct hosts *hosts, const char *text, size_t len, uint16_t port,
                     char error[HOSTS_ERROR_SIZE]);

/* Adds the host of an SRV record, unless the record says that there is no such service (its
 * target is the root, RFC 2782), or has no port. Returns 0, or as hosts_read_list() does. */
int hosts_add_srv(struct hosts *hosts, const char *target, uint16_t port,
                  char error[HOSTS_ERROR_SIZE]);

/* The order in which hosts are shown: numbers in their names count as numbers. Negative, 0 or
 * positive, as strcmp(3). */
int hosts_compare(const struct hosts_entry *a, const struct hosts_entry *b);

/* Puts the entries into that order, and leaves those out that are there twice. */
void hosts_sort(struct hosts *hosts);

/* Writes an entry as people read it: printable, and with its port, if that is not `port`. */
void hosts_format(const struct hosts_entry *entry, uint16_t port, char text[HOSTS_TEXT_SIZE]);

/* Frees the entries. */
void hosts_deinit(struct hosts *hosts);

#endif
