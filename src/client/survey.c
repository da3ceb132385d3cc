/* SPDX-License-Identifier: Apache-2.0 */
/* The epmds of many hosts, all asked at once for their nodes. */
#include "client/survey.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/names_reply.h"
#include "client/request.h"
#include "client/target.h"
#include "system/clock.h"
#include "system/descriptors.h"

#define DESCRIPTORS_BESIDE 16 /* standard streams, the loop's own, files of the C library */
#define THREADS_MAX 64
#define DESCRIPTORS_PER_FOUR 4 /* a fourth of the descriptors is enough for the resolver */

static void host_ask(struct survey_host *host);
static void host_look_up(struct survey_host *host);

/* ---- the end of a host ---- */

static void host_end(struct survey_host *host)
{
    struct survey *survey = host->survey;
    if (host->addresses) {
        freeaddrinfo(host->addresses);
        host->addresses = NULL;
    }
    *(host->status == 0 ? &survey->n_answered : &survey->n_failed) += 1;
    survey->n_nodes += host->list.n;
    survey->n_done++;
    if (survey->n_done == survey->n) {
        event_base_loopbreak(survey->base);
    }
}

/* Keeps the first error that shows more than a failure to connect: an epmd was there. */
static void host_fail(struct survey_host *host, int status)
{
    if (host->status != -ENODATA) {
        host->status = status;
    }
    bool has_next = host->at && host->n_left > 1 && status != -ETIME;
    if (has_next) {
        host->at = host->at->ai_next;
        host->n_left--;
        host_ask(host);
    } else {
        host_end(host);
    }
}

/* ---- what each node has registered ---- */

static size_t write_lookup(const struct flight_call *call, uint8_t bytes[FLIGHT_REQUEST_MAX])
{
    const struct survey_host *host = call->owner;
    const struct protocol_node *info = &host->list.nodes[host->n_looked_up].node.info;
    struct request request;
    request_init(&request, PROTOCOL_PORT2_REQ, info->name, info->name_len);
    memcpy(bytes, request.frame, request.len);
    return request.len;
}

/* An epmd that closes without a byte does not tell: the next node may be another matter. */
static void on_looked_up(struct flight_call *call)
{
    struct survey_host *host = call->owner;
    int status = call->status == -ECONNRESET ? 0 : call->status;
    if (call->len > 0) {
        status = node_list_learn(&host->list.nodes[host->n_looked_up], call->reply, call->len);
    }
    free(call->reply);
    flight_release(call->flight, call->len);
    if (status == 0) {
        host->n_looked_up++;
        host_look_up(host);
    } else {
        host->lookups_status = status;
        host_end(host);
    }
}

static const struct flight_kind lookup_kind = {
    .timeout_ms = SURVEY_HOST_MS,
    .reply_max = PROTOCOL_REPLY_MAX + 1, /* a byte of room in which to see the end */
    .write = write_lookup,
    .done = on_looked_up,
};

static void host_look_up(struct survey_host *host)
{
    bool is_late = clock_now_ms() >= host->lookups_end_ms;
    if (host->n_looked_up == host->list.n || is_late) {
        host->lookups_status = host->n_looked_up < host->list.n ? -ETIMEDOUT : 0;
        host_end(host);
        return;
    }
    host->call.kind = &lookup_kind;
    host->call.timeout_ms = 0;
    flight_add(&host->survey->flight, &host->call);
}

/* ---- the list of names ---- */

static size_t write_names(const struct flight_call *call, uint8_t bytes[FLIGHT_REQUEST_MAX])
{
    (void)call;
    struct request request;
    request_init(&request, PROTOCOL_NAMES_REQ, NULL, 0);
    memcpy(bytes, request.frame, request.len);
    return request.len;
}

/* Takes the reply over, which has ended as an epmd ends it, or says what is wrong with it. */
static int host_take_names(struct survey_host *host, struct flight_call *call)
{
    struct exchange_reply *reply = &host->list.reply;
    uint8_t *exact = realloc(call->reply, call->len + 1);
    *reply = (struct exchange_reply){.bytes = exact ? exact : call->reply, .len = call->len};
    call->reply = NULL;
    if (!exact) {
        return -ENOMEM;
    }
    reply->bytes[reply->len] = '\0';
    if (!names_reply_is_one(reply)) {
        return -EPROTO;
    }
    return names_reply_is_whole(reply) ? node_list_read(&host->list) : -ECONNRESET;
}

