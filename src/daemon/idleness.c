/* SPDX-License-Identifier: Apache-2.0 */
/* For how long no node has been registered. */
#include "daemon/idleness.h"

#include "system/clock.h"

static int64_t left_ms(const struct idleness *idleness)
{
    return idleness->since_ms + (int64_t)idleness->config.limit_s * 1000 - clock_now_ms();
}

bool idleness_is_over(const struct idleness *idleness)
{
    return idleness->since_ms > 0 && left_ms(idleness) <= 0;
}

void idleness_await(struct idleness *idleness)
{
    int64_t ms = left_ms(idleness);
    if (idleness->since_ms == 0) {
        return;
    }
    ms = ms > 0 ? ms : 0;
    const struct timeval left = clock_interval(ms);
    event_add(&idleness->timer, &left);
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    struct idleness *idleness = argument;
    if (idleness_is_over(idleness)) {
        idleness->config.over(idleness->config.argument);
    } else {
        idleness_await(idleness); /* the loop's clock is coarse, and may run ahead */
    }
}

void idleness_look(struct idleness *idleness)
{
    if (idleness->config.limit_s == 0) {
        return;
    }
    bool is_idle = idleness->config.registry->n_live == 0;
    if (is_idle == (idleness->since_ms > 0)) {
        return;
    }
    idleness->since_ms = is_idle ? clock_now_ms() : 0;
    store_note_idle(idleness->config.store, idleness->since_ms);
    event_del(&idleness->timer);
    idleness_await(idleness);
}

void idleness_start(struct idleness *idleness, const struct idleness_config *config)
{
    int64_t noted_ms = store_idle_since(config->store);
    *idleness = (struct idleness){.config = *config};
    evtimer_assign(&idleness->timer, config->base, on_timer, idleness);
    if (config->limit_s == 0) {
        idleness_forget(idleness); /* this process does not keep it true */
        return;
    }
    if (noted_ms <= clock_now_ms()) {
        idleness->since_ms = noted_ms;
    }
    idleness_look(idleness);
    idleness_await(idleness);
}

void idleness_forget(struct idleness *idleness)
{
    idleness->since_ms = 0;
    store_note_idle(idleness->config.store, 0);
}

void idleness_deinit(struct idleness *idleness)
{
    if (event_initialized(&idleness->timer)) {
        event_del(&idleness->timer);
    }
    *idleness = (struct idleness){0};
}
