/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that talk to a running epmd. */
#include "client/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/names.h"
#include "client/names_hosts.h"
#include "client/names_reply.h"
#include "client/output.h"
#include "client/target.h"
#include "core/ascii.h"
#include "core/name.h"

#define REASON_SIZE 512 /* of a refused reload */

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
    if (!names_reply_is_whole(reply)) {
        fflush(stdout);
        fputs("epmd: the answer of the local epmd was cut short\n", stderr);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static int print_started(enum options_command command, const struct exchange_reply *reply)
{
    (void)command;
    struct wire_reader reader;
    names_reply_init(&reader, reply);
    return reader.overrun ? EXIT_FAILURE : EXIT_SUCCESS;
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
};

/* The reason behind "NO: ", as text; an older epmd gives none. */
static int print_no_reload(const char *reply)
{
    static const char no[] = "NO: ";
    char reason[REASON_SIZE] = "no keeper or service manager holds the registrations";
    if (strncmp(reply, no, sizeof no - 1) == 0) {
        const char *text = reply + sizeof no - 1;
        size_t len = strnlen(text, sizeof reason - 1);
        ascii_copy((const uint8_t *)text, len, '?', reason);
    }
    printf("Reloading not possible - %s.\n", reason);
    return EXIT_FAILURE;
}

static int print_answer(enum options_command command, const struct exchange_reply *reply)
{
    const char *text = reply->len > 0 ? (const char *)reply->bytes : "";
    for (size_t i = 0; i < sizeof answer_table / sizeof *answer_table; i++) {
        const char *known = answer_table[i].reply;
        if (answer_table[i].command == command && strncmp(text, known, strlen(known)) == 0) {
            puts(answer_table[i].printed);
            return answer_table[i].status;
        }
    }
    if (command == COMMAND_RELOAD && strncmp(text, "NO", 2) == 0) {
        return print_no_reload(text);
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

static int report_failure(const struct command *command, int error)
{
    if (command->command == COMMAND_STARTED) {
        return EXIT_FAILURE; /* and prints nothing */
    }
    if (error == -ETIMEDOUT || error == -EMSGSIZE) {
        return print_no_response();
    }
    fputs("epmd: Cannot connect to local epmd\n", stderr);
    return EXIT_FAILURE;
}

/* All that -started asks for: the list may be long. */
static bool has_port(const uint8_t *reply, size_t len)
{
    struct wire_reader reader;
    wire_reader_init(&reader, reply, len);
    (void)wire_read_u32(&reader);
    return !reader.overrun;
}

/* An epmd that closes without a byte refuses: the answer in words is then the empty one. */
static int ask(const struct command *command, const struct options *options,
               struct exchange_reply *reply)
{
    const char *name = options->stop_name ? options->stop_name : "";
    struct request request;
    request_init(&request, command->tag, name, strlen(name));
    request.is_enough = command->command == COMMAND_STARTED ? has_port : NULL;
    int status = target_ask_local(options->port, &request, EXCHANGE_TIMEOUT_MS, reply);
    if (status == -ENODATA) {
        *reply = (struct exchange_reply){0};
        status = 0;
    }
    return status;
}

static int check_stop_name(const char *name)
{
    enum refusal refusal = name_check((const uint8_t *)name, strlen(name));
    if (refusal == REFUSAL_NONE) {
        return 0;
    }
    fprintf(stderr, "epmd: -stop \"%s\": %s\n", name, refusal_text(refusal));
    return -EINVAL;
}

int commands_run(const struct options *options)
{
    const struct command *command = find_command(options->command);
    struct exchange_reply reply;
    if (options->hosts) {
        return names_hosts_run(options);
    }
    if (options->in_columns || options->json || options->host) {
        return names_run(options);
    }
    if (options->stop_name && check_stop_name(options->stop_name) < 0) {
        return EXIT_FAILURE;
    }
    int status = ask(command, options, &reply);
    if (status < 0) {
        return report_failure(command, status);
    }
    status = command->print(command->command, &reply);
    exchange_free(&reply);
    return output_finish() < 0 ? EXIT_FAILURE : status;
}

int commands_ask_holder(const struct endpoint *endpoint)
{
    struct request request;
    struct exchange_reply reply;
    request_init(&request, PROTOCOL_NAMES_REQ, NULL, 0);
    int status = address_is_wildcard(&endpoint->address)
                     ? target_ask_local(endpoint->port, &request, EXCHANGE_PROBE_TIMEOUT_MS, &reply)
                     : exchange_with(endpoint, &request, EXCHANGE_PROBE_TIMEOUT_MS, &reply);
    if (status < 0) {
        return status;
    }
    bool is_epmd = names_reply_is_one(&reply);
    exchange_free(&reply);
    return is_epmd ? 0 : -EBADMSG;
}
