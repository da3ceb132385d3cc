/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a peer's address, 16 bytes, and then a list of networks as text.
 *
 * What is read says the same again when it is written down, and nobody is in it who
 * is in none of its parts.
 */
#include <errno.h>
#include <string.h>

#include "core/networks.h"
#include "fuzz.h"

static void write_network(const struct network *network, char *text, size_t size)
{
    char base[ADDRESS_TEXT_SIZE];
    address_format(&network->base, base);
    unsigned skipped = address_is_ipv4(&network->base) ? 96 : 0;
    REQUIRE(network->prefix_bits >= skipped && network->prefix_bits <= 128);
    snprintf(text, size, "%s/%u", base, network->prefix_bits - skipped);
}

static bool is_in_one(const struct network *network, const struct address *peer)
{
    char text[64], error[NETWORKS_ERROR_SIZE];
    struct networks one;
    write_network(network, text, sizeof text);
    REQUIRE(networks_parse(text, &one, error) == 0);
    REQUIRE(one.n == 1 && !one.any && !one.local && !one.has_private && !one.none);
    REQUIRE(address_equal(&one.networks[0].base, &network->base));
    REQUIRE(one.networks[0].prefix_bits == network->prefix_bits);
    REQUIRE(networks_contain(&one, &network->base));
    return networks_contain(&one, peer);
}

static void require_sane(const struct networks *networks, const struct address *peer)
{
    bool in_one = networks->any || (networks->has_private && address_is_private(peer));
    bool has_part = networks->any || networks->local || networks->has_private || networks->n > 0;
    REQUIRE(networks->n <= NETWORKS_MAX);
    REQUIRE(networks->none != has_part);
    for (size_t i = 0; i < networks->n; i++) {
        in_one |= is_in_one(&networks->networks[i], peer);
    }
    REQUIRE(networks_contain(networks, peer) == in_one);
}

/* Its text is read as the same list. */
static void require_text(const struct networks *networks)
{
    char text[NETWORKS_TEXT_SIZE], error[NETWORKS_ERROR_SIZE];
    struct networks again;
    networks_format(networks, text);
    REQUIRE(strlen(text) < sizeof text);
    REQUIRE(networks_parse(text, &again, error) == 0);
    REQUIRE(again.any == networks->any && again.local == networks->local);
    REQUIRE(again.has_private == networks->has_private);
    REQUIRE(again.none == networks->none && again.n == networks->n);
    REQUIRE(memcmp(again.networks, networks->networks, again.n * sizeof *again.networks) == 0);
}

static void fuzz_list(const char *text, const struct address *peer)
{
    struct networks networks;
    char error[NETWORKS_ERROR_SIZE] = "";
    int status = networks_parse(text, &networks, error);
    REQUIRE(status == 0 || status == -EINVAL);
    REQUIRE(memchr(error, '\0', sizeof error));
    REQUIRE((status == 0) == (error[0] == '\0'));
    if (status == 0) {
        require_sane(&networks, peer);
        require_text(&networks);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct address peer;
    if (size < sizeof peer.bytes) {
        return 0;
    }
    size_t len = size - sizeof peer.bytes;
    char *text = malloc(len + 1);
    REQUIRE(text);
    memcpy(peer.bytes, data, sizeof peer.bytes);
    memcpy(text, data + sizeof peer.bytes, len);
    text[len] = '\0';
    fuzz_list(text, &peer);
    free(text);
    return 0;
}
