/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is the name of a node.
 *
 * What Prometheus, or the page's script, reads is that name again, in one line of each kind.
 */
#include <string.h>

#include "fuzz.h"
#include "metrics/exposition.h"

static char *text_of(const struct overview *overview)
{
    struct document document;
    document_init(&document, 0);
    exposition_write(&document, overview);
    struct sheet *sheet = document_finish(&document);
    REQUIRE(sheet);
    char *text = strndup((const char *)sheet->bytes, sheet->len);
    REQUIRE(text && strlen(text) == sheet->len);
    sheet_unref(sheet);
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

static void require_exposed(const char *text, const char *before, const char *after,
                            const uint8_t *name, size_t len)
{
    uint8_t read[NAME_MAX_LEN * 2];
    const char *label = strstr(text, before);
    REQUIRE(label);
    label += strlen(before);
    const char *end = strchr(label, '\n') + 1 - strlen(after);
    REQUIRE(end >= label && memcmp(end, after, strlen(after)) == 0);
    REQUIRE(read_label(label, end, read) == len && memcmp(read, name, len) == 0);
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
    char *text = text_of(&overview);
    require_exposed(text, "\nepmd_node_port{name=\"", "\"} 4711\n", data, size);
    require_exposed(text, "\nepmd_node_info{name=\"",
                    "\",type=\"0\",lowest_version=\"0\",highest_version=\"0\",peer=\"::\"} 1\n",
                    data, size);
    free(text);
    registry_deinit(&registry);
    return 0;
}
