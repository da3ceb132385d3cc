/* SPDX-License-Identifier: Apache-2.0 */
/* There is nothing to confine: the modules are of the library that loads them. */
#include "system/name_service.h"

void name_service_confine(void)
{
}
