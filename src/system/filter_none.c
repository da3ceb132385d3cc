/* SPDX-License-Identifier: Apache-2.0 */
/* No filter, where this program is built without libseccomp, or with what a sanitizer
 * calls at the end. */
#include <errno.h>

#include "system/filter.h"

int filter_enter(void)
{
    return -EOPNOTSUPP;
}
