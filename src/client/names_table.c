/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes in columns. */
#include "client/names_table.h"

#include <inttypes.h>
#include <locale.h>
#include <string.h>
#include <wchar.h>

#include "client/output.h"

#define UNKNOWN "-"
#define GAP "  "

/* What a row shows. */
struct row {
    const char *host;
    const struct node_list_node *node; /* NULL: the host has not answered */
};

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
    cell_writer *write; /* NULL: the host's name */
} columns[NAMES_TABLE_COLUMNS] = {
    {"HOST", NODE_LIST_PORT, false, NULL},
    {"NAME", NODE_LIST_PORT, false, write_name},
    {"PORT", NODE_LIST_PORT, true, write_port},
    {"TYPE", NODE_LIST_FIELDS, false, write_type},
    {"VERSIONS", NODE_LIST_FIELDS, false, write_versions},
    {"CREATION", NODE_LIST_ALL, true, write_creation},
    {"PEER", NODE_LIST_ALL, false, write_peer},
    {"SINCE", NODE_LIST_ALL, false, write_since},
    {"USER", NODE_LIST_ALL, false, write_user},
};

#define COLUMN_HOST 0
#define COLUMN_PORT 2

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

static void write_cell(const struct column *column, const struct row *row,
                       char text[NAME_TEXT_SIZE])
{
    if (!column->write) {
        write_text(row->host, text);
    } else if (!row->node || row->node->known < column->needs) {
        write_text(UNKNOWN, text);
    } else {
        column->write(row->node, text);
    }
}

static void table_widen(struct names_table *table, size_t column, const char *text)
{
    size_t width = text_width(text);
    if (width > table->widths[column]) {
        table->widths[column] = width;
    }
}

void names_table_init(struct names_table *table, bool with_host, bool with_all)
{
    *table = (struct names_table){0};
    setlocale(LC_CTYPE, "C.UTF-8"); /* names are UTF-8 in every locale */
    for (size_t i = 0; i < NAMES_TABLE_COLUMNS; i++) {
        table->shown[i] = i == COLUMN_HOST ? with_host : with_all || i <= COLUMN_PORT;
        table_widen(table, i, columns[i].title);
    }
}

void names_table_measure(struct names_table *table, const char *host,
                         const struct node_list_node *node)
{
    const struct row row = {host, node};
    for (size_t i = 0; i < NAMES_TABLE_COLUMNS; i++) {
        char text[NAME_TEXT_SIZE];
        if (table->shown[i]) {
            write_cell(&columns[i], &row, text);
            table_widen(table, i, text);
        }
    }
}

/* The last cell of a line is not padded. */
static void print_cell(const struct names_table *table, size_t column, const char *text, bool last,
                       FILE *out)
{
    int padding = (int)(table->widths[column] - text_width(text));
    const char *end = last ? "\n" : GAP;
    if (columns[column].is_number) {
        fprintf(out, "%*s%s%s", padding, "", text, end);
    } else {
        fprintf(out, "%s%*s%s", text, last ? 0 : padding, "", end);
    }
}

static size_t last_column(const struct names_table *table)
{
    size_t last = NAMES_TABLE_COLUMNS - 1;
    while (!table->shown[last]) {
        last--;
    }
    return last;
}

void names_table_print_titles(const struct names_table *table, FILE *out)
{
    size_t last = last_column(table);
    for (size_t i = 0; i <= last; i++) {
        if (table->shown[i]) {
            print_cell(table, i, columns[i].title, i == last, out);
        }
    }
}

void names_table_print_node(const struct names_table *table, const char *host,
                            const struct node_list_node *node, FILE *out)
{
    const struct row row = {host, node};
    size_t last = last_column(table);
    for (size_t i = 0; i <= last; i++) {
        char text[NAME_TEXT_SIZE];
        if (table->shown[i]) {
            write_cell(&columns[i], &row, text);
            print_cell(table, i, text, i == last, out);
        }
    }
}

void names_table_print_failure(const struct names_table *table, const char *host,
                               const char *reason, FILE *out)
{
    print_cell(table, COLUMN_HOST, host, false, out);
    for (size_t i = COLUMN_HOST + 1; i <= COLUMN_PORT; i++) {
        print_cell(table, i, UNKNOWN, false, out);
    }
    fprintf(out, "%s\n", reason);
}

void names_table_print(const struct node_list *list, FILE *out)
{
    struct names_table table;
    names_table_init(&table, false, true);
    fprintf(out, "epmd: up and running on port %" PRIu32 " with data:\n", list->port);
    for (size_t i = 0; i < list->n; i++) {
        names_table_measure(&table, NULL, &list->nodes[i]);
    }
    names_table_print_titles(&table, out);
    for (size_t i = 0; i < list->n; i++) {
        names_table_print_node(&table, NULL, &list->nodes[i], out);
    }
}
