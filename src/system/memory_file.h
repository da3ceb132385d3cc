/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file in memory, which lives as long as some process holds a descriptor of it.
 */
#ifndef EPMD_SYSTEM_MEMORY_FILE_H
#define EPMD_SYSTEM_MEMORY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Makes an empty one. Returns a descriptor that the caller owns, or a negative errno:
 * -ENOSYS where the system has none. */
int memory_file_new(void);

/* Whether a descriptor is of a file, rather than of a socket or device. */
bool memory_file_is(int fd);

/* Its length in bytes, holes included; 0 where that is unknown. */
uint64_t memory_file_len(int fd);

/* Reads up to `len` bytes at `offset`. Returns how many there were, or a negative
 * errno. */
ssize_t memory_file_read(int fd, uint64_t offset, void *out, size_t len);

/* Writes all of `len` bytes at `offset`. Returns 0 or a negative errno. */
int memory_file_write(int fd, uint64_t offset, const void *bytes, size_t len);

/* Gives the memory between two offsets back. */
void memory_file_punch(int fd, uint64_t from, uint64_t to);

#endif
