/* SPDX-License-Identifier: Apache-2.0 */
/* Which program this process runs. */
#include "system/program.h"

#include <sys/stat.h>

uint64_t program_id(void)
{
    struct stat status;
    if (stat("/proc/self/exe", &status) < 0) {
        return 0;
    }
    return (uint64_t)status.st_ino ^ (uint64_t)status.st_dev << 48;
}