static int host_take_reply(struct survey_host *host, struct flight_call *call)
{
    bool has_ended = call->status == 0 || call->status == -ECONNRESET;
    if (has_ended && call->connected && call->len == 0) {
        return -ENODATA;
    }
    return call->status == 0 ? host_take_names(host, call) : call->status;
}

static void on_names(struct flight_call *call)
{
    struct survey_host *host = call->owner;
    int64_t time_left_ms = call->deadline_ms - clock_now_ms();
    host->time_left_ms -= call->timeout_ms - (int)(time_left_ms > 0 ? time_left_ms : 0);
    int status = host_take_reply(host, call);
    free(call->reply);
    if (status < 0) {
        flight_release(call->flight, call->len);
        node_list_deinit(&host->list);
        host_fail(host, status);
        return;
    }
    host->status = 0;
    node_list_sort(&host->list);
    host->lookups_end_ms = clock_now_ms() + SURVEY_LOOKUPS_MS;
    if (host->survey->looks_up) {
        host_look_up(host);
    } else {
        host_end(host);
    }
}

static const struct flight_kind names_kind = {
    .timeout_ms = SURVEY_HOST_MS,
    .reply_max = SURVEY_REPLY_MAX,
    .write = write_names,
    .done = on_names,
};

/* Each address that is left gets its share of the time that is left. */
static void host_ask(struct survey_host *host)
{
    memcpy(&host->address, host->at->ai_addr, host->at->ai_addrlen);
    if (host->address.any.sa_family == AF_INET) {
        host->address.ipv4.sin_port = htons(host->entry->port);
    } else {
        host->address.ipv6.sin6_port = htons(host->entry->port);
    }
    int share_ms = host->time_left_ms / (int)host->n_left;
    host->call.kind = &names_kind;
    host->call.owner = host;
    host->call.to = host->address;
    host->call.timeout_ms = share_ms > 0 ? share_ms : 1;
    flight_add(&host->survey->flight, &host->call);
}

/* ---- the addresses ---- */

static void host_take_addresses(struct survey_host *host, int error, struct addrinfo *addresses)
{
    host->addresses = error == 0 ? addresses : NULL;
    for (struct addrinfo *at = host->addresses; at; at = at->ai_next) {
        host->n_left += host->n_left < SURVEY_ADDRESSES_MAX;
    }
    if (error != 0) {
        host->reason = gai_strerror(error);
        host_fail(host, -ENOENT);
    } else {
        host->at = host->addresses;
        host_ask(host);
    }
}

static void on_resolved(struct resolver_question *question)
{
    host_take_addresses(question->owner, question->error, question->found);
}

/* An address needs no thread. */
static bool host_take_numeric(struct survey_host *host)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found;
    if (getaddrinfo(host->entry->name, NULL, &hints, &found) != 0) {
        return false;
    }
    host_take_addresses(host, 0, found);
    return true;
}

static void host_start(struct survey_host *host)
{
    if (host->entry->kind == HOSTS_DOMAIN) {
        host->reason = host->entry->failure;
        host_fail(host, -ENOENT);
    } else if (!host_take_numeric(host)) {
        host->question = (struct resolver_question){.name = host->entry->name, .owner = host};
        int status = resolver_ask(host->survey->resolver, &host->question);
        if (status < 0) {
            host_fail(host, status);
        }
    }
}

/* ---- all of them ---- */

static void write_progress(const void *argument, char text[PROGRESS_TEXT_SIZE])
{
    const struct survey *survey = argument;
    snprintf(text, PROGRESS_TEXT_SIZE, "epmd: %zu of %zu hosts: %zu answer, %zu do not",
             survey->n_done, survey->n, survey->n_answered, survey->n_failed);
}

/* Shares the descriptors out among the flight and the resolver's threads. */
static size_t plan_threads(struct survey *survey)
{
    size_t limit = descriptors_raise_limit();
    size_t usable = limit > DESCRIPTORS_BESIDE ? limit - DESCRIPTORS_BESIDE : 1;
    size_t n_threads = usable / DESCRIPTORS_PER_FOUR / RESOLVER_DESCRIPTORS;
    n_threads = n_threads < 1 ? 1 : n_threads > THREADS_MAX ? THREADS_MAX : n_threads;
    size_t taken = n_threads * RESOLVER_DESCRIPTORS;
    size_t n_out = usable > taken ? usable - taken : 1;
    survey->n_at_once = n_out < SURVEY_OUT_MAX ? n_out : SURVEY_OUT_MAX;
    survey->n_descriptors = n_out < SURVEY_OUT_MAX ? limit : 0;
    return n_threads;
}

