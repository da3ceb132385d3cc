/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a Host field names the host that is asked.
 *
 * A web site can have its own name resolve to 127.0.0.1, and a browser then lets the site's
 * scripts read what is answered there (DNS rebinding). Such a request has the site's name in
 * its Host field; an address cannot be rebound, and neither can `localhost`.
 */
#ifndef EPMD_METRICS_HOST_H
#define EPMD_METRICS_HOST_H

#include <stdbool.h>
#include <stddef.h>

/* Whether `host`, which may have a port, is an IP address, `localhost` or below it, `own`
 * or the first label of `own`, which is the host's name. */
bool host_is_own(const char *host, size_t len, const char *own);

/* Whether a text is `expected`, which is in lower case, whatever the text's case. */
bool host_text_is(const char *text, size_t len, const char *expected);

#endif
