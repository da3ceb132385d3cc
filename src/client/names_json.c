/* SPDX-License-Identifier: Apache-2.0 */
/* -names -json: the nodes for programs. What is not known is null. */
#include "client/names_json.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "client/output.h"

/* A name as it is; or, where it is no UTF-8, as the other listings show it. */
static json_t *new_name(const void *bytes, size_t len)
{
    json_t *name = json_stringn(bytes, len);
    if (!name) {
        char text[NAME_TEXT_SIZE];
        name_format(bytes, len, text, sizeof text);
        name = json_string(text);
    }
    return name;
}

static json_t *new_hex(const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * UINT16_MAX + 1];
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 0xf];
    }
    return json_stringn(text, 2 * len);
}

static json_t *new_peer(const struct endpoint *peer)
{
    char address[ADDRESS_TEXT_SIZE];
    address_format(&peer->address, address);
    return json_pack("{s:s, s:i}", "address", address, "port", (int)peer->port);
}

static json_t *new_time(int64_t unix_ms)
{
    char text[OUTPUT_TIME_SIZE];
    bool known = output_format_time(unix_ms, true, "%Y-%m-%dT%H:%M:%SZ", text);
    return known ? json_string(text) : json_null();
}

/* An object under construction; memory may run out at any member. */
struct members {
    json_t *object;
    bool failed;
};

static void set(struct members *members, const char *key, json_t *value)
{
    members->failed |= json_object_set_new(members->object, key, value) < 0;
}

static void set_number(struct members *members, const char *key, json_int_t value, bool known)
{
    set(members, key, known ? json_integer(value) : json_null());
}

static void set_host(struct members *members, const struct names_json_host *host)
{
    if (host) {
        set(members, "host", new_name(host->name, strlen(host->name)));
        set_number(members, "epmd_port", host->epmd_port, true);
    }
}

static json_t *members_end(struct members *members)
{
    if (members->failed) {
        json_decref(members->object);
        return NULL;
    }
    return members->object;
}

static json_t *new_failure(const struct names_json_failure *failure)
{
    struct members members = {.object = json_object()};
    set_host(&members, &failure->host);
    set(&members, "address", failure->address ? json_string(failure->address) : json_null());
    set(&members, "cause", json_string(failure->cause));
    set(&members, "reason", json_string(failure->reason));
    return members_end(&members);
}

static json_t *new_node(const struct names_json_host *host, const struct node_list_node *node)
{
    struct members members = {.object = json_object()};
    const struct protocol_node *info = &node->node.info;
    bool fields = node->known >= NODE_LIST_FIELDS, all = node->known >= NODE_LIST_ALL;
    set_host(&members, host);
    set(&members, "name", new_name(info->name, info->name_len));
    set_number(&members, "port", info->port, true);
    set_number(&members, "type", info->type, fields);
    set_number(&members, "protocol", info->protocol, fields);
    set_number(&members, "highest", info->highest, fields);
    set_number(&members, "lowest", info->lowest, fields);
    set_number(&members, "creation", node->node.creation, all);
    set(&members, "peer", all ? new_peer(&node->node.peer) : json_null());
    set(&members, "since", all ? new_time(node->node.since_ms) : json_null());
    set(&members, "user", node->user ? new_name(node->user, strlen(node->user)) : json_null());
    set(&members, "extra", fields ? new_hex(info->extra, info->extra_len) : json_null());
    return members_end(&members);
}

/* Escapes DEL as well: JSON allows it in a string, but a terminal would obey it. */
static int print_chunk(const char *chunk, size_t len, void *argument)
{
    FILE *out = argument;
    for (size_t i = 0; i < len; i++) {
        if (chunk[i] == 0x7f) {
            fputs("\\u007f", out);
        } else {
            putc(chunk[i], out);
        }
    }
    return 0;
}

/* Prints a value, which it frees. Returns 0 or -ENOMEM, as for NULL. */
static int print_value(json_t *value, FILE *out)
{
    int status =
        value ? json_dump_callback(value, print_chunk, out, JSON_ENSURE_ASCII | JSON_ENCODE_ANY)
              : -1;
    json_decref(value);
    return status < 0 ? -ENOMEM : 0;
}

static int print_element(json_t *value, bool is_first, FILE *out)
{
    fputs(is_first ? "\n    " : ",\n    ", out);
    return print_value(value, out);
}

int names_json_print_node(const struct names_json_host *host, const struct node_list_node *node,
                          bool is_first, FILE *out)
{
    return print_element(new_node(host, node), is_first, out);
}

int names_json_print_failure(const struct names_json_failure *failure, bool is_first, FILE *out)
{
    return print_element(new_failure(failure), is_first, out);
}

/* One node at a time: all of them, as objects, would take a hundred times the reply. */
int names_json_print(const struct node_list *list, const struct names_json_host *host, FILE *out)
{
    fprintf(out, "{\n  \"port\": %" PRIu32 ",\n  \"version\": ", list->port);
    int status = print_value(list->version[0] ? json_string(list->version) : json_null(), out);
    fputs(",\n  \"nodes\": [", out);
    for (size_t i = 0; status == 0 && i < list->n; i++) {
        status = names_json_print_node(host, &list->nodes[i], i == 0, out);
    }
    fputs(list->n ? "\n  ]" : "]", out);
    fputs(host ? ",\n  \"failures\": []\n}\n" : "\n}\n", out);
    return status;
}

int names_json_print_failures(const struct names_json_failure *failures, size_t n, FILE *out)
{
    int status = 0;
    fputs("{\n  \"port\": null,\n  \"version\": null,\n  \"nodes\": [],\n  \"failures\": [", out);
    for (size_t i = 0; status == 0 && i < n; i++) {
        status = names_json_print_failure(&failures[i], i == 0, out);
    }
    fputs("\n  ]\n}\n", out);
    return status;
}
