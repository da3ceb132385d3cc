/* SPDX-License-Identifier: Apache-2.0 */
/* The C library is glibc, and linked in. */
#include "system/name_service.h"

#include <nss.h>
#include <stddef.h>

void name_service_confine(void)
{
    /* "files" and "dns" are in the library itself. */
    static const char *const lookups[][2] = {
        {"passwd", "files"},   {"group", "files"},     {"hosts", "files dns"},
        {"services", "files"}, {"protocols", "files"},
    };
    for (size_t i = 0; i < sizeof lookups / sizeof lookups[0]; i++) {
        __nss_configure_lookup(lookups[i][0], lookups[i][1]); /* fails for want of memory */
    }
}
