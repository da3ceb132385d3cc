/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process and its watcher have to say to each other.
 *
 * The watcher is the service manager or our own keeper. Both are spoken to by the service
 * manager's conventions (systemd's sd_listen_fds(3) and sd_notify(3), both documented as
 * stable protocols that need no library): descriptors are inherited from number 3 on;
 * messages are lines of NAME=VALUE, with descriptors that the watcher is to keep
 * (FDSTORE=1). Sending never blocks.
 *
 * Our keeper can do more than that: it answers.
 *
 *   worker -> keeper   FDSTORE=1\nFDNAME=n\nCONFIRM=17\n          and descriptors
 *   keeper -> worker   CONFIRMED=17\n
 *                 or   REFUSED=17\nERRNO=24\nREASON=...\n
 *
 * The worker numbers the messages that it wants answered (CONFIRM=), in rising order from
 * any number above 0 on. CONFIRMED=17 says that message 17, and each earlier numbered one
 * that was not refused before, is done: all its descriptors are held. REFUSED=17 says that
 * message 17 alone is not done, and that none of its descriptors is held. A refusal arrives
 * before the answer to any later message. Answers to several messages may be merged into
 * one CONFIRMED=.
 *
 * NOTIFY_ASK_RELOAD with a CONFIRM= asks whether a reload can be done now: confirmed where
 * the program's file is there, else refused with the reason.
 *
 * Keepers and workers of versions that know nothing of answers work with those that do: a
 * message without CONFIRM= is never answered, an unknown line is passed over, and a keeper
 * that answers says so in the worker's environment (notify_confirms()).
 */
#ifndef EPMD_SYSTEM_NOTIFY_H
#define EPMD_SYSTEM_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first descriptor that is passed on. */
#define NOTIFY_LISTEN_FDS_START 3

/* How many descriptors one message may bring (the kernel's SCM_MAX_FD), and how many we
 * send: musl's sendmsg(3) has room for one less. */
#define NOTIFY_FDS_MAX 253
#define NOTIFY_FDS_SENT_MAX 252

/* Names the keeper's process in the environment of its worker. */
#define NOTIFY_KEEPER_VARIABLE "EPMD_KEEPER"

/* Likewise; that it is there says that this keeper answers. */
#define NOTIFY_CONFIRMS_VARIABLE "EPMD_CONFIRMS"

/* The lines of a message that asks for an answer; the number is decimal. */
#define NOTIFY_CONFIRM "CONFIRM="
#define NOTIFY_ASK_RELOAD "ASK=reload\n"

/* The lines by which a worker says that it serves. The second tells the keeper that this
 * program can take the keeper's own place (keeper.h). */
#define NOTIFY_READY "READY=1\nEPMD_RENEWS=1\n"

#define NOTIFY_REASON_SIZE 256

/* What the keeper says about a numbered message. */
struct notify_answer {
    uint64_t number;
    int error;                       /* 0: confirmed; a negative errno: refused */
    char reason[NOTIFY_REASON_SIZE]; /* of a refusal: one printable line, perhaps empty */
};

/* How many descriptors were passed to this process, from NOTIFY_LISTEN_FDS_START on;
 * 0 where none were, or they were meant for another process. */
int notify_listen_fds(void);

/* Whether this process is the worker of a keeper, which is its parent. */
bool notify_has_keeper(void);

/* Whether it was to be one, but its keeper has ended meanwhile. */
bool notify_lost_keeper(void);

/* Whether that keeper answers numbered messages. */
bool notify_confirms(void);

/* Whether a service manager has started this very process, and not one of its parents. */
bool notify_is_managed(void);

/* Opens a way to the service manager that $NOTIFY_SOCKET names. Returns a descriptor
 * that the caller owns, or a negative errno: -ENOENT where there is none to notify. */
int notify_open_manager(void);

/* How often the watcher wants to hear WATCHDOG=1, in microseconds, or it will take
 * this process for hung; 0 where it does not ask. */
uint64_t notify_watchdog_us(void);

/* How many descriptors the service manager keeps for this process, as far as it says. */
size_t notify_store_max(size_t otherwise);

/* Sends one message, with descriptors that stay the caller's. Returns 0 once it is in
 * the receiver's queue, where it outlives this process; else a negative errno: -EAGAIN
 * where the queue is full, -EPIPE or -ECONNREFUSED where the receiver has gone, -E2BIG
 * beyond NOTIFY_FDS_SENT_MAX descriptors. */
int notify_send(int channel, const char *message, const int *fds, size_t n_fds);

/* Takes one message, as text of up to `size` - 1 bytes, and its descriptors, which are
 * the caller's from then on. Returns 0; -EMFILE where it was taken but some descriptors
 * found no number; or another negative errno: -EAGAIN where there is none, -EPIPE where
 * the other end of the channel is closed. */
int notify_receive(int channel, char *message, size_t size, int fds[NOTIFY_FDS_MAX], size_t *n_fds);

/* Finds the line `name` (which ends with `=`) of a message. Returns its value, which ends
 * with the line or the message, or NULL. */
const char *notify_value(const char *message, const char *name);

/* The number that such a line holds; 0 where there is no such line, or no number in it. */
uint64_t notify_number(const char *message, const char *name);

/* Sends an answer to the worker. Returns as notify_send(). */
int notify_send_answer(int channel, const struct notify_answer *answer);

/* Takes the keeper's next answer, without blocking and by recv(2) alone. Returns 0; or a
 * negative errno: -EAGAIN where there is none, -EPIPE where the keeper has gone, -EBADMSG
 * where what came was no answer, and is dropped. */
int notify_receive_answer(int channel, struct notify_answer *out);

#endif