static int survey_init(struct survey *survey, const struct hosts *hosts)
{
    *survey = (struct survey){.n = hosts->n};
    survey->hosts = calloc(hosts->n, sizeof *survey->hosts);
    survey->base = event_base_new();
    if (!survey->hosts || !survey->base) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < hosts->n; i++) {
        survey->hosts[i] = (struct survey_host){.entry = &hosts->list[i],
                                                .survey = survey,
                                                .status = -ETIME,
                                                .time_left_ms = SURVEY_HOST_MS};
    }
    size_t n_threads = plan_threads(survey);
    flight_init(&survey->flight, survey->base, survey->n_at_once, SURVEY_REPLIES_MAX);
    survey->resolver = resolver_new(survey->base, n_threads, on_resolved);
    return survey->resolver ? 0 : -ENOMEM;
}

static void survey_ask(struct survey *survey, int time_ms)
{
    progress_init(&survey->progress, survey->base, write_progress, survey);
    for (size_t i = 0; i < survey->n; i++) {
        host_start(&survey->hosts[i]);
    }
    if (survey->n_done < survey->n) {
        flight_run_loop(survey->base, time_ms);
    }
    flight_stop(&survey->flight, -ETIME);
    progress_deinit(&survey->progress);
}

/* A host whose name is still with the resolver has no status yet, and none of its own comes. */
static void survey_end(struct survey *survey)
{
    resolver_free(survey->resolver);
    survey->resolver = NULL;
    survey->n_failed = survey->n - survey->n_answered;
    survey->is_whole = true;
    for (size_t i = 0; i < survey->n; i++) {
        const struct survey_host *host = &survey->hosts[i];
        survey->is_whole &= host->status != -ETIME && host->lookups_status != -ETIME;
    }
    survey->n_at_once =
        survey->flight.max < survey->n_at_once ? survey->flight.max : survey->n_at_once;
}

int survey_run(struct survey *survey, const struct hosts *hosts, bool looks_up, int time_ms)
{
    int status = survey_init(survey, hosts);
    survey->looks_up = looks_up;
    if (status == 0) {
        /* A name server that is down would otherwise take half a minute. */
        setenv("RES_OPTIONS", "timeout:2 attempts:1", 0);
        survey_ask(survey, time_ms);
        survey_end(survey);
    }
    return status;
}

bool survey_format_address(const struct survey_host *host, char text[SURVEY_ADDRESS_SIZE])
{
    bool is_ipv4 = host->address.any.sa_family == AF_INET;
    socklen_t len = is_ipv4 ? sizeof host->address.ipv4 : sizeof host->address.ipv6;
    return host->address.any.sa_family != AF_UNSPEC &&
           getnameinfo(&host->address.any, len, text, SURVEY_ADDRESS_SIZE, NULL, 0,
                       NI_NUMERICHOST) == 0;
}

const char *survey_reason(const struct survey_host *host)
{
    return host->status == -ENOENT ? host->reason : target_error_text(host->status);
}

void survey_format_reason(const struct survey_host *host, char text[SURVEY_REASON_SIZE])
{
    char address[SURVEY_ADDRESS_SIZE];
    if (survey_format_address(host, address)) {
        snprintf(text, SURVEY_REASON_SIZE, "%s port %u: %s", address, (unsigned)host->entry->port,
                 survey_reason(host));
    } else {
        snprintf(text, SURVEY_REASON_SIZE, "cannot find its address: %s", survey_reason(host));
    }
}

void survey_deinit(struct survey *survey)
{
    resolver_free(survey->resolver);
    for (size_t i = 0; survey->hosts && i < survey->n; i++) {
        if (survey->hosts[i].addresses) {
            freeaddrinfo(survey->hosts[i].addresses);
        }
        node_list_deinit(&survey->hosts[i].list);
    }
    free(survey->hosts);
    if (survey->base) {
        event_base_free(survey->base);
    }
    *survey = (struct survey){0};
}
