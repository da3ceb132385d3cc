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

/* What slow readers may hold of our memory, counted as if nobody shared a listing. */
#define WAITING_MAX ((size_t)64 << 20)

#define FEW_DESCRIPTORS "descriptors run short"

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

/* How many connections nodes leave to those who ask. */
static size_t capacity_asking(const struct capacity *capacity)
{
    size_t asking = capacity->max_connections / 8;
    asking = asking < ASKING_MIN ? ASKING_MIN : asking;
    return asking > ASKING_MAX ? ASKING_MAX : asking;
}

int capacity_init(struct capacity *capacity, struct event_base *base,
                  const struct capacity_limits *limits, const uint8_t seed[HASH_SEED_SIZE])
{
    int n_open = count_descriptors();
    if (n_open < 0) {
        return n_open;
    }
    bool has_holes = (size_t)n_open < limits->n_inherited;
    size_t others = has_holes ? 0 : (size_t)n_open - limits->n_inherited;
    size_t taken = others + DESCRIPTORS_BESIDE + limits->n_reserved;
    if (limits->max_descriptors < taken + 2 * ASKING_MIN) {
        return -EMFILE;
    }
    *capacity = (struct capacity){
        .max_connections = limits->max_descriptors - taken,
        .timeout_ms = (int64_t)limits->timeout_s * 1000,
    };
    capacity->for_local = capacity_asking(capacity) / 2;
    quota_init(&capacity->quota, limits->max_per_host, seed);
    evtimer_assign(&capacity->timer, base, on_timer, capacity);
    return 0;
}

size_t capacity_max_registered(const struct capacity *capacity)
{
    return capacity->max_connections - capacity_asking(capacity);
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
        connection_free(oldest, REPORT_END_EXPIRED);
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
    connection_give_way(oldest, FEW_DESCRIPTORS);
    return true;
}

static bool make_room_for_remote(struct capacity *capacity)
{
    if (capacity->n_connections < capacity->max_connections - capacity->for_local) {
        return true;
    }
    if (!capacity->queues[CAPACITY_REMOTE]) {
        return false;
    }
    connection_give_way(capacity->queues[CAPACITY_REMOTE], FEW_DESCRIPTORS);
    return true;
}

enum refusal capacity_make_room(struct capacity *capacity, const struct listener_peer *peer)
{
    bool has_room;
    if (peer->local) {
        has_room = capacity->n_connections < capacity->max_connections || capacity_evict(capacity);
    } else if (quota_allows(&capacity->quota, &peer->peer.address)) {
        has_room = make_room_for_remote(capacity);
    } else {
        return REFUSAL_TOO_MANY;
    }
    return has_room ? REFUSAL_NONE : REFUSAL_NO_ROOM;
}

void capacity_wait_more(struct capacity *capacity, size_t len)
{
    capacity->n_waiting += len;
}

void capacity_bound_waiting(struct capacity *capacity)
{
    struct connection *oldest;
    while (capacity->n_waiting > WAITING_MAX && (oldest = oldest_unfinished(capacity))) {
        connection_give_way(oldest, "too much waits to be read");
    }
}

void capacity_wait_less(struct capacity *capacity, size_t len)
{
    capacity->n_waiting -= len;
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
    if (queue == CAPACITY_REMOTE) {
        quota_take(&capacity->quota, &connection->session.peer.address);
    }
    bool timed = queue == CAPACITY_REMOTE || queue == CAPACITY_LOCAL;
    if (timed && !event_pending(&capacity->timer, EV_TIMEOUT, NULL)) {
        arm_timer(capacity, connection->started_ms);
    }
}

/* The timer may now be too early, which costs one wake-up; it is never too late. */
static void dequeue(struct capacity *capacity, struct connection *connection)
{
    if (connection->queue == CAPACITY_NONE) {
        return;
    }
    DL_DELETE(capacity->queues[connection->queue], connection);
    if (connection->queue == CAPACITY_REMOTE) {
        quota_give_back(&capacity->quota, &connection->session.peer.address);
    }
    if (capacity_is_idle(capacity)) {
        event_del(&capacity->timer);
    }
}

void capacity_add(struct capacity *capacity, struct connection *connection)
{
    capacity->n_connections++;
    connection->queue = CAPACITY_NONE;
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
            connection_end_with_daemon(capacity->queues[queue]);
        }
    }
}
