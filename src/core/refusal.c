/* SPDX-License-Identifier: Apache-2.0 */
/* Why a request is not served. */
#include "core/refusal.h"

#include <stddef.h>

static const char *const texts[] = {
    [REFUSAL_NONE] = "served",
    [REFUSAL_FRAME_EMPTY] = "the request is empty",
    [REFUSAL_FRAME_TOO_LONG] = "its length is beyond that of any request; not an Erlang client?",
    [REFUSAL_FRAME_OVERRUN] = "more bytes came than the request announced",
    [REFUSAL_TAG_UNKNOWN] = "no such request",
    [REFUSAL_TRUNCATED] = "the request is shorter than its own fields say",
    [REFUSAL_NAME_EMPTY] = "the name is empty",
    [REFUSAL_NAME_HAS_NUL] = "the name contains a NUL",
    [REFUSAL_NAME_NOT_UTF8] = "the name is not valid UTF-8",
    [REFUSAL_NAME_TOO_LONG] = "the name is longer than 255 characters",
    [REFUSAL_EXTRA_TOO_LONG] = "the extra field is longer than 1020 bytes",
    [REFUSAL_NOT_LOCAL] = "only peers on this host may ask that",
    [REFUSAL_NOTHING_ALLOWED] = "it may ask nothing (-allow_lookup, -allow_names, -allow_register)",
    [REFUSAL_LOOKUP_NOT_ALLOWED] = "lookups are not allowed from there (-allow_lookup)",
    [REFUSAL_NAMES_NOT_ALLOWED] = "names are not listed for peers there (-allow_names)",
    [REFUSAL_REGISTER_NOT_ALLOWED] = "registrations are not allowed from there (-allow_register)",
    [REFUSAL_NOT_RELAXED] = "epmd runs without -relaxed_command_check",
    [REFUSAL_NODES_ALIVE] = "nodes are registered and epmd runs without -relaxed_command_check",
    [REFUSAL_NO_SUCCESSOR] =
        "there is no keeper and no service manager, the registrations would be lost",
    [REFUSAL_NAME_TAKEN] = "the name is taken",
    [REFUSAL_REGISTRY_FULL] =
        "no descriptor is left for one more node; raise the limit of open files",
    [REFUSAL_NO_MEMORY] = "out of memory",
    [REFUSAL_NO_ROOM] = "no descriptor is left for peers from elsewhere",
    [REFUSAL_TOO_MANY] = "its host has too many unfinished connections (-max_per_host)",
};

const char *refusal_text(enum refusal refusal)
{
    size_t index = (size_t)refusal;
    return index < sizeof texts / sizeof *texts ? texts[index] : "unknown reason";
}
