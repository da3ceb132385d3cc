/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a keeper's worker. */
#include "system/linux/keeping.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>

#include "system/clock.h"
#include "system/linux/inbox.h"
#include "system/linux/takeover.h"
#include "system/linux/worker.h"

#define PAUSE_FIRST_MS 20
#define PAUSE_MAX_MS 2000
/* After SIGKILL, which is seldom meant for the worker alone: who sends it to all that are called
 * epmd, one by one, reaches the keeper by then. Another worker would outlive that. */
#define PAUSE_KILLED_MS 100
#define STEADY_AFTER_MS 10000 /* a worker that served so long did not die again and again */
#define STEADY_RETRY_MS 1000

void keeper_say(const struct keeper *keeper, int level, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    keeper->config->log(level, text);
}

/* ---- what the worker says ---- */

static void keeper_become_ready(struct keeper *keeper)
{
    if (keeper->state != KEEPER_STARTING) {
        return;
    }
    keeper->state = KEEPER_SERVING;
    keeper->deadline_ms = clock_now_ms() + KEEPER_WATCHDOG_MS;
    keeper->steady_ms =
        program_is_on_trial(&keeper->program) ? clock_now_ms() + STEADY_AFTER_MS : 0;
    if (keeper->reload_wanted) {
        kill(keeper->worker, SIGHUP);
    }
    if (!keeper->was_ready) {
        keeper->was_ready = true;
        if (keeper->config->on_ready(keeper->config->argument) != 0) {
            kill(keeper->worker, SIGTERM);
            keeper->state = KEEPER_ENDING;
            keeper->end_status = EXIT_FAILURE;
        }
    }
}

bool keeper_receive(struct keeper *keeper)
{
    struct inbox_news news;
    if (!inbox_take(&keeper->channel, &keeper->hold, &keeper->program, &news)) {
        return false;
    }
    if (news.keep_error < 0) {
        keeper_say(keeper, LOG_ERR, "cannot keep %zu more descriptors: %s", news.n_brought,
                   strerror(-news.keep_error));
    }
    if (news.ready) {
        keeper->worker_renews = news.renews;
        keeper_become_ready(keeper);
    }
    if (news.alive && keeper->state == KEEPER_SERVING) {
        keeper->deadline_ms = clock_now_ms() + KEEPER_WATCHDOG_MS;
    }
    return true;
}

/* ---- the worker's life ---- */

int keeper_start_worker(struct keeper *keeper)
{
    pid_t worker;
    /* The first one is this program as it is in memory: that takes half the time. */
    const struct worker_program program = {
        .serve = keeper->was_ready ? NULL : keeper->config->serve,
        .argument = keeper->config->argument,
        .image = keeper->program.image,
        .argv = keeper->config->argv,
    };
    int end = worker_start(&keeper->hold, &program, KEEPER_WATCHDOG_MS, &worker);
    if (end < 0) {
        return end;
    }
    int status = channel_open(&keeper->channel, keeper->epoll, end);
    if (status < 0) {
        kill(worker, SIGKILL); /* it could not be heard */
        return status;
    }
    keeper->worker = worker;
    keeper->state = KEEPER_STARTING;
    keeper->started_ms = keeper->busy_ms = clock_now_ms();
    keeper->cpu_ms = 0;
    keeper->deadline_ms = keeper->was_ready ? keeper->started_ms + KEEPER_START_LOOK_MS : 0;
    return 0;
}

