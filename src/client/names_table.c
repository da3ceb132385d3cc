/* SPDX-License-Identifier: Apache-2.0 */
/* -names -l: the nodes in columns. */
#include "client/names_table.h"

#include <inttypes.h>
#include <locale.h>
#include <string.h>
#include <wchar.h>

#include "client/output.h"

#define UNKNOWN "-"
#define GAP "  "

/* Writes one cell of a node of which enough is known. */
typedef void cell_writer(const struct node_list_node *node, char text[NAME_TEXT_SIZE]);

static void write_text(const char *what, char text[NAME_TEXT_SIZE])
{
    snprintf(text, NAME_TEXT_SIZE, "%s", what);
}

static void write_name(const struct node_list_node *node, char text[NAME_TEXT_SIZE])
{
    name_format(node->node.info.name, node->node.info.name_len, text, NAME_TEXT_SIZE);
}

static void write_port(const struct node_list_node *node, char text[NAME_TEXT_SIZE])
{
    snprintf(text, NAME_TEXT_SIZE, "%u", node->node.info.port);
}

static void write_type(const struct node_list_node *node, char text[NAME_TEXT_SIZE])
{
    uint8_t type = node->node.info.type;
    const char *word = protocol_type_name(type);
    if (word) {
        write_text(word, text);
    } else {
        snprintf(text, NAME_TEXT_SIZE, "%u", type);
    }
}

static void write_versions(const struct node_list_node *node, char text[NAME_TEXT_SIZE])
{
    snprintf(text, NAME_TEXT_SIZE, "%u-%u", node->node.info.lowest, node->node.info.highest);
}

static void write_creation(const struct node_list_node *node, char text[NAME_TEXT_SIZE])
{
    snprintf(text, NAME_TEXT_SIZE, "%" PRIu32, node->node.creation);
}

static void write_peer(const struct node_list_node *node, char text[NAME_TEXT_SIZE])
{
    const struct endpoint *peer = &node->node.peer;
    char address[ADDRESS_TEXT_SIZE];
    bool ipv4 = address_is_ipv4(&peer->address);
    address_format(&peer->address, address);
    snprintf(text, NAME_TEXT_SIZE, ipv4 ? "%s:%u" : "[%s]:%u", address, peer->port);
}

static void write_since(const struct node_list_node *node, char text[NAME_TEXT_SIZE])
{
    if (!output_format_time(node->node.since_ms, false, "%Y-%m-%d %H:%M:%S", text)) {
        write_text(UNKNOWN, text);
    }
}

static void write_user(const struct node_list_node *node, char text[NAME_TEXT_SIZE])
{
    const char *user = node->user ? node->user : UNKNOWN;
    name_format((const uint8_t *)user, strlen(user), text, NAME_TEXT_SIZE);
}

static const struct column {
    const char *title;
    enum node_list_knowledge needs;
    bool is_number;
    cell_writer *write;
} columns[] = {
    {"NAME", NODE_LIST_PORT, false, write_name},
    {"PORT", NODE_LIST_PORT, true, write_port},
    {"TYPE", NODE_LIST_FIELDS, false, write_type},
    {"VERSIONS", NODE_LIST_FIELDS, false, write_versions},
    {"CREATION", NODE_LIST_ALL, true, write_creation},
    {"PEER", NODE_LIST_ALL, false, write_peer},
    {"SINCE", NODE_LIST_ALL, false, write_since},
    {"USER", NODE_LIST_ALL, false, write_user},
};

#define N_COLUMNS (sizeof columns / sizeof *columns)

/* How many columns of a terminal a text takes: a character one where nothing else is known. */
static size_t text_width(const char *text)
{
    mbstate_t state = {0};
    size_t width = 0, left = strlen(text);
    while (left > 0) {
        wchar_t character;
        size_t used = mbrtowc(&character, text, left, &state);
        if (used == 0 || used > left) {
            state = (mbstate_t){0};
            used = 1;
            width += (*text & 0xc0) != 0x80;
        } else {
            int taken = wcwidth(character);
            width += taken < 0 ? 1 : (size_t)taken;
        }
        text += used;
        left -= used;
    }
    return width;
}

/* Writes a cell of a node, or of the header where there is none. */
static void write_cell(const struct column *column, const struct node_list_node *node,
                       char text[NAME_TEXT_SIZE])
{
    if (!node) {
        write_text(column->title, text);
    } else if (node->known < column->needs) {
        write_text(UNKNOWN, text);
    } else {
        column->write(node, text);
    }
}

static void measure(const struct node_list_node *node, size_t widths[N_COLUMNS])
{
    for (size_t i = 0; i < N_COLUMNS; i++) {
        char text[NAME_TEXT_SIZE];
        write_cell(&columns[i], node, text);
        size_t width = text_width(text);
        widths[i] = width > widths[i] ? width : widths[i];
    }
}

static void print_row(const struct node_list_node *node, const size_t widths[N_COLUMNS], FILE *out)
{
    for (size_t i = 0; i < N_COLUMNS; i++) {
        char text[NAME_TEXT_SIZE];
        bool last = i + 1 == N_COLUMNS;
        write_cell(&columns[i], node, text);
        int padding = (int)(widths[i] - text_width(text));
        if (columns[i].is_number) {
            fprintf(out, "%*s%s%s", padding, "", text, GAP);
        } else {
            fprintf(out, "%s%*s%s", text, last ? 0 : padding, "", last ? "\n" : GAP);
        }
    }
}

void names_table_print(const struct node_list *list, FILE *out)
{
    size_t widths[N_COLUMNS] = {0};
    setlocale(LC_CTYPE, "C.UTF-8"); /* names are UTF-8 in every locale */
    fprintf(out, "epmd: up and running on port %" PRIu32 " with data:\n", list->port);
    measure(NULL, widths);
    for (size_t i = 0; i < list->n; i++) {
        measure(&list->nodes[i], widths);
    }
    print_row(NULL, widths, out);
    for (size_t i = 0; i < list->n; i++) {
        print_row(&list->nodes[i], widths, out);
    }
}
