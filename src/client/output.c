/* SPDX-License-Identifier: Apache-2.0 */
/* What a command has printed. */
#include "client/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int output_finish(void)
{
    /* What does not fit the buffer was written before, and is no longer there to fail. */
    int flushed = fflush(stdout), error = errno;
    if (flushed == 0 && ferror(stdout) == 0) {
        return 0;
    }
    fprintf(stderr, "epmd: standard output: %s\n",
            flushed == 0 ? "not all of it could be written" : strerror(error));
    return -EIO;
}
