/* SPDX-License-Identifier: Apache-2.0 */
/* Which user of this host a connection to epmd belongs to. */
#include "client/owners.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "system/user.h"

static int compare_ends(const void *a, const void *b)
{
    const struct socket_owner *left = a, *right = b;
    int order = memcmp(left->own.address.bytes, right->own.address.bytes, ADDRESS_SIZE);
    return order ? order : (left->own.port > right->own.port) - (left->own.port < right->own.port);
}

static int compare_users(const void *a, const void *b)
{
    uid_t left = ((const struct owners_user *)a)->uid, right = ((const struct owners_user *)b)->uid;
    return (left > right) - (left < right);
}

/* Keeps each user once. */
static size_t drop_twins(struct owners_user *users, size_t n)
{
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (n_kept == 0 || users[n_kept - 1].uid != users[i].uid) {
            users[n_kept++].uid = users[i].uid;
        }
    }
    return n_kept;
}

/* Asks for each user's name once: a name service may be far away (nsswitch.conf(5)). */
static void owners_name_users(struct owners *owners)
{
    owners->users = calloc(owners->n_sockets, sizeof *owners->users);
    if (!owners->users) {
        return;
    }
    for (size_t i = 0; i < owners->n_sockets; i++) {
        owners->users[i].uid = owners->sockets[i].uid;
    }
    qsort(owners->users, owners->n_sockets, sizeof *owners->users, compare_users);
    owners->n_users = drop_twins(owners->users, owners->n_sockets);
    for (size_t i = 0; i < owners->n_users; i++) {
        user_format(owners->users[i].uid, owners->users[i].name, sizeof owners->users[i].name);
    }
}

void owners_init(struct owners *owners, uint16_t port)
{
    *owners = (struct owners){0};
    if (socket_owner_list(port, &owners->sockets, &owners->n_sockets) == 0 &&
        owners->n_sockets > 0) {
        qsort(owners->sockets, owners->n_sockets, sizeof *owners->sockets, compare_ends);
        owners_name_users(owners);
    }
}

void owners_free(struct owners *owners)
{
    free(owners->sockets);
    free(owners->users);
    *owners = (struct owners){0};
}

/* Two sockets may have the same own end, towards different addresses of this host. */
static bool is_ambiguous(const struct owners *owners, const struct socket_owner *found)
{
    const struct socket_owner *first = owners->sockets, *last = first + owners->n_sockets - 1;
    return (found > first && compare_ends(found - 1, found) == 0 && found[-1].uid != found->uid) ||
           (found < last && compare_ends(found, found + 1) == 0 && found[1].uid != found->uid);
}

const char *owners_find(const struct owners *owners, const struct endpoint *own)
{
    const struct socket_owner key = {.own = *own};
    const struct socket_owner *found =
        owners->n_users
            ? bsearch(&key, owners->sockets, owners->n_sockets, sizeof key, compare_ends)
            : NULL;
    if (!found || is_ambiguous(owners, found)) {
        return NULL;
    }
    const struct owners_user user = {.uid = found->uid};
    const struct owners_user *known =
        bsearch(&user, owners->users, owners->n_users, sizeof user, compare_users);
    return known ? known->name : NULL;
}
