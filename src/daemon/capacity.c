/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections there may be, and which one is evicted. */
#include "daemon/capacity.h"

#include <errno.h>
#include <unistd.h>
#include <utlist.h>

#include "system/clock.h"

/* Descriptors that come and go beside the connections: syslog's, the notify socket. */
#define DESCRIPTORS_BESIDE 4

/* What nodes leave to peers that ask: an eighth, within these bounds. */
#define ASKING_MIN ((size_t)8)
#define ASKING_MAX ((size_t)1024)

/* What slow readers may hold of our memory, counted as if no two of them shared a listing. */
#define UNSENT_MAX ((size_t)64 << 20)

/* Scrapes come from a few monitors, and each is done at once. */
#define SCRAPES_MAX 16
#define SCRAPE_TIMEOUT_MS 5000

/* How many of the oldest are looked at to find one that has come less far. */
#define LOOKED_AT_MAX 64

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

/* How many connections nodes leave to peers that ask. */
static size_t capacity_asking(const struct capacity *capacity)
{
    size_t asking = capacity->max_connections / 8;
    asking = asking < ASKING_MIN ? ASKING_MIN : asking;
    return asking > ASKING_MAX ? ASKING_MAX : asking;
}

int capacity_init(struct capacity *capacity, struct event_base *base,
                  const struct capacity_hooks *hooks, const struct capacity_limits *limits,
                  const uint8_t seed[HASH_SEED_SIZE])
{
    int n_open = count_descriptors();
    if (n_open < 0) {
        return n_open;
    }
    bool has_holes = (size_t)n_open < limits->n_inherited;
    size_t others = has_holes ? 0 : (size_t)n_open - limits->n_inherited;
    size_t taken = others + DESCRIPTORS_BESIDE + (limits->scrapes ? SCRAPES_MAX : 0);
    if (limits->max_descriptors < taken + 2 * ASKING_MIN) {
        return -EMFILE;
    }
    *capacity = (struct capacity){
        .hooks = *hooks,
        .max_connections = limits->max_descriptors - taken,
        .timeout_ms = (int64_t)limits->timeout_s * 1000,
    };
    size_t max_registered = capacity_max_registered(capacity);
    capacity->for_local = capacity_asking(capacity) / 2;
    capacity->max_remote_nodes = max_registered - max_registered * limits->for_local / 100;
    quota_init(&capacity->unfinished, limits->max_per_host, seed);
    quota_init(&capacity->registered, limits->max_registered, seed);
    evtimer_assign(&capacity->timer, base, on_timer, capacity);
    return 0;
}

void capacity_deinit(struct capacity *capacity)
{
    if (event_initialized(&capacity->timer)) {
        event_del(&capacity->timer);
    }
}

size_t capacity_max_registered(const struct capacity *capacity)
{
    return capacity->max_connections - capacity_asking(capacity);
}

/* ---- time ---- */

static bool is_unfinished(enum capacity_queue queue)
{
    return queue != CAPACITY_NONE && queue != CAPACITY_KEPT;
}

static int64_t deadline_ms(const struct capacity *capacity, const struct capacity_slot *slot)
{
    bool is_short = slot->queue == CAPACITY_SCRAPE && capacity->timeout_ms > SCRAPE_TIMEOUT_MS;
    return slot->since_ms + (is_short ? SCRAPE_TIMEOUT_MS : capacity->timeout_ms);
}

/* The unfinished connection whose time is over first, or NULL. */
static struct capacity_slot *first_to_expire(const struct capacity *capacity)
{
    struct capacity_slot *first = NULL;
    for (int queue = CAPACITY_SCRAPE; queue <= CAPACITY_COMPLETE; queue++) {
        struct capacity_slot *oldest = capacity->queues[queue];
        if (oldest && (!first || deadline_ms(capacity, oldest) < deadline_ms(capacity, first))) {
            first = oldest;
        }
    }
    return first;
}

