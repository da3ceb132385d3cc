/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is answered over HTTP: / for people, /metrics for Prometheus, and /healthz.
 *
 * All of it is read-only. Whoever can connect sees the counters; names are for those who
 * may list them (-allow_names).
 */
#ifndef EPMD_DAEMON_PAGES_H
#define EPMD_DAEMON_PAGES_H

#include <event2/http.h>

struct server;

/* Answers one request, after which its connection is to be closed. */
void pages_answer(struct server *server, struct evhttp_request *request);

#endif
