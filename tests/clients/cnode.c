/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A C node on libei that registers, and then does one thing.
 *
 *   cnode NAME@ADDRESS call NODE   prints what erlang:node() is on NODE
 *   cnode NAME@ADDRESS serve       prints the first atom sent to it
 *   cnode NAME@ADDRESS return N    leaves and registers again, N times without a pause
 *
 * Always true here: it says "published" once it is registered, stays
 * registered until its standard input ends, and ends with 1 where libei reports
 * an error.
 */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ei.h>

enum { DEADLINE_MS = 100000 };

static void expect(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "cnode: %s: error %d\n", what, erl_errno);
    exit(1);
}

/* Returns the socket that holds the registration. */
static int publish(ei_cnode *node, int port)
{
    int fd = ei_publish_tmo(node, port, DEADLINE_MS);

    expect(fd >= 0, "publish");
    return fd;
}

static void init(ei_cnode *node, char *name)
{
    char *host = strchr(name, '@') + 1;
    char alive[EI_MAXALIVELEN + 1];
    struct in_addr address;

    snprintf(alive, sizeof(alive), "%.*s", (int)(host - name - 1), name);
    expect(inet_aton(host, &address), "address");
    expect(ei_connect_xinit(node, host, alive, name, &address, NULL, 0) == 0, "init");
}

static void call(ei_cnode *node, char *peer)
{
    int fd = ei_connect_tmo(node, peer, DEADLINE_MS), at = 0;
    char atom[MAXATOMLEN_UTF8];
    ei_x_buff arguments, result;

    expect(fd >= 0, "connect");
    expect(ei_x_new(&arguments) == 0 && ei_x_new(&result) == 0, "memory");
    expect(ei_x_encode_empty_list(&arguments) == 0, "encode");
    expect(ei_rpc(node, fd, "erlang", "node", arguments.buff, arguments.index, &result) >= 0,
           "rpc");
    expect(ei_decode_atom(result.buff, &at, atom) == 0, "decode");
    printf("called %s\n", atom);
}

static void serve(ei_cnode *node, int listener)
{
    ErlConnect peer;
    int fd = ei_accept_tmo(node, listener, &peer, DEADLINE_MS), kind, at = 0, version;
    char atom[MAXATOMLEN_UTF8];
    erlang_msg envelope;
    ei_x_buff message;

    expect(fd >= 0, "accept");
    expect(ei_x_new(&message) == 0, "memory");
    do
        kind = ei_xreceive_msg_tmo(fd, &envelope, &message, DEADLINE_MS);
    while (kind == ERL_TICK);
    expect(kind == ERL_MSG, "receive");
    expect(ei_decode_version(message.buff, &at, &version) == 0, "version");
    expect(ei_decode_atom(message.buff, &at, atom) == 0, "decode");
    printf("received %s from %s\n", atom, peer.nodename);
}

static void come_back(ei_cnode *node, int port, int registration, int times)
{
    for (int i = 0; i < times; i++) {
        close(registration);
        registration = publish(node, port);
    }
    printf("returned %d\n", times);
}

int main(int argc, char **argv)
{
    ei_cnode node;
    int listener, registration, port = 0;
    char rest;

    setvbuf(stdout, NULL, _IOLBF, 0);
    expect(argc >= 3 && strchr(argv[1], '@'), "usage");
    expect(ei_init() == 0, "ei_init");
    init(&node, argv[1]);
    listener = ei_listen(&node, &port, 5);
    expect(listener >= 0, "listen");
    registration = publish(&node, port);
    puts("published");
    if (strcmp(argv[2], "call") == 0)
        call(&node, argv[3]);
    else if (strcmp(argv[2], "return") == 0)
        come_back(&node, port, registration, atoi(argv[3]));
    else
        serve(&node, listener);
    while (read(STDIN_FILENO, &rest, 1) > 0)
        continue;
    return 0;
}
