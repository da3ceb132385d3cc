/* SPDX-License-Identifier: Apache-2.0 */
/* How many unfinished connections each remote host has. */
#include "daemon/quota.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define IPV6_HOST_SIZE 8

struct quota_host {
    UT_hash_handle hh;
    struct address host;
    unsigned n;
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

bool quota_allows(const struct quota *quota, const struct address *address)
{
    unsigned hash;
    struct address host = host_of(address);
    const struct quota_host *found = quota_find(quota, &host, &hash);
    return !found || found->n < quota->max;
}

void quota_take(struct quota *quota, const struct address *address)
{
    unsigned hash;
    struct address host = host_of(address);
    struct quota_host *found = quota_find(quota, &host, &hash);
    if (found) {
        found->n++;
        return;
    }
    struct quota_host *added = calloc(1, sizeof *added);
    if (!added) {
        return;
    }
    added->host = host;
    added->n = 1;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, quota->hosts, added->host.bytes, sizeof added->host.bytes, hash,
                                added);
    if (!added->hh.tbl) {
        free(added);
    }
}

void quota_give_back(struct quota *quota, const struct address *address)
{
    unsigned hash;
    struct address host = host_of(address);
    struct quota_host *found = quota_find(quota, &host, &hash);
    if (found && --found->n == 0) {
        HASH_DEL(quota->hosts, found);
        free(found);
    }
}
