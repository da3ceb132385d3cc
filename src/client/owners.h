/* SPDX-License-Identifier: Apache-2.0 */
/* Which user of this host a connection to epmd belongs to. */
#ifndef EPMD_CLIENT_OWNERS_H
#define EPMD_CLIENT_OWNERS_H

#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "system/socket_owner.h"

#define OWNERS_NAME_SIZE 64 /* what is longer is cut */

struct owners_user {
    uid_t uid;
    char name[OWNERS_NAME_SIZE];
};

struct owners {
    struct socket_owner *sockets; /* in the order of their own ends */
    size_t n_sockets;
    struct owners_user *users; /* in the order of their numbers */
    size_t n_users;
};

/* Learns which users have connections to `port`. Where the system does not tell, or memory is
 * short, it learns of none. */
void owners_init(struct owners *owners, uint16_t port);

/* Frees what was learned. */
void owners_free(struct owners *owners);

/* Returns the name of the user whose connection has that end, or NULL where the user is not
 * known, or could be one of two. */
const char *owners_find(const struct owners *owners, const struct endpoint *own);

#endif
