/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a request is not served.
 *
 * The protocol tells a client almost nothing ("result 1", or a close), so the
 * reason travels beside the reply up to the code that writes the log.
 */
#ifndef EPMD_CORE_REFUSAL_H
#define EPMD_CORE_REFUSAL_H

enum refusal {
    REFUSAL_NONE, /* served */

    /* The bytes are no request. */
    REFUSAL_FRAME_EMPTY,
    REFUSAL_FRAME_TOO_LONG,
    REFUSAL_FRAME_OVERRUN,
    REFUSAL_TAG_UNKNOWN,
    REFUSAL_TRUNCATED,

    /* The name or the extra field is not one. */
    REFUSAL_NAME_EMPTY,
    REFUSAL_NAME_HAS_NUL,
    REFUSAL_NAME_NOT_UTF8,
    REFUSAL_NAME_TOO_LONG,
    REFUSAL_EXTRA_TOO_LONG,

    /* The request is one, but not from this peer, or not now. */
    REFUSAL_NOT_LOCAL,
    REFUSAL_NOTHING_ALLOWED,
    REFUSAL_LOOKUP_NOT_ALLOWED,
    REFUSAL_NAMES_NOT_ALLOWED,
    REFUSAL_REGISTER_NOT_ALLOWED,
    REFUSAL_NOT_RELAXED,
    REFUSAL_NODES_ALIVE,
    REFUSAL_NO_SUCCESSOR,
    REFUSAL_NO_PROGRAM,
    REFUSAL_NOT_ALL_KEPT,
    REFUSAL_RELOADED_LATELY,
    REFUSAL_NAME_TAKEN,
    REFUSAL_REGISTRY_FULL,
    REFUSAL_HOST_FULL,
    REFUSAL_KEPT_FOR_LOCAL,
    REFUSAL_NO_MEMORY,
    REFUSAL_NO_ROOM,
    REFUSAL_TOO_MANY,

    REFUSAL_COUNT,
};

/* What the refusal means, as the end of a sentence for the log; never NULL. */
const char *refusal_text(enum refusal refusal);

/* The refusal's identifier in lower case, for programs: it stays the same when the text
 * changes; never NULL. */
const char *refusal_word(enum refusal refusal);

#endif
