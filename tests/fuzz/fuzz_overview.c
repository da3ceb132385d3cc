/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is the name of a node.
 *
 * What Prometheus reads is that name again, in one line; what a browser reads is the
 * name as the log has it, and no markup.
 */
#include <string.h>

#include "fuzz.h"
#include "metrics/exposition.h"
#include "metrics/page.h"

static char *text_of(void (*write)(FILE *, const struct overview *),
                     const struct overview *overview)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    REQUIRE(out);
    write(out, overview);
    REQUIRE(!ferror(out) && fclose(out) == 0 && strlen(text) == len);
    return text;
}

/* Undoes the escapes of a label's value; returns its length. */
static size_t read_label(const char *label, const char *end, uint8_t *out)
{
    size_t len = 0;
    for (const char *at = label; at < end; at++) {
        char byte = *at;
        REQUIRE(byte != '"' && byte != '\n');
        if (byte == '\\') {
            byte = *++at;
            REQUIRE(byte == '\\' || byte == '"' || byte == 'n');
            byte = byte == 'n' ? '\n' : byte;
        }
        out[len++] = (uint8_t)byte;
    }
    return len;
}

static void require_exposed(const struct overview *overview, const uint8_t *name, size_t len)
{
    static const char before[] = "\nepmd_node_port{name=\"", after[] = "\"} 4711\n";
    uint8_t read[NAME_MAX_LEN * 2];
    char *text = text_of(exposition_write, overview);
    const char *label = strstr(text, before);
    REQUIRE(label);
    label += strlen(before);
    const char *end = strchr(label, '\n') + 1 - strlen(after);
    REQUIRE(end >= label && memcmp(end, after, strlen(after)) == 0);
    REQUIRE(read_label(label, end, read) == len && memcmp(read, name, len) == 0);
    free(text);
}

/* Undoes the escapes of HTML. */
static void read_html(const char *html, const char *end, char *out)
{
    static const struct {
        const char *entity;
        char character;
    } entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}};
    while (html < end) {
        REQUIRE(!strchr("<>\"'", *html));
        size_t i = 0;
        while (*html == '&' && strncmp(html, entities[i].entity, strlen(entities[i].entity)) != 0) {
            REQUIRE(++i < sizeof entities / sizeof *entities);
        }
        *out++ = *html == '&' ? entities[i].character : *html;
        html += *html == '&' ? strlen(entities[i].entity) : 1;
    }
    *out = '\0';
}

static void require_shown(const struct overview *overview, const uint8_t *name, size_t len)
{
    char shown[NAME_TEXT_SIZE], expected[NAME_TEXT_SIZE];
    char *text = text_of(page_write, overview);
    const char *begin = strstr(text, "<bdi>");
    const char *end = strstr(text, "</bdi>");
    REQUIRE(begin && end > begin);
    read_html(begin + strlen("<bdi>"), end, shown);
    name_format(name, len, expected, sizeof expected);
    REQUIRE(strcmp(shown, expected) == 0);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[HASH_SEED_SIZE];
    static const struct counters counters;
    static const struct inventory_daemon daemon;
    struct registry registry;
    struct registry_node *node;
    if (size > NAME_MAX_LEN || name_check(data, size) != REFUSAL_NONE) {
        return 0;
    }
    const struct protocol_node info = {.port = 4711, .name = data, .name_len = (uint16_t)size};
    const struct overview overview = {.host = "",
                                      .shows_names = true,
                                      .daemon = &daemon,
                                      .registry = &registry,
                                      .counters = &counters};
    registry_init(&registry, 1, 1, seed);
    REQUIRE(registry_add(&registry, &info, &node) == REFUSAL_NONE);
    require_exposed(&overview, data, size);
    require_shown(&overview, data, size);
    registry_deinit(&registry);
    return 0;
}