static void arm_timer(struct capacity *capacity, int64_t now_ms)
{
    const struct capacity_slot *first = first_to_expire(capacity);
    if (!first) {
        event_del(&capacity->timer);
        return;
    }
    int64_t left_ms = deadline_ms(capacity, first) - now_ms;
    left_ms = left_ms < 0 ? 0 : left_ms;
    struct timeval left = clock_interval(left_ms);
    event_add(&capacity->timer, &left);
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    struct capacity *capacity = argument;
    int64_t now_ms = clock_now_ms();
    struct capacity_slot *first;
    while ((first = first_to_expire(capacity)) && deadline_ms(capacity, first) <= now_ms) {
        capacity->hooks.evict(capacity->hooks.argument, first, CAPACITY_EXPIRED);
    }
    arm_timer(capacity, now_ms);
}

/* ---- eviction ---- */

/* The oldest of those that have come least far: a peer that has said almost nothing for
 * longest loses the least. A flood of such connections leaves the others alone. */
static struct capacity_slot *least_begun(struct capacity_slot *queue)
{
    int n_looked_at = 0;
    struct capacity_slot *least = queue, *slot;
    DL_FOREACH (queue, slot) {
        least = slot->progress < least->progress ? slot : least;
        if (least->progress == CAPACITY_SILENT || n_looked_at++ == LOOKED_AT_MAX) {
            break;
        }
    }
    return least;
}

/* The newest of the host that has the most: a host that takes all there is takes it from
 * itself. */
static struct capacity_slot *newest_of_most(const struct capacity *capacity)
{
    struct quota_share *share = quota_newest_of_most(&capacity->unfinished);
    return share ? (struct capacity_slot *)((char *)share - offsetof(struct capacity_slot, share))
                 : capacity->queues[CAPACITY_REMOTE];
}

static bool evict(struct capacity *capacity, struct capacity_slot *slot, enum capacity_why why)
{
    if (slot) {
        capacity->hooks.evict(capacity->hooks.argument, slot, why);
    }
    return slot != NULL;
}

static bool evict_remote(struct capacity *capacity)
{
    struct capacity_slot *scrape = capacity->queues[CAPACITY_SCRAPE];
    return evict(capacity, scrape ? scrape : newest_of_most(capacity), CAPACITY_FEW_DESCRIPTORS);
}

bool capacity_evict(struct capacity *capacity)
{
    struct capacity_slot *const *queues = capacity->queues;
    return evict_remote(capacity) ||
           evict(capacity, least_begun(queues[CAPACITY_LOCAL]), CAPACITY_FEW_DESCRIPTORS) ||
           evict(capacity, queues[CAPACITY_COMPLETE], CAPACITY_FEW_DESCRIPTORS);
}

enum refusal capacity_make_room(struct capacity *capacity, const struct address *host)
{
    bool has_room;
    if (!host) {
        has_room = capacity->n_connections < capacity->max_connections || capacity_evict(capacity);
    } else if (quota_allows(&capacity->unfinished, host)) {
        has_room = capacity->n_connections < capacity->max_connections - capacity->for_local ||
                   evict_remote(capacity);
    } else {
        return REFUSAL_TOO_MANY;
    }
    return has_room ? REFUSAL_NONE : REFUSAL_NO_ROOM;
}

void capacity_make_room_for_scrape(struct capacity *capacity)
{
    if (capacity->n_scrapes >= SCRAPES_MAX) {
        evict(capacity, capacity->queues[CAPACITY_SCRAPE], CAPACITY_FEW_SCRAPES);
    }
}

/* ---- what peers have yet to read ---- */

static struct capacity_slot *most_unsent(const struct capacity *capacity)
{
    struct capacity_slot *most = NULL, *slot;
    for (int queue = CAPACITY_SCRAPE; queue <= CAPACITY_LOCAL; queue++) {
        DL_FOREACH (capacity->queues[queue], slot) {
            if (slot->unsent_len > (most ? most->unsent_len : 0)) {
                most = slot;
            }
        }
    }
    return most;
}

void capacity_count_unsent(struct capacity *capacity, struct capacity_slot *slot, size_t len)
{
    capacity->unsent_len += len - slot->unsent_len;
    slot->unsent_len = len;
}

