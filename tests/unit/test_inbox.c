/* SPDX-License-Identifier: Apache-2.0 */
/* What a keeper keeps of what it is sent, and what it answers. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/linux/inbox.h"
#include "unit.h"

/* A keeper's parts, and the worker's end of the channel. */
struct pair {
    int worker, epoll;
    struct channel channel;
    struct hold hold;
    struct program program;
};

static int set_up(void **state)
{
    static struct pair pair;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    pair.worker = ends[1];
    pair.epoll = epoll_create1(EPOLL_CLOEXEC);
    assert_int_equal(channel_open(&pair.channel, pair.epoll, ends[0]), 0);
    hold_init(&pair.hold, pair.epoll);
    assert_int_equal(program_open(&pair.program, strdup("/bin/sh")), 0);
    *state = &pair;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *pair = *state;
    for (int fd = 3; fd < hold_end(&pair->hold); fd++) {
        hold_drop(&pair->hold, fd);
    }
    hold_deinit(&pair->hold);
    channel_close(&pair->channel);
    close(pair->worker);
    close(pair->epoll);
    close(pair->program.image);
    program_close(&pair->program);
    return 0;
}

static void say(const struct pair *pair, const char *text, const int *fds, size_t n_fds)
{
    assert_int_equal(notify_send(pair->worker, text, fds, n_fds), 0);
}

/* Sends a message, numbered if it is to be answered. */
static void store(const struct pair *pair, uint64_t number, const int *fds, size_t n_fds)
{
    char text[100] = "FDSTORE=1\nFDNAME=n\n";
    if (number > 0) {
        snprintf(text, sizeof text, "FDSTORE=1\nFDNAME=n\nCONFIRM=%" PRIu64 "\n", number);
    }
    say(pair, text, fds, n_fds);
}

static struct inbox_news take(struct pair *pair)
{
    struct inbox_news news;
    assert_true(inbox_take(&pair->channel, &pair->hold, &pair->program, &news));
    return news;
}

static bool has_news(struct pair *pair)
{
    struct inbox_news news;
    return inbox_take(&pair->channel, &pair->hold, &pair->program, &news);
}

static struct notify_answer answer(const struct pair *pair)
{
    struct notify_answer answer;
    assert_int_equal(notify_receive_answer(pair->worker, &answer), 0);
    return answer;
}

static void assert_no_answer(const struct pair *pair)
{
    struct notify_answer answer;
    assert_int_equal(notify_receive_answer(pair->worker, &answer), -EAGAIN);
}

static int n_held(const struct pair *pair)
{
    int n = 0;
    for (int fd = 0; fd < hold_end(&pair->hold); fd++) {
        n += hold_has(&pair->hold, fd);
    }
    return n;
}

static void what_is_kept_is_confirmed(void **state)
{
    struct pair *pair = *state;
    const int fds[] = {pair->worker, pair->worker};
    store(pair, 7, fds, 2);
    assert_int_equal(take(pair).keep_error, 0);
    struct notify_answer got = answer(pair);
    assert_int_equal(got.number, 7);
    assert_int_equal(got.error, 0);
    assert_int_equal(n_held(pair), 2);
}

/* As versions that know nothing of answers send it. */
static void a_message_without_a_number_is_not_answered(void **state)
{
    struct pair *pair = *state;
    store(pair, 0, &pair->worker, 1);
    take(pair);
    say(pair, "READY=1\n", NULL, 0);
    struct inbox_news news = take(pair);
    assert_true(news.ready && !news.renews && !news.alive);
    assert_no_answer(pair);
    assert_int_equal(n_held(pair), 1);
}

/* A descriptor that cannot be watched would never be dropped. */
static void what_cannot_be_watched_is_refused_whole(void **state)
{
    struct pair *pair = *state;
    const int fds[] = {pair->worker, pair->worker};
    pair->hold.epoll = -1;
    store(pair, 8, fds, 2);
    struct inbox_news news = take(pair);
    assert_int_equal(news.keep_error, -EBADF);
    assert_int_equal(news.n_brought, 2);
    struct notify_answer got = answer(pair);
    assert_int_equal(got.number, 8);
    assert_int_equal(got.error, -EBADF);
    assert_string_equal(got.reason, "Bad file descriptor");
    assert_int_equal(n_held(pair), 0);
}

static void what_finds_no_number_is_refused_whole(void **state)
{
    struct pair *pair = *state;
    struct rlimit before, tight;
    const int fds[] = {pair->worker, pair->worker, pair->worker};
    store(pair, 9, fds, 3);
    getrlimit(RLIMIT_NOFILE, &before);
    tight = before;
    int next = dup(pair->worker);
    close(next);
    tight.rlim_cur = (rlim_t)next + 2; /* room for two */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    struct inbox_news news = take(pair);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(news.keep_error, -EMFILE);
    assert_int_equal(answer(pair).error, -EMFILE);
    assert_int_equal(n_held(pair), 0);
    assert_int_equal(dup(pair->worker), next); /* none is left open */
    close(next);
}

/* The worker's duplicate is still open: it would keep the descriptor in the epoll set, which
 * tells of its end again and again, under a number that may be another's by then. */
