/* SPDX-License-Identifier: Apache-2.0 */
/* What is written of an overview, as a string. */
#include "text.h"

#include <stdlib.h>
#include <string.h>

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

const char *text_of(void (*write)(FILE *, const struct overview *), const struct overview *overview)
{
    static char *text;
    size_t len;
    free(text);
    FILE *out = open_memstream(&text, &len);
    if (!out) {
        abort();
    }
    write(out, overview);
    if (ferror(out) || fclose(out) != 0 || strlen(text) != len) {
        abort();
    }
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