/* Describes how a process ended, for the log. */
static const char *end_text(int status, char text[64])
{
    if (WIFSIGNALED(status)) {
        snprintf(text, 64, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        snprintf(text, 64, "exit code %d", WEXITSTATUS(status));
    }
    return text;
}

/* Takes what is now on disk for the next worker, and keeps the old program at hand. */
static void keeper_renew_program(struct keeper *keeper)
{
    keeper->reload_wanted = false;
    int status = program_renew(&keeper->program);
    keeper->is_older |= status == 0;
    if (status < 0) {
        keeper_say(keeper, LOG_ERR, "cannot open %s: %s; going on with the old one",
                   keeper->program.path, strerror(-status));
    }
}

/* Gives up a new program that does not last. Returns false where there was none. */
static bool keeper_fall_back(struct keeper *keeper)
{
    if (!program_fall_back(&keeper->program)) {
        return false;
    }
    keeper_say(keeper, LOG_ERR, "the new %s does not work; going on with the old one",
               keeper->program.path);
    keeper->is_older = false;
    return true;
}

/* A worker that dies again and again is given more and more time in between. */
static int keeper_next_pause(struct keeper *keeper)
{
    bool steady = clock_now_ms() - keeper->started_ms >= STEADY_AFTER_MS;
    int pause_ms = steady ? 0 : keeper->pause_ms;
    int longer_ms = pause_ms ? pause_ms * 2 : PAUSE_FIRST_MS;
    keeper->pause_ms = longer_ms < PAUSE_MAX_MS ? longer_ms : PAUSE_MAX_MS;
    return pause_ms;
}

static void keeper_plan_start(struct keeper *keeper, int pause_ms)
{
    keeper_say(keeper, LOG_INFO, "starting the worker again in %d ms", pause_ms);
    keeper->state = KEEPER_PAUSING;
    keeper->deadline_ms = clock_now_ms() + pause_ms;
}

void keeper_end_pause(struct keeper *keeper)
{
    if (keeper->reload_wanted) {
        keeper_renew_program(keeper);
    }
    int status = keeper_start_worker(keeper);
    if (status < 0) {
        keeper_say(keeper, LOG_ERR, "cannot start the worker: %s", strerror(-status));
        keeper_plan_start(keeper, PAUSE_MAX_MS);
    }
}

static bool was_killed(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* Whether a signal ended it that was meant to, but came before there was a handler. */
static bool was_asked_to_end(int status)
{
    return WIFSIGNALED(status) && (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT);
}

int keeper_on_worker_end(struct keeper *keeper, int status)
{
    channel_flush(&keeper->channel);
    while (keeper_receive(keeper)) {
        /* what it handed over before it ended counts */
    }
    channel_close(&keeper->channel);
    keeper->worker = -1;
    keeper->steady_ms = 0;
    if (keeper->state == KEEPER_ENDING || was_asked_to_end(status)) {
        return keeper->end_status;
    }
    if (!keeper->was_ready) {
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
    }
    bool served = keeper->state == KEEPER_SERVING;
    if (served && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
        return EXIT_SUCCESS;
    }
    if (served && WIFEXITED(status) && WEXITSTATUS(status) == KEEPER_EXIT_RELOAD) {
        keeper_renew_program(keeper);
        keeper_plan_start(keeper, 0);
        return -1;
    }
    char text[64];
    keeper_say(keeper, LOG_ERR, "the worker ended: %s", end_text(status, text));
    int pause_ms = keeper_fall_back(keeper) ? 0 : keeper_next_pause(keeper);
    int least_ms = was_killed(status) ? PAUSE_KILLED_MS : 0;
    keeper_plan_start(keeper, pause_ms > least_ms ? pause_ms : least_ms);
    return -1;
}

/* Has this process become the program that its worker runs. Returns only where it has not. */
static void keeper_renew(struct keeper *keeper)
{
    const struct takeover takeover = {.worker = keeper->worker,
                                      .channel = keeper->channel.fd,
                                      .image = keeper->program.image,
                                      .end = hold_end(&keeper->hold),
                                      .path = keeper->program.path};
    keeper->is_older = false;
    int status = takeover_exec(&takeover, &keeper->hold, keeper->config->argv);
    keeper_say(keeper, LOG_WARNING, "cannot become the new %s: %s; staying the old one",
               keeper->program.path, strerror(-status));
}

void keeper_settle(struct keeper *keeper)
{
    keeper->steady_ms = 0;
    program_settle(&keeper->program);
    if (channel_is_busy(&keeper->channel)) {
        keeper->steady_ms = clock_now_ms() + STEADY_RETRY_MS; /* an answer would be lost */
    } else if (keeper->is_older && keeper->worker_renews) {
        keeper_renew(keeper);
    }
}
