/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over files, without libFuzzer: replay FILE|DIRECTORY ...
 *
 * Each input lies in memory of exactly its size, so that sanitizers and valgrind see
 * where it ends.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fuzz.h"

static size_t n_replayed;

static int replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(size);
    if (!file || (size > 0 && !data) || fread(data, 1, size, file) != size) {
        perror(path);
        return EXIT_FAILURE;
    }
    fclose(file);
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(data, size);
    n_replayed++;
    free(data);
    return EXIT_SUCCESS;
}

static int replay(const char *path);

static int replay_directory(const char *path)
{
    DIR *directory = opendir(path);
    int status = EXIT_SUCCESS;
    if (!directory) {
        perror(path);
        return EXIT_FAILURE;
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        char name[4096];
        if (entry->d_name[0] != '.') {
            snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
            status |= replay(name);
        }
    }
    closedir(directory);
    return status;
}

static int replay(const char *path)
{
    struct stat found;
    if (stat(path, &found) < 0) {
        perror(path);
        return EXIT_FAILURE;
    }
    return S_ISDIR(found.st_mode) ? replay_directory(path)
                                  : replay_file(path, (size_t)found.st_size);
}

int main(int argc, char *argv[])
{
    int status = EXIT_SUCCESS;
    for (int i = 1; i < argc; i++) {
        status |= replay(argv[i]);
    }
    if (n_replayed == 0) {
        fprintf(stderr, "usage: %s FILE|DIRECTORY ...\n", argv[0]);
        return EXIT_FAILURE;
    }
    return status;
}
