/* SPDX-License-Identifier: Apache-2.0 */
/* What is answered over HTTP. */
#include "daemon/pages.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/description.h"
#include "daemon/listener.h"
#include "daemon/server.h"
#include "metrics/exposition.h"
#include "metrics/host.h"
#include "metrics/page.h"
#include "system/clock.h"

#define PLAIN_TEXT "text/plain; charset=utf-8"

struct answer {
    int code;
    const char *type;
    char *bytes; /* allocated */
    size_t len;
};

/* Returns 0, and the text in `*answer`, or -ENOMEM. */
typedef int answer_maker(struct server *server, struct evhttp_request *request,
                         struct answer *answer);

/* ---- what is known ---- */

static struct listener_peer request_peer(struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct listener_peer peer = {0};
    struct endpoint own;
    char *zoned, text[ADDRESS_TEXT_SIZE];
    uint16_t port;

    evhttp_connection_get_peer(connection, &zoned, &port);
    snprintf(text, sizeof text, "%.*s", (int)strcspn(zoned, "%"), zoned);
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    if (address_parse(text, &peer.peer.address) == 0 && listener_endpoint(fd, &own) == 0) {
        peer.local = policy_is_local(&peer.peer.address, &own.address);
    }
    return peer;
}

static bool may_list_names(const struct server *server, struct evhttp_request *request)
{
    struct listener_peer peer = request_peer(request);
    return policy_check(&server->sessions.policy, PROTOCOL_NAMES_REQ, &peer.peer.address,
                        peer.local, server->sessions.registry.n_live) == REFUSAL_NONE;
}

static struct overview look_around(struct server *server, struct evhttp_request *request)
{
    description_update(&server->sessions.self, server);
    return (struct overview){
        .host = server->metrics.host,
        .shows_names = !server->options->metrics_no_names && may_list_names(server, request),
        .is_draining = server->is_draining,
        .daemon = &server->sessions.self,
        .registry = &server->sessions.registry,
        .counters = &server->sessions.counters,
        .n_connections = server->capacity.n_connections,
        .max_connections = server->capacity.max_connections,
        .n_waiting = server->capacity.n_waiting,
        .now_ms = clock_now_ms(),
        .cpu_us = clock_cpu_us(),
    };
}

/* ---- answers ---- */

static int answer_text(struct answer *answer, int code, const char *text)
{
    *answer = (struct answer){
        .code = code, .type = PLAIN_TEXT, .bytes = strdup(text), .len = strlen(text)};
    return answer->bytes ? 0 : -ENOMEM;
}

/* Returns 0, and a copy of what has been written, or -ENOMEM. */
static int answer_document(struct answer *answer, const char *type, struct document *document)
{
    struct listing *listing = document_finish(document);
    *answer = (struct answer){.code = HTTP_OK, .type = type};
    answer->bytes = listing ? malloc(listing->len) : NULL;
    if (answer->bytes) {
        answer->len = listing->len;
        memcpy(answer->bytes, listing->bytes, listing->len);
    }
    listing_unref(listing);
    return answer->bytes ? 0 : -ENOMEM;
}

static int answer_page(struct server *server, struct evhttp_request *request, struct answer *answer)
{
    struct document document;
    (void)server, (void)request;
    document_init(&document, 0);
    document_add(&document, page_html, page_html_len);
    return answer_document(answer, PAGE_CONTENT_TYPE, &document);
}

static int answer_metrics(struct server *server, struct evhttp_request *request,
                          struct answer *answer)
{
    struct overview overview = look_around(server, request);
    struct document document;
    document_init(&document, 0);
    exposition_write(&document, &overview);
    return answer_document(answer, EXPOSITION_CONTENT_TYPE, &document);
}

static int answer_health(struct server *server, struct evhttp_request *request,
                         struct answer *answer)
{
    (void)request;
    return server->is_draining ? answer_text(answer, HTTP_SERVUNAVAIL, "a successor takes over\n")
                               : answer_text(answer, HTTP_OK, "ok\n");
}

static const struct {
    const char *path;
    answer_maker *make;
} pages[] = {
    {"/", answer_page},
    {"/metrics", answer_metrics},
    {"/healthz", answer_health},
};

static answer_maker *find_page(struct evhttp_request *request)
{
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    for (size_t i = 0; path && i < sizeof pages / sizeof *pages; i++) {
        if (strcmp(path, pages[i].path) == 0) {
            return pages[i].make;
        }
    }
    return NULL;
}

static bool may_be_rebound(const struct server *server, struct evhttp_request *request)
{
    const char *host = evhttp_find_header(evhttp_request_get_input_headers(request), "Host");
    struct listener_peer peer = request_peer(request);
    return host && address_is_loopback(&peer.peer.address) &&
           !host_is_own(host, strlen(host), server->metrics.host);
}

static int make_answer(struct server *server, struct evhttp_request *request, struct answer *answer)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    answer_maker *make = find_page(request);
    if (!make) {
        return answer_text(answer, HTTP_NOTFOUND, "not found; there are /, /metrics, /healthz\n");
    }
    if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
        return answer_text(answer, HTTP_BADMETHOD, "only GET and HEAD\n");
    }
    if (may_be_rebound(server, request)) {
        return answer_text(answer, 403,
                           "the Host field names another host; use an IP address, localhost or "
                           "the name of this host\n");
    }
    return make(server, request, answer);
}

/* ---- sending ---- */

static void free_bytes(const void *bytes, size_t len, void *argument)
{
    (void)len, (void)argument;
    free((void *)bytes);
}

/* Makes a body of the bytes, which it takes. A HEAD gets none: libevent would send it.
 * Returns NULL without memory. */
static struct evbuffer *make_body(struct evhttp_request *request, const struct answer *answer)
{
    struct evbuffer *body = evbuffer_new();
    bool is_head = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
    if (body && !is_head &&
        evbuffer_add_reference(body, answer->bytes, answer->len, free_bytes, NULL) == 0) {
        return body;
    }
    free(answer->bytes);
    if (body && !is_head) {
        evbuffer_free(body);
        return NULL;
    }
    return body;
}

static void add_headers(struct evhttp_request *request, const struct answer *answer)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    char len[24];
    snprintf(len, sizeof len, "%zu", answer->len);
    evhttp_add_header(headers, "Connection", "close");
    evhttp_add_header(headers, "Content-Type", answer->type);
    evhttp_add_header(headers, "Content-Length", len);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    bool is_page = strcmp(answer->type, PAGE_CONTENT_TYPE) == 0;
    evhttp_add_header(headers, "Content-Security-Policy",
                      is_page ? page_security_policy
                              : "default-src 'none'; frame-ancestors 'none'");
    evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    if (answer->code == HTTP_BADMETHOD) {
        evhttp_add_header(headers, "Allow", "GET, HEAD");
    }
}

void pages_answer(struct server *server, struct evhttp_request *request)
{
    struct answer answer;
    /* HTTP/1.0 may ask to keep the connection, and libevent would promise it. */
    evhttp_remove_header(evhttp_request_get_input_headers(request), "Connection");
    struct evbuffer *body =
        make_answer(server, request, &answer) == 0 ? make_body(request, &answer) : NULL;
    if (!body) {
        evhttp_send_error(request, HTTP_SERVUNAVAIL, NULL);
        return;
    }
    add_headers(request, &answer);
    evhttp_send_reply(request, answer.code, NULL, body);
    evbuffer_free(body);
}