static void what_is_dropped_is_watched_no_longer(void **state)
{
    struct pair *pair = *state;
    struct epoll_event event;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    store(pair, 0, &ends[0], 1);
    take(pair);
    close(ends[1]);
    assert_int_equal(epoll_wait(pair->epoll, &event, 1, 1000), 1);
    assert_true(hold_has(&pair->hold, event.data.fd));
    hold_drop(&pair->hold, event.data.fd);
    assert_int_equal(epoll_wait(pair->epoll, &event, 1, 0), 0);
    assert_int_equal(n_held(pair), 0);
    close(ends[0]);
}

/* A worker that asks and does not read: the keeper never blocks, and takes all it is sent. */
static void confirmations_are_merged_where_the_worker_does_not_read(void **state)
{
    struct pair *pair = *state;
    for (uint64_t number = 1; number <= 5000; number++) {
        store(pair, number, NULL, 0);
        take(pair);
    }
    uint64_t last = 0;
    struct notify_answer got;
    while (last < 5000) {
        int status = notify_receive_answer(pair->worker, &got);
        if (status == -EAGAIN) {
            channel_flush(&pair->channel);
            continue;
        }
        assert_int_equal(status, 0);
        assert_int_equal(got.error, 0);
        assert_true(got.number > last);
        last = got.number;
    }
    assert_no_answer(pair);
}

/* No confirmation overtakes it, for that would stand for the refused message, too. */
static void a_refusal_comes_before_what_follows_it(void **state)
{
    struct pair *pair = *state;
    uint64_t number = 0;
    while (pair->channel.confirmed == 0) {
        store(pair, ++number, NULL, 0);
        take(pair);
    }
    pair->hold.epoll = -1;
    const uint64_t bad = ++number, later = ++number;
    store(pair, bad, &pair->worker, 1);
    take(pair);
    store(pair, later, NULL, 0);
    assert_false(has_news(pair)); /* it waits until the refusal has been sent */
    bool refused = false;
    for (struct notify_answer got = {.number = 0}; got.number != later;) {
        if (notify_receive_answer(pair->worker, &got) == -EAGAIN) {
            channel_flush(&pair->channel);
            has_news(pair);
            continue;
        }
        assert_int_equal(got.error != 0, got.number == bad);
        assert_true(got.number < later || refused);
        refused |= got.number == bad;
    }
}

static void it_tells_whether_a_reload_can_be_done(void **state)
{
    struct pair *pair = *state;
    say(pair, NOTIFY_ASK_RELOAD NOTIFY_CONFIRM "3\n", NULL, 0);
    take(pair);
    assert_int_equal(answer(pair).error, 0);

    free(pair->program.path);
    pair->program.path = strdup("/gone/with\na line/epmd");
    say(pair, NOTIFY_ASK_RELOAD NOTIFY_CONFIRM "4\n", NULL, 0);
    take(pair);
    struct notify_answer got = answer(pair);
    assert_int_equal(got.number, 4);
    assert_int_equal(got.error, -ENOENT);
    assert_string_equal(got.reason, "/gone/with?a line/epmd: No such file or directory; "
                                    "put the new program there");

    free(pair->program.path);
    pair->program.path = strdup("/dev/null");
    say(pair, NOTIFY_ASK_RELOAD NOTIFY_CONFIRM "5\n", NULL, 0);
    take(pair);
    assert_int_equal(answer(pair).error, -EACCES);
}

static void what_is_no_answer_is_told_apart(void **state)
{
    static const char *const wrong[] = {"",
                                        "READY=1\n",
                                        "CONFIRMED=\n",
                                        "CONFIRMED=0\n",
                                        "CONFIRMED=1x\n",
                                        "REFUSED=-1\nERRNO=1\n",
                                        "CONFIRMED=99999999999999999999\n"};
    const struct pair *pair = *state;
    struct notify_answer got;
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", *wrong[i] ? wrong[i] : "\n");
        assert_int_equal(notify_send(pair->channel.fd, text, NULL, 0), 0);
        assert_int_equal(notify_receive_answer(pair->worker, &got), -EBADMSG);
    }
    assert_int_equal(notify_send(pair->channel.fd, "REFUSED=2\n", NULL, 0), 0);
    assert_int_equal(notify_receive_answer(pair->worker, &got), 0);
    assert_int_equal(got.error, -EIO);
    assert_string_equal(got.reason, "");
}

static void a_keeper_that_has_gone_is_told(void **state)
{
    struct pair *pair = *state;
    struct notify_answer got;
    channel_close(&pair->channel);
    assert_int_equal(notify_receive_answer(pair->worker, &got), -EPIPE);
}

static void too_many_descriptors_are_an_error(void **state)
{
    const struct pair *pair = *state;
    int fds[NOTIFY_FDS_SENT_MAX + 1];
    for (size_t i = 0; i < LENGTH(fds); i++) {
        fds[i] = pair->worker;
    }
    assert_int_equal(notify_send(pair->worker, "FDSTORE=1\n", fds, LENGTH(fds)), -E2BIG);
    assert_int_equal(notify_send(pair->worker, "FDSTORE=1\n", fds, LENGTH(fds) - 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_kept_is_confirmed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_message_without_a_number_is_not_answered, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_watched_is_refused_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_finds_no_number_is_refused_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_dropped_is_watched_no_longer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(confirmations_are_merged_where_the_worker_does_not_read,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_comes_before_what_follows_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_tells_whether_a_reload_can_be_done, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_answer_is_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_keeper_that_has_gone_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_descriptors_are_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
