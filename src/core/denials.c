/* SPDX-License-Identifier: Apache-2.0 */
/* The registrations that were refused lately, and why. */
#include "core/denials.h"

#include <string.h>

/* Returns the place of that name, or else a free one, or else the oldest. */
static struct denial *denials_place(struct denials *denials, const struct protocol_node *info)
{
    struct denial *oldest = &denials->list[0];
    for (size_t i = 0; i < denials->n; i++) {
        struct denial *denial = &denials->list[i];
        if (denial->name_len == info->name_len &&
            memcmp(denial->name, info->name, info->name_len) == 0) {
            return denial;
        }
        oldest = denial->at_ms < oldest->at_ms ? denial : oldest;
    }
    return denials->n < DENIALS_MAX ? &denials->list[denials->n++] : oldest;
}

void denials_add(struct denials *denials, const struct protocol_node *info, enum refusal refusal,
                 int64_t now_ms)
{
    if (info->name_len == 0 || info->name_len > NAME_MAX_LEN) {
        return;
    }
    struct denial *denial = denials_place(denials, info);
    denial->at_ms = now_ms;
    denial->refusal = refusal;
    denial->name_len = info->name_len;
    memcpy(denial->name, info->name, info->name_len);
    denials->generation++;
}
