/* SPDX-License-Identifier: Apache-2.0 */
/* What a command has printed. */
#ifndef EPMD_CLIENT_OUTPUT_H
#define EPMD_CLIENT_OUTPUT_H

/* Flushes standard output. Returns 0; or -EIO, after saying so on standard error, where any
 * of what was printed has not arrived. */
int output_finish(void);

#endif
