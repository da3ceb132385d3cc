/* SPDX-License-Identifier: Apache-2.0 */
/* Whether sockets that were inherited are those that were asked for. */
#include "daemon/agreement.h"

#include "daemon/binding.h"
#include "system/log.h"

#define VALUE_SHOWN_MAX 200 /* of a list of addresses */

#define CURE "a drop-in of the socket unit (systemctl edit epmd.socket), or remove %s"

static bool has_port(const struct agreement_socket *sockets, size_t n_sockets, uint16_t port)
{
    for (size_t i = 0; i < n_sockets; i++) {
        if (sockets[i].endpoint.port == port) {
            return true;
        }
    }
    return false;
}

static void check_port(const struct options *options, const struct agreement_socket *sockets,
                       size_t n_sockets)
{
    const struct option_origin *from = &options->port_from;
    char first[ADDRESS_TEXT_SIZE];
    if (!from->word || has_port(sockets, n_sockets, options->port)) {
        return;
    }
    address_format(&sockets->endpoint.address, first);
    log_line(LOG_WARNING,
             "%s \"%s\" does not move the inherited sockets, the first of which is on %s port %u: "
             "put ListenStream= and ListenStream=%u into " CURE,
             from->word, from->value, first, sockets->endpoint.port, options->port, from->word);
}

static bool takes(const struct agreement_socket *socket, const struct address *address)
{
    return address_covers(&socket->endpoint.address, address) ||
           (socket->takes_ipv4 && address_is_ipv4(address));
}

/* Whether some socket receives for an address that was named. */
static void check_address(const struct options *options, const struct address *address,
                          const struct agreement_socket *sockets, size_t n_sockets)
{
    const struct option_origin *from = &options->addresses_from;
    char text[ADDRESS_TEXT_SIZE];
    bool ipv4 = address_is_ipv4(address);
    for (size_t i = 0; i < n_sockets; i++) {
        if (takes(&sockets[i], address)) {
            return;
        }
    }
    address_format(address, text);
    log_line(LOG_WARNING,
             "%s \"%.*s\" names %s, where no inherited socket listens: put ListenStream=%s%s%s:%u "
             "into " CURE,
             from->word, VALUE_SHOWN_MAX, from->value, text, ipv4 ? "" : "[", text, ipv4 ? "" : "]",
             options->port, from->word);
}

/* Whether a socket receives only for addresses that were named, or are always added. */
static void check_socket(const struct options *options, const struct agreement_socket *socket)
{
    static const struct address any_ipv4 = {{[10] = 0xff, 0xff, 0, 0, 0, 0}};
    const struct option_origin *from = &options->addresses_from;
    struct binding planned[BINDING_MAX];
    char text[ADDRESS_TEXT_SIZE];
    size_t n = binding_plan(options, planned);
    if (binding_covers(planned, n, &socket->endpoint.address) &&
        (!socket->takes_ipv4 || binding_covers(planned, n, &any_ipv4))) {
        return;
    }
    address_format(&socket->endpoint.address, text);
    log_line(LOG_WARNING,
             "%s \"%.*s\" does not close the inherited socket on %s port %u%s: put ListenStream= "
             "and a ListenStream= for each address into " CURE,
             from->word, VALUE_SHOWN_MAX, from->value, text, socket->endpoint.port,
             socket->takes_ipv4 ? ", for IPv4, too" : "", from->word);
}

void agreement_check(const struct options *options, const struct agreement_socket *sockets,
                     size_t n_sockets)
{
    check_port(options, sockets, n_sockets);
    for (size_t i = 0; i < options->n_addresses; i++) {
        check_address(options, &options->addresses[i], sockets, n_sockets);
    }
    for (size_t i = 0; options->n_addresses > 0 && i < n_sockets; i++) {
        check_socket(options, &sockets[i]);
    }
}
