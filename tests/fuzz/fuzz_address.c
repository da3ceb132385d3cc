/* SPDX-License-Identifier: Apache-2.0 */
/* The input is an address, as text and as bytes: either way there is one text for it. */
#include <string.h>

#include "core/address.h"
#include "fuzz.h"

static void require_one_text(const struct address *address)
{
    char text[ADDRESS_TEXT_SIZE], again[ADDRESS_TEXT_SIZE];
    struct address parsed;
    address_format(address, text);
    REQUIRE(strnlen(text, sizeof text) < sizeof text);
    REQUIRE(address_is_ipv4(address) == (strchr(text, ':') == NULL));
    REQUIRE(address_parse(text, &parsed) == 0);
    REQUIRE(address_equal(&parsed, address));
    address_format(&parsed, again);
    REQUIRE(strcmp(text, again) == 0);
    REQUIRE(!(address_is_loopback(address) && address_is_wildcard(address)));
}

static void fuzz_text(const uint8_t *data, size_t size)
{
    struct address address;
    char *text = malloc(size + 1);
    REQUIRE(text);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    if (address_parse(text, &address) == 0) {
        require_one_text(&address);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct address address;
    fuzz_text(data, size);
    if (size >= sizeof address.bytes) {
        memcpy(address.bytes, data, sizeof address.bytes);
        require_one_text(&address);
    }
    return 0;
}