void capacity_bound_unsent(struct capacity *capacity)
{
    while (capacity->unsent_len > UNSENT_MAX &&
           evict(capacity, most_unsent(capacity), CAPACITY_MUCH_UNSENT)) {
        /* the one that holds most goes first */
    }
}

/* ---- queues ---- */

static void enqueue(struct capacity *capacity, struct capacity_slot *slot,
                    enum capacity_queue queue)
{
    slot->queue = queue;
    slot->since_ms = clock_now_ms();
    DL_APPEND(capacity->queues[queue], slot);
    if (queue == CAPACITY_REMOTE) {
        quota_take(&capacity->unfinished, &slot->share, slot->host);
    }
    if (is_unfinished(queue) && !event_pending(&capacity->timer, EV_TIMEOUT, NULL)) {
        arm_timer(capacity, slot->since_ms);
    }
}

/* The timer may now be too early, which costs one wake-up; it is never too late: a scrape,
 * whose time is shorter, arms it anew. */
static void dequeue(struct capacity *capacity, struct capacity_slot *slot)
{
    if (slot->queue == CAPACITY_NONE) {
        return;
    }
    DL_DELETE(capacity->queues[slot->queue], slot);
    quota_give_back(&capacity->unfinished, &slot->share);
    if (is_unfinished(slot->queue) && !first_to_expire(capacity)) {
        event_del(&capacity->timer);
    }
}

void capacity_add(struct capacity *capacity, struct capacity_slot *slot, const struct address *host,
                  bool is_scrape)
{
    slot->host = host;
    slot->is_scrape = is_scrape;
    slot->progress = CAPACITY_NEW;
    capacity->n_connections += !is_scrape;
    capacity->n_scrapes += is_scrape;
}

void capacity_restart(struct capacity *capacity, struct capacity_slot *slot,
                      enum capacity_queue queue)
{
    dequeue(capacity, slot);
    enqueue(capacity, slot, queue);
    if (queue == CAPACITY_SCRAPE) {
        arm_timer(capacity, slot->since_ms);
    }
}

void capacity_move(struct capacity *capacity, struct capacity_slot *slot, enum capacity_queue queue)
{
    if (slot->queue != queue) {
        capacity_restart(capacity, slot, queue);
    }
}

void capacity_await_turn(struct capacity *capacity, struct capacity_slot *slot, bool peer_has_ended)
{
    enum capacity_queue queue = slot->host ? CAPACITY_REMOTE : CAPACITY_COMPLETE;
    if (queue == CAPACITY_COMPLETE && peer_has_ended) {
        queue = CAPACITY_LOCAL;
        slot->progress = CAPACITY_NEW;
    }
    capacity_move(capacity, slot, queue);
}

void capacity_remove(struct capacity *capacity, struct capacity_slot *slot)
{
    capacity->n_connections -= !slot->is_scrape;
    capacity->n_scrapes -= slot->is_scrape;
    capacity->unsent_len -= slot->unsent_len;
    dequeue(capacity, slot);
    if (slot->is_registered && slot->host) {
        quota_give_back(&capacity->registered, &slot->registered);
        capacity->n_remote_nodes--;
    }
}

struct capacity_slot *capacity_any(const struct capacity *capacity)
{
    for (int queue = CAPACITY_NONE; queue < CAPACITY_QUEUES; queue++) {
        if (capacity->queues[queue]) {
            return capacity->queues[queue];
        }
    }
    return NULL;
}

/* ---- registrations ---- */

enum refusal capacity_may_register(const struct capacity *capacity,
                                   const struct capacity_slot *slot)
{
    if (!slot->host) {
        return REFUSAL_NONE;
    }
    if (!quota_allows(&capacity->registered, slot->host)) {
        return REFUSAL_HOST_FULL;
    }
    return capacity->n_remote_nodes < capacity->max_remote_nodes ? REFUSAL_NONE
                                                                 : REFUSAL_KEPT_FOR_LOCAL;
}

void capacity_register(struct capacity *capacity, struct capacity_slot *slot)
{
    slot->is_registered = true;
    if (slot->host) {
        quota_take(&capacity->registered, &slot->registered, slot->host);
        capacity->n_remote_nodes++;
    }
}
