/* SPDX-License-Identifier: Apache-2.0 */
/* What Prometheus is told of an overview, as a string. */
#include "text.h"

#include <stdlib.h>
#include <string.h>

#include "metrics/exposition.h"

#define STARTED_MS (WORLD_NOW_MS - 100000)

struct overview text_overview(struct world *world)
{
    world->context.self = (struct inventory_daemon){.version = "1.2.3",
                                                    .port = WORLD_PORT,
                                                    .started_ms = 1000000,
                                                    .clock_ms = 1000000 - STARTED_MS};
    return (struct overview){
        .host = "host.example",
        .shows_names = true,
        .daemon = &world->context.self,
        .registry = &world->context.registry,
        .counters = &world->context.counters,
        .max_connections = 1001,
        .now_ms = WORLD_NOW_MS,
        .cpu_us = 1234567,
    };
}

const char *text_of(const struct overview *overview)
{
    static char *text;
    struct document document;
    free(text);
    document_init(&document, 0);
    exposition_write(&document, overview);
    struct sheet *sheet = document_finish(&document);
    text = sheet ? strndup((const char *)sheet->bytes, sheet->len) : NULL;
    if (!text || strlen(text) != sheet->len) {
        abort();
    }
    sheet_unref(sheet);
    return text;
}

size_t text_count(const char *text, const char *part)
{
    size_t n = 0;
    for (text = strstr(text, part); text; text = strstr(text + 1, part)) {
        n++;
    }
    return n;
}
