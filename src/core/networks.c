/* SPDX-License-Identifier: Apache-2.0 */
/* A list of networks, as options name them, and which peers are in it. */
#include "core/networks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATORS ", "

/* Room for a character more than any right word has: one that is cut stays wrong. */
#define WORD_SIZE (ADDRESS_TEXT_SIZE + sizeof "/128")

static int fail(char *error, const char *word, const char *reason)
{
    snprintf(error, NETWORKS_ERROR_SIZE, "\"%s\" %s", word, reason);
    return -EINVAL;
}

/* Reads the digits after the slash; `skipped` bits come before those that they count. */
static int parse_prefix(const char *word, const char *digits, unsigned skipped, unsigned min,
                        unsigned *out, char *error)
{
    size_t len = strlen(digits);
    unsigned long bits = strtoul(digits, NULL, 10) + skipped;
    if (len == 0 || len > 3 || digits[strspn(digits, "0123456789")] != '\0' || bits < min ||
        bits > ADDRESS_BITS) {
        snprintf(error, NETWORKS_ERROR_SIZE,
                 "\"%s\": the prefix is no number of bits from %u to %u", word, min - skipped,
                 ADDRESS_BITS - skipped);
        return -EINVAL;
    }
    *out = (unsigned)bits;
    return 0;
}

/* A prefix that its address does not agree with is a slip in one of the two. */
static int check_base(const char *word, const struct network *network, char *error)
{
    struct address base = address_mask(&network->base, network->prefix_bits);
    if (address_equal(&base, &network->base)) {
        return 0;
    }
    char base_text[ADDRESS_TEXT_SIZE], text[ADDRESS_TEXT_SIZE];
    address_format(&base, base_text);
    address_format(&network->base, text);
    snprintf(error, NETWORKS_ERROR_SIZE,
             "\"%s\" has bits beyond its prefix: the network is %s/%u, the address alone %s", word,
             base_text, network->prefix_bits - (address_is_ipv4(&base) ? ADDRESS_MAPPED_BITS : 0),
             text);
    return -EINVAL;
}

static int parse_network(const char *word, struct network *out, char *error)
{
    char text[WORD_SIZE];
    size_t len = strcspn(word, "/");
    memcpy(text, word, len);
    text[len] = '\0';
    if (address_parse(text, &out->base) < 0) {
        return fail(error, word, "is no address, no network and none of any, local, private, none");
    }
    out->prefix_bits = ADDRESS_BITS;
    if (word[len] == '\0') {
        return address_is_wildcard(&out->base)
                   ? fail(error, word, "is no peer's address; any stands for every peer")
                   : 0;
    }
    unsigned skipped = strchr(text, ':') ? 0 : ADDRESS_MAPPED_BITS;
    unsigned min = address_is_ipv4(&out->base) ? ADDRESS_MAPPED_BITS : 0;
    int status = parse_prefix(word, word + len + 1, skipped, min, &out->prefix_bits, error);
    return status < 0 ? status : check_base(word, out, error);
}

static bool *find_word(struct networks *networks, const char *word)
{
    if (strcmp(word, "any") == 0) {
        return &networks->any;
    }
    if (strcmp(word, "local") == 0) {
        return &networks->local;
    }
    if (strcmp(word, "private") == 0) {
        return &networks->has_private;
    }
    return strcmp(word, "none") == 0 ? &networks->none : NULL;
}

static int add_word(const char *word, struct networks *networks, char *error)
{
    bool *named = find_word(networks, word);
    if (named) {
        *named = true;
        return 0;
    }
    if (networks->n == NETWORKS_MAX) {
        snprintf(error, NETWORKS_ERROR_SIZE, "more than %d networks", NETWORKS_MAX);
        return -EINVAL;
    }
    int status = parse_network(word, &networks->networks[networks->n], error);
    networks->n += status == 0;
    return status;
}

static int check_list(const struct networks *networks, char *error)
{
    bool some = networks->any || networks->local || networks->has_private || networks->n > 0;
    if (some == networks->none) {
        snprintf(error, NETWORKS_ERROR_SIZE, "%s",
                 some ? "\"none\" stands alone" : "the list is empty; \"none\" stands for no peer");
        return -EINVAL;
    }
    return 0;
}

int networks_parse(const char *text, struct networks *out, char error[NETWORKS_ERROR_SIZE])
{
    struct networks networks = {.n = 0};
    char word[WORD_SIZE];
    for (const char *at = text + strspn(text, SEPARATORS); *at; at += strspn(at, SEPARATORS)) {
        size_t len = strcspn(at, SEPARATORS);
        snprintf(word, sizeof word, "%.*s", (int)len, at);
        int status = add_word(word, &networks, error);
        if (status < 0) {
            return status;
        }
        at += len;
    }
    int status = check_list(&networks, error);
    if (status == 0) {
        *out = networks;
    }
    return status;
}

/* Adds a word to a list. */
static void append(char text[NETWORKS_TEXT_SIZE], const char *word)
{
    size_t len = strlen(text);
    snprintf(text + len, NETWORKS_TEXT_SIZE - len, "%s%s", len ? "," : "", word);
}

static void append_network(char text[NETWORKS_TEXT_SIZE], const struct network *network)
{
    char word[WORD_SIZE];
    address_format(&network->base, word);
    /* Alone, a wildcard would be no peer's address. */
    if (network->prefix_bits < ADDRESS_BITS || address_is_wildcard(&network->base)) {
        bool ipv4 = address_is_ipv4(&network->base);
        size_t len = strlen(word);
        snprintf(word + len, sizeof word - len, "/%u",
                 network->prefix_bits - (ipv4 ? ADDRESS_MAPPED_BITS : 0));
    }
    append(text, word);
}

void networks_format(const struct networks *networks, char text[NETWORKS_TEXT_SIZE])
{
    text[0] = '\0';
    if (networks->any) {
        append(text, "any");
    }
    if (networks->local) {
        append(text, "local");
    }
    if (networks->has_private) {
        append(text, "private");
    }
    for (size_t i = 0; i < networks->n; i++) {
        append_network(text, &networks->networks[i]);
    }
    if (text[0] == '\0') {
        append(text, "none");
    }
}

static bool network_contains(const struct network *network, const struct address *address)
{
    struct address base = address_mask(address, network->prefix_bits);
    return address_equal(&base, &network->base) &&
           address_is_ipv4(address) == address_is_ipv4(&network->base);
}

bool networks_contain(const struct networks *networks, const struct address *address)
{
    if (networks->any || (networks->has_private && address_is_private(address))) {
        return true;
    }
    for (size_t i = 0; i < networks->n; i++) {
        if (network_contains(&networks->networks[i], address)) {
            return true;
        }
    }
    return false;
}
