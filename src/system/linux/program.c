/* SPDX-License-Identifier: Apache-2.0 */
/* The program that workers run. */
#include "system/linux/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* By O_PATH: a user that may execute a program need not be able to read it. */
static int open_image(const char *path)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int program_open(struct program *program, char *path)
{
    *program = (struct program){.path = path, .image = -1, .image_before = -1};
    int image = open_image(path);
    program->image = image < 0 ? -1 : image;
    return image < 0 ? image : 0;
}

void program_adopt(struct program *program, char *path, int image)
{
    *program = (struct program){.path = path, .image = image, .image_before = -1};
}

void program_close(struct program *program)
{
    free(program->path);
    program->path = NULL;
}

int program_check(const struct program *program)
{
    struct stat status;
    if (stat(program->path, &status) < 0) {
        return -errno;
    }
    if (!S_ISREG(status.st_mode)) {
        return -EACCES; /* as execve(2) says */
    }
    return access(program->path, X_OK) < 0 ? -errno : 0;
}

int program_renew(struct program *program)
{
    int newer = open_image(program->path);
    if (newer < 0) {
        return newer;
    }
    if (program_is_on_trial(program)) {
        close(program->image); /* which has not proved itself: the one before it has */
    } else {
        program->image_before = program->image;
    }
    program->image = newer;
    return 0;
}

bool program_is_on_trial(const struct program *program)
{
    return program->image_before >= 0;
}

bool program_fall_back(struct program *program)
{
    if (!program_is_on_trial(program)) {
        return false;
    }
    close(program->image);
    program->image = program->image_before;
    program->image_before = -1;
    return true;
}

void program_settle(struct program *program)
{
    if (program_is_on_trial(program)) {
        close(program->image_before);
        program->image_before = -1;
    }
}
