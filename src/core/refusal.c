/* SPDX-License-Identifier: Apache-2.0 */
/* Why a request is not served. */
#include "core/refusal.h"

#include <stdbool.h>
#include <stddef.h>

static const struct {
    const char *word;
    const char *text;
} reasons[] = {
    [REFUSAL_NONE] = {"none", "served"},
    [REFUSAL_FRAME_EMPTY] = {"frame_empty", "the request is empty"},
    [REFUSAL_FRAME_TOO_LONG] = {"frame_too_long",
                                "its length is beyond that of any request; not an Erlang client?"},
    [REFUSAL_FRAME_OVERRUN] = {"frame_overrun", "more bytes came than the request announced"},
    [REFUSAL_TAG_UNKNOWN] = {"tag_unknown", "no such request"},
    [REFUSAL_TRUNCATED] = {"truncated", "the request is shorter than its own fields say"},
    [REFUSAL_NAME_EMPTY] = {"name_empty", "the name is empty"},
    [REFUSAL_NAME_HAS_NUL] = {"name_has_nul", "the name contains a NUL"},
    [REFUSAL_NAME_NOT_UTF8] = {"name_not_utf8", "the name is not valid UTF-8"},
    [REFUSAL_NAME_TOO_LONG] = {"name_too_long", "the name is longer than 255 characters"},
    [REFUSAL_EXTRA_TOO_LONG] = {"extra_too_long", "the extra field is longer than 1020 bytes"},
    [REFUSAL_NOT_LOCAL] = {"not_local", "only peers on this host may ask that"},
    [REFUSAL_NOTHING_ALLOWED] =
        {"nothing_allowed", "it may ask nothing (-allow_lookup, -allow_names, -allow_register)"},
    [REFUSAL_LOOKUP_NOT_ALLOWED] = {"lookup_not_allowed",
                                    "lookups are not allowed from there (-allow_lookup)"},
    [REFUSAL_NAMES_NOT_ALLOWED] = {"names_not_allowed",
                                   "names are not listed for peers there (-allow_names)"},
    [REFUSAL_REGISTER_NOT_ALLOWED] = {"register_not_allowed",
                                      "registrations are not allowed from there (-allow_register)"},
    [REFUSAL_NOT_RELAXED] = {"not_relaxed", "epmd runs without -relaxed_command_check"},
    [REFUSAL_NODES_ALIVE] = {"nodes_alive",
                             "nodes are registered and epmd runs without -relaxed_command_check"},
    [REFUSAL_NO_SUCCESSOR] =
        {"no_successor",
         "there is no keeper and no service manager, the registrations would be lost"},
    [REFUSAL_NO_PROGRAM] = {"no_program",
                            "the keeper cannot start the program that is on disk now"},
    [REFUSAL_NOT_ALL_KEPT] =
        {"not_all_kept", "not all registrations are with the watcher, a restart would lose some"},
    [REFUSAL_RELOADED_LATELY] =
        {"reloaded_lately",
         "the last reload by request is less than 10 s ago; wait, or send SIGHUP"},
    [REFUSAL_NAME_TAKEN] = {"name_taken", "the name is taken"},
    [REFUSAL_REGISTRY_FULL] =
        {"registry_full", "no descriptor is left for one more node; raise the limit of open files"},
    [REFUSAL_HOST_FULL] = {"host_full",
                           "its host has as many nodes as one may have (-max_nodes_per_host)"},
    [REFUSAL_KEPT_FOR_LOCAL] = {"kept_for_local",
                                "what is left is kept for nodes of this host (-reserve_local)"},
    [REFUSAL_NO_MEMORY] = {"no_memory", "out of memory"},
    [REFUSAL_NO_ROOM] = {"no_room", "no descriptor is left for peers from elsewhere"},
    [REFUSAL_TOO_MANY] = {"too_many",
                          "its host has too many unfinished connections (-max_per_host)"},
};

static bool is_refusal(enum refusal refusal)
{
    return (size_t)refusal < sizeof reasons / sizeof *reasons;
}

const char *refusal_text(enum refusal refusal)
{
    return is_refusal(refusal) ? reasons[refusal].text : "unknown reason";
}

const char *refusal_word(enum refusal refusal)
{
    return is_refusal(refusal) ? reasons[refusal].word : "unknown";
}
