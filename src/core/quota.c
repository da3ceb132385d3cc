/* SPDX-License-Identifier: Apache-2.0 */
/* What each remote host has of something. */
#include "core/quota.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#define IPV6_HOST_SIZE 8

struct quota_host {
    UT_hash_handle hh;
    struct address host;
    unsigned n;
    struct quota_share *shares;     /* oldest first */
    struct quota_host *prev, *next; /* in the list of hosts with as many */
};

void quota_init(struct quota *quota, unsigned max, const uint8_t seed[HASH_SEED_SIZE])
{
    *quota = (struct quota){.max = max};
    memcpy(quota->seed, seed, HASH_SEED_SIZE);
}

static struct address host_of(const struct address *address)
{
    struct address host = *address;
    if (!address_is_ipv4(address)) {
        memset(host.bytes + IPV6_HOST_SIZE, 0, sizeof host.bytes - IPV6_HOST_SIZE);
    }
    return host;
}

static struct quota_host *quota_find(const struct quota *quota, const struct address *host,
                                     unsigned *hash)
{
    struct quota_host *found;
    *hash = (unsigned)hash_keyed(quota->seed, host->bytes, sizeof host->bytes);
    HASH_FIND_BYHASHVALUE(hh, quota->hosts, host->bytes, sizeof host->bytes, *hash, found);
    return found;
}

static struct quota_host *quota_add_host(struct quota *quota, const struct address *host,
                                         unsigned hash)
{
    struct quota_host *added = calloc(1, sizeof *added);
    if (!added) {
        return NULL;
    }
    added->host = *host;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, quota->hosts, added->host.bytes, sizeof added->host.bytes, hash,
                                added);
    if (!added->hh.tbl) {
        free(added);
        return NULL;
    }
    DL_APPEND(quota->by_count[0], added);
    return added;
}

bool quota_allows(const struct quota *quota, const struct address *address)
{
    unsigned hash;
    struct address host = host_of(address);
    const struct quota_host *found = quota_find(quota, &host, &hash);
    return !found || found->n < quota->max;
}

static struct quota_host **quota_list(struct quota *quota, const struct quota_host *host)
{
    return &quota->by_count[host->n < QUOTA_COUNTED_MAX ? host->n : QUOTA_COUNTED_MAX];
}

static void quota_recount(struct quota *quota, struct quota_host *host, unsigned n)
{
    struct quota_host **list = quota_list(quota, host);
    DL_DELETE(*list, host);
    host->n = n;
    list = quota_list(quota, host);
    DL_APPEND(*list, host);
}

void quota_take(struct quota *quota, struct quota_share *share, const struct address *address)
{
    unsigned hash;
    struct address key = host_of(address);
    struct quota_host *host = quota_find(quota, &key, &hash);
    host = host ? host : quota_add_host(quota, &key, hash);
    share->host = host;
    if (host) {
        quota_recount(quota, host, host->n + 1);
        DL_APPEND(host->shares, share);
    }
}

void quota_give_back(struct quota *quota, struct quota_share *share)
{
    struct quota_host *host = share->host;
    if (!host) {
        return;
    }
    share->host = NULL;
    DL_DELETE(host->shares, share);
    quota_recount(quota, host, host->n - 1);
    if (host->n == 0) {
        DL_DELETE(quota->by_count[0], host); /* NOLINT(clang-analyzer-core*) */
        HASH_DEL(quota->hosts, host);
        free(host);
    }
}

struct quota_share *quota_newest_of_most(const struct quota *quota)
{
    for (int n = QUOTA_COUNTED_MAX; n > 0; n--) {
        if (quota->by_count[n]) {
            return quota->by_count[n]->shares->prev; /* the head knows the tail */
        }
    }
    return NULL;
}
