/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that talk to a running epmd. */
#include "client/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/exchange.h"
#include "client/names.h"
#include "client/names_reply.h"
#include "client/output.h"
#include "core/name.h"
#include "core/protocol.h"
#include "core/wire.h"

#define LISTING_HEADER 4 /* epmd's port */

struct command {
    enum options_command command;
    enum protocol_tag tag;
    int (*print)(enum options_command command, const struct exchange_reply *reply);
};

static int print_no_response(void)
{
    puts("epmd: no response from local epmd");
    return EXIT_FAILURE;
}

static int print_listing(enum options_command command, const struct exchange_reply *reply)
{
    (void)command;
    struct wire_reader reader;
    uint32_t port = names_reply_init(&reader, reply);
    if (reader.overrun) {
        return print_no_response();
    }
    printf("epmd: up and running on port %u with data:\n", (unsigned)port);
    fwrite(reader.at, 1, wire_reader_left(&reader), stdout);
    return EXIT_SUCCESS;
}

static int print_started(enum options_command command, const struct exchange_reply *reply)
{
    (void)command;
    return reply->len < LISTING_HEADER ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The answers in words, each to one command. */
static const struct {
    enum options_command command;
    const char *reply;
    const char *printed;
    int status;
} answer_table[] = {
    {COMMAND_KILL, "OK", "Killed", EXIT_SUCCESS},
    {COMMAND_KILL, "NO", "Killing not allowed - living nodes in database.", EXIT_FAILURE},
    {COMMAND_STOP, "STOPPED", "STOPPED", EXIT_SUCCESS},
    {COMMAND_STOP, "NOEXIST", "NOEXIST", EXIT_SUCCESS},
    {COMMAND_RELOAD, "OK", "Reloading", EXIT_SUCCESS},
    {COMMAND_RELOAD, "NO",
     "Reloading not possible - no keeper or service manager holds the registrations.",
     EXIT_FAILURE},
};

static int print_answer(enum options_command command, const struct exchange_reply *reply)
{
    const char *text = (const char *)reply->bytes;
    for (size_t i = 0; i < sizeof answer_table / sizeof *answer_table; i++) {
        const char *known = answer_table[i].reply;
        if (answer_table[i].command == command && strncmp(text, known, strlen(known)) == 0) {
            puts(answer_table[i].printed);
            return answer_table[i].status;
        }
    }
    printf("epmd: local epmd responded with <%s>\n", text);
    return EXIT_FAILURE;
}

static const struct command command_table[] = {
    {COMMAND_NAMES, PROTOCOL_NAMES_REQ, print_listing},
    {COMMAND_DUMP, PROTOCOL_DUMP_REQ, print_listing},
    {COMMAND_STARTED, PROTOCOL_NAMES_REQ, print_started},
    {COMMAND_KILL, PROTOCOL_KILL_REQ, print_answer},
    {COMMAND_STOP, PROTOCOL_STOP_REQ, print_answer},
    {COMMAND_RELOAD, PROTOCOL_RELOAD_REQ, print_answer},
};

static const struct command *find_command(enum options_command command)
{
    const struct command *found = command_table;
    while (found->command != command) {
        found++;
    }
    return found;
}

/* Writes a request's tag and its name, if it has one, and returns the length. */
static size_t write_request(const struct command *command, const struct options *options,
                            uint8_t request[1 + NAME_MAX_LEN])
{
    struct wire_writer writer;
    wire_writer_init(&writer, request, 1 + NAME_MAX_LEN);
    wire_write_u8(&writer, (uint8_t)command->tag);
    if (options->stop_name) {
        wire_write_bytes(&writer, options->stop_name, strlen(options->stop_name));
    }
    return wire_writer_len(&writer);
}

static int report_failure(const struct command *command, int error)
{
    if (command->command == COMMAND_STARTED) {
        return EXIT_FAILURE; /* which says it all */
    }
    if (error == -ETIMEDOUT || error == -EMSGSIZE) {
        return print_no_response();
    }
    fputs("epmd: Cannot connect to local epmd\n", stderr);
    return EXIT_FAILURE;
}

int commands_run(const struct options *options)
{
    const struct command *command = find_command(options->command);
    uint8_t request[1 + NAME_MAX_LEN];
    struct exchange_reply reply;

    if (options->in_columns || options->json || options->host) {
        return names_run(options);
    }
    if (options->stop_name) {
        const char *name = options->stop_name;
        enum refusal refusal = name_check((const uint8_t *)name, strlen(name));
        if (refusal != REFUSAL_NONE) {
            fprintf(stderr, "epmd: -stop \"%s\": %s\n", name, refusal_text(refusal));
            return EXIT_FAILURE;
        }
    }
    size_t len = write_request(command, options, request);
    int status = exchange_with_local(options->port, request, len, EXCHANGE_TIMEOUT_MS, &reply);
    if (status < 0) {
        return report_failure(command, status);
    }
    status = command->print(command->command, &reply);
    exchange_free(&reply);
    return output_finish() < 0 ? EXIT_FAILURE : status;
}

bool commands_is_epmd(const struct endpoint *endpoint)
{
    static const uint8_t request[] = {PROTOCOL_NAMES_REQ};
    struct exchange_reply reply;
    int status =
        address_is_wildcard(&endpoint->address)
            ? exchange_with_local(endpoint->port, request, sizeof request,
                                  EXCHANGE_PROBE_TIMEOUT_MS, &reply)
            : exchange_with(endpoint, request, sizeof request, EXCHANGE_PROBE_TIMEOUT_MS, &reply);
    if (status < 0) {
        return false;
    }
    bool is_epmd = names_reply_is_one(&reply);
    exchange_free(&reply);
    return is_epmd;
}
