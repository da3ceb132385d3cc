/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker says to its keeper. */
#include "system/linux/inbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool says(const struct channel_message *message, const char *line)
{
    return notify_value(message->text, line) != NULL;
}

/* Keeps a message's descriptors: of one that asks for an answer all or none, for none is
 * what a refusal says. Returns 0 or a negative errno. */
static int keep_all(struct hold *hold, const struct channel_message *message, bool asks)
{
    int status = message->is_cut ? -EMFILE : 0;
    for (size_t i = 0; i < message->n_fds; i++) {
        int added = hold_add(hold, message->fds[i]);
        status = added < 0 ? added : status;
    }
    for (size_t i = 0; status < 0 && asks && i < message->n_fds; i++) {
        hold_drop(hold, message->fds[i]);
    }
    return status;
}

static void close_all(const struct channel_message *message)
{
    for (size_t i = 0; i < message->n_fds; i++) {
        close(message->fds[i]);
    }
}

/* Says in one printable line why the program's file cannot be run. */
static void describe_program(const struct program *program, int error,
                             char text[NOTIFY_REASON_SIZE])
{
    snprintf(text, NOTIFY_REASON_SIZE, "%.150s: %s; put the new program there", program->path,
             strerror(-error));
    for (char *at = text; *at; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            *at = '?';
        }
    }
}

bool inbox_take(struct channel *channel, struct hold *hold, const struct program *program,
                struct inbox_news *news)
{
    struct channel_message message;
    char reason[NOTIFY_REASON_SIZE] = "";
    if (!channel_receive(channel, &message)) {
        return false;
    }
    uint64_t number = notify_number(message.text, NOTIFY_CONFIRM);
    *news = (struct inbox_news){.ready = says(&message, "READY=1"),
                                .renews = says(&message, "EPMD_RENEWS=1"),
                                .alive = says(&message, "WATCHDOG=1")};
    int status = 0;
    if (says(&message, "FDSTORE=1")) {
        status = keep_all(hold, &message, number > 0);
        news->n_brought = message.n_fds;
        news->keep_error = status;
        snprintf(reason, sizeof reason, "%s", strerror(-status));
    } else {
        close_all(&message);
    }
    if (says(&message, NOTIFY_ASK_RELOAD)) {
        status = program_check(program);
        describe_program(program, status, reason);
    }
    channel_answer(channel, number, status, reason);
    return true;
}
