/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registrations that were refused lately, and why.
 *
 * A node hears no reason, and tells its user that the name is in use. What has happened is
 * kept here for peers that ask later (core/inventory).
 */
#ifndef EPMD_CORE_DENIALS_H
#define EPMD_CORE_DENIALS_H

#include <stddef.h>
#include <stdint.h>

#include "core/name.h"
#include "core/protocol.h"
#include "core/refusal.h"

#define DENIALS_MAX 16 /* the oldest is forgotten first */

struct denial {
    int64_t at_ms; /* of the clock that counts the registry's times */
    enum refusal refusal;
    uint16_t name_len;
    uint8_t name[NAME_MAX_LEN];
};

struct denials {
    struct denial list[DENIALS_MAX];
    size_t n;            /* of them */
    uint64_t generation; /* grows with every change */
};

/* Keeps that a registration was refused; of one name the last time only. A name that is longer
 * than any is not kept. */
void denials_add(struct denials *denials, const struct protocol_node *info, enum refusal refusal,
                 int64_t now_ms);

#endif
