/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections there may be, and which one goes first. */
#include "daemon/capacity.h"

#include <errno.h>
#include <unistd.h>
#include <utlist.h>

#include "daemon/connection.h"
#include "system/clock.h"

/* Descriptors that come and go beside the connections: syslog's, the notify socket. */
#define DESCRIPTORS_BESIDE 4

/* What nodes leave to those who ask: an eighth, within these bounds. */
#define ASKING_MIN ((size_t)8)
#define ASKING_MAX ((size_t)1024)

static void on_timer(evutil_socket_t fd, short what, void *argument);

/* Returns how many descriptors are open: the lowest free number is taken next. */
static int count_descriptors(void)
{
    int lowest_free = dup(STDERR_FILENO);
    if (lowest_free < 0) {
        return -errno;
    }
    close(lowest_free);
    return lowest_free;
}

int capacity_init(struct capacity *capacity, struct event_base *base, size_t max_descriptors,
                  size_t n_inherited, unsigned timeout_s)
{
    int n_open = count_descriptors();
    if (n_open < 0) {
        return n_open;
    }
    size_t taken = (size_t)n_open - n_inherited + DESCRIPTORS_BESIDE;
    if (max_descriptors < taken + 2 * ASKING_MIN) {
        return -EMFILE;
    }
    *capacity = (struct capacity){
        .max_connections = max_descriptors - taken,
        .timeout_ms = (int64_t)timeout_s * 1000,
    };
    evtimer_assign(&capacity->timer, base, on_timer, capacity);
    return 0;
}

size_t capacity_max_registered(const struct capacity *capacity)
{
    size_t asking = capacity->max_connections / 8;
    asking = asking < ASKING_MIN ? ASKING_MIN : asking;
    asking = asking > ASKING_MAX ? ASKING_MAX : asking;
    return capacity->max_connections - asking;
}

static struct connection *oldest_unfinished(const struct capacity *capacity)
{
    const struct connection *remote = capacity->queues[CAPACITY_REMOTE];
    const struct connection *local = capacity->queues[CAPACITY_LOCAL];
    bool remote_is_older = remote && (!local || remote->started_ms <= local->started_ms);
    return capacity->queues[remote_is_older ? CAPACITY_REMOTE : CAPACITY_LOCAL];
}

/* Arms the timer for the oldest unfinished connection's deadline. */
static void arm_timer(struct capacity *capacity, int64_t now_ms)
{
    const struct connection *oldest = oldest_unfinished(capacity);
    if (!oldest) {
        event_del(&capacity->timer);
        return;
    }
    int64_t left_ms = oldest->started_ms + capacity->timeout_ms - now_ms;
    left_ms = left_ms < 0 ? 0 : left_ms;
    struct timeval left = {.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000};
    event_add(&capacity->timer, &left);
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    struct capacity *capacity = argument;
    int64_t now_ms = clock_now_ms();
    struct connection *oldest;
    while ((oldest = oldest_unfinished(capacity)) &&
           oldest->started_ms + capacity->timeout_ms <= now_ms) {
        connection_expire(oldest);
    }
    arm_timer(capacity, now_ms);
}

bool capacity_evict(struct capacity *capacity)
{
    struct connection *remote = capacity->queues[CAPACITY_REMOTE];
    struct connection *oldest = remote ? remote : capacity->queues[CAPACITY_LOCAL];
    if (!oldest) {
        return false;
    }
    connection_give_way(oldest);
    return true;
}

bool capacity_make_room(struct capacity *capacity)
{
    return capacity->n_connections < capacity->max_connections || capacity_evict(capacity);
}

bool capacity_is_idle(const struct capacity *capacity)
{
    return !capacity->queues[CAPACITY_REMOTE] && !capacity->queues[CAPACITY_LOCAL];
}

static void enqueue(struct capacity *capacity, struct connection *connection,
                    enum capacity_queue queue)
{
    connection->queue = queue;
    connection->started_ms = clock_now_ms();
    DL_APPEND(capacity->queues[queue], connection);
    bool timed = queue == CAPACITY_REMOTE || queue == CAPACITY_LOCAL;
    if (timed && !event_pending(&capacity->timer, EV_TIMEOUT, NULL)) {
        arm_timer(capacity, connection->started_ms);
    }
}

/* The timer may now be too early, which costs one wake-up; it is never too late. */
static void dequeue(struct capacity *capacity, struct connection *connection)
{
    DL_DELETE(capacity->queues[connection->queue], connection);
    if (capacity_is_idle(capacity)) {
        event_del(&capacity->timer);
    }
}

void capacity_add(struct capacity *capacity, struct connection *connection,
                  enum capacity_queue queue)
{
    capacity->n_connections++;
    enqueue(capacity, connection, queue);
}

void capacity_move(struct capacity *capacity, struct connection *connection,
                   enum capacity_queue queue)
{
    dequeue(capacity, connection);
    enqueue(capacity, connection, queue);
}

void capacity_remove(struct capacity *capacity, struct connection *connection)
{
    capacity->n_connections--;
    dequeue(capacity, connection);
}

void capacity_close_all(struct capacity *capacity)
{
    for (int queue = 0; queue < CAPACITY_QUEUES; queue++) {
        while (capacity->queues[queue]) {
            connection_free(capacity->queues[queue]);
        }
    }
}
