/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that tells scripts which process to signal.
 */
#ifndef EPMD_SYSTEM_PID_FILE_H
#define EPMD_SYSTEM_PID_FILE_H

/* Writes this process's id and a newline to the file `path`, in the place of what is there:
 * a reader sees the old content or the new one, and a link is replaced, not followed.
 * Returns 0 or a negative errno. */
int pid_file_write(const char *path);

/* Removes the file where it has this process's id. Where that is not permitted, as to a
 * process that has become another user, the file stays. */
void pid_file_remove(const char *path);

#endif
