#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seed corpora: one small file for each thing worth starting from.

Files of other names, such as findings, are left alone.
"""

import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"


def alive(name, extra=b"", highest=6, port=35099, node_type=77, tail=b""):
    return (
        struct.pack(">BHBBHHH", 120, port, node_type, 0, highest, 5, len(name))
        + name
        + struct.pack(">H", len(extra))
        + extra
        + tail
    )


PROTOCOL = {
    "alive": alive(b"alice"),
    "alive-old": alive(b"alice", highest=5),
    "alive-extra": alive(b"alice", b"\0\xff extra"),
    "alive-tail": alive(b"ergo", b"extra", tail=b"\0"),
    "alive-utf8": alive("é€💩".encode()),
    "alive-overlong": alive(b"\xc0\xaf"),
    "alive-surrogate": alive(b"\xed\xa0\x80"),
    "alive-nul": alive(b"a\0b"),
    "alive-empty-name": alive(b"", b"e"),
    "alive-longest": alive("💩".encode() * 255, b"e" * 1020),
    "alive-too-long": alive(b"a" * 256),
    "alive-extra-too-long": alive(b"a", b"e" * 1021),
    "alive-truncated": alive(b"alice")[:-3],
    "alive-name-beyond": b"\x78\x89\x1bM\0\0\6\0\5\xff\xffalice\0\0",
    "port": b"zalice",
    "port-nul": b"zalice\0",
    "port-empty": b"z",
    "names": b"n",
    "dump": b"d",
    "kill": b"k",
    "stop": b"salice",
    "stop-no-name": b"s\xff\0\0",
    "reload": b"r",
    "info": b"i",
    "unknown": b"q",
}

OPEN, SEND, BREAK, CLOSE = range(4)
REMOTE, RELAXED, CAN_RELOAD = 0x20, 0x40, 0x80


def step(kind, slot, flags=0):
    return bytes([kind | slot << 2 | flags])


def send(slot, data, flags=0):
    pieces = [data[i : i + 255] for i in range(0, len(data), 255)]
    return b"".join(step(SEND, slot, flags) + bytes([len(p)]) + p for p in pieces)


def framed(request):
    return struct.pack(">H", len(request)) + request


def ask(slot, request, flags=0):
    return step(OPEN, slot, flags) + send(slot, framed(request), flags)


ALICE, BOB = ask(0, alive(b"alice")), ask(1, alive(b"bob", highest=5))
SESSION = {
    "register": ALICE + BOB,
    "register-close": ALICE + step(CLOSE, 0) + ALICE,
    "register-talks": ALICE + send(0, b"x"),
    "taken": ALICE + ask(1, alive(b"alice")),
    "taken-reset": ALICE + ask(1, alive(b"alice")) + step(CLOSE, 1) + ask(2, b"zalice"),
    "taken-broken": ALICE + step(BREAK, 0) + ask(1, alive(b"alice")),
    "full": b"".join(ask(i, alive(b"n%d" % i)) for i in range(6)),
    "forgotten": b"".join(ask(i, alive(b"n%d" % i)) + step(CLOSE, i) for i in range(5))
    + ask(7, b"d"),
    "lookup": ALICE + ask(1, b"zalice", REMOTE) + ask(2, b"zbob"),
    "names": ALICE + ask(1, b"n") + ask(2, b"n", REMOTE) + BOB + ask(2, b"n"),
    "dump": ALICE + BOB + step(CLOSE, 0) + ask(2, b"d") + ask(3, b"d", REMOTE),
    "kill": ask(0, b"k") + ALICE + ask(1, b"k") + ask(1, b"k", RELAXED),
    "stop": ALICE + ask(1, b"salice") + ask(1, b"salice", RELAXED) + ask(2, b"salice", RELAXED),
    "reload": ALICE + ask(1, b"r") + ask(1, b"r", CAN_RELOAD)
    + ask(1, b"r", CAN_RELOAD | REMOTE),
    "info": ALICE + ask(1, b"i") + BOB + ask(2, b"i") + ask(3, b"i", REMOTE),
    "remote": ask(0, alive(b"alice"), REMOTE) + ask(1, b"k", REMOTE) + ask(2, b"sbob", REMOTE),
    "bytewise": step(OPEN, 0) + b"".join(send(0, bytes([b])) for b in framed(alive(b"alice"))),
    "interleaved": step(OPEN, 0) + step(OPEN, 1) + send(0, b"\0") + send(1, b"\0\6zal")
    + send(0, framed(alive(b"alice"))[1:]) + send(1, b"ice"),
    "longest": ask(0, alive("💩".encode() * 255, b"e" * 1020)) + ask(1, b"z" + "💩".encode() * 255),
    "overrun": step(OPEN, 0) + send(0, framed(b"n") + b"n"),
    "http": step(OPEN, 0) + send(0, b"GET / HTTP/1.1\r\n\r\n"),
    "empty-frame": step(OPEN, 0) + send(0, b"\0\0"),
}


def words(*arguments, port=None, address=None, relaxed=None):
    environment = [port, address, relaxed]
    which = sum(1 << i for i, value in enumerate(environment) if value is not None)
    given = [value for value in environment if value is not None]
    return bytes([which]) + b"".join(w.encode() + b"\0" for w in [*given, "epmd", *arguments])


OPTIONS = {
    "none": words(),
    "no-argv": b"\0",
    "daemon": words("-daemon", "-relaxed_command_check", "-d", "-debug"),
    "systemd": words("-systemd"),
    "daemon-systemd": words("-daemon", "-systemd"),
    "port": words("-port", "5000"),
    "port-bad": words("--port", "65536"),
    "port-missing": words("-port"),
    "times": words("-packet_timeout", "1", "-delay_accept", "2", "-delay_write", "86400"),
    "idle": words("-exit_when_idle", "60"),
    "idle-bad": words("-exit_when_idle", "0"),
    "address": words("-address", "127.0.0.1,::1 192.0.2.1,,::ffff:10.0.0.1"),
    "address-any": words("-address", "0.0.0.0,::"),
    "metrics": words("-metrics", "9568", "-metrics", "192.0.2.1:9568", "--metrics", "[::1]:1"),
    "metrics-bad": words("-metrics", "::1:9568"),
    "address-bad": words("-address", "localhost"),
    "address-many": words("-address", ",".join(f"10.0.0.{i}" for i in range(65))),
    "names": words("-port", "5000", "-names"),
    "names-columns": words("-names", "-l", "-host", "h"),
    "names-json": words("-json", "-names"),
    "json-alone": words("-json"),
    "dump": words("-dump", "-d"),
    "started": words("-started"),
    "kill": words("--kill"),
    "stop": words("-stop", "alice"),
    "reload": words("-reload"),
    "check": words("-check"),
    "check-target": words("-check", "alice@host", "-json"),
    "check-option": words("-check", "-port", "5000"),
    "keeper": words("-keeper"),
    "keeper-none": words("-daemon", "-no_keeper"),
    "keeper-two": words("-keeper", "-systemd"),
    "two-commands": words("-names", "-kill"),
    "help": words("-h", "-help"),
    "stop-help": words("-stop", "alice", "-help"),
    "version": words("-version"),
    "environment": words(port="5000", address="127.0.0.1,::1", relaxed=""),
    "environment-bad": words("-names", port="x", address=","),
    "unknown": words("-x"),
}

ADDRESS = {
    "any4": b"0.0.0.0",
    "loopback4": b"127.0.0.1",
    "broadcast4": b"255.255.255.255",
    "any6": b"::",
    "loopback6": b"::1",
    "full6": b"2001:db8:1:2:3:4:5:6",
    "longest": b"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
    "mapped": b"::ffff:192.0.2.1",
    "compatible": b"::192.0.2.1",
    "scoped": b"fe80::1%lo",
    "name": b"localhost",
    "bytes-mapped": bytes(10) + b"\xff\xff\xc0\x00\x02\x01",
    "bytes-6": bytes.fromhex("20010db8000000000000000000000001"),
}

PEER4, PEER6 = ADDRESS["bytes-mapped"], ADDRESS["bytes-6"]
NETWORKS = {
    "any": PEER4 + b"any",
    "local": PEER4 + b"local",
    "none": PEER6 + b"none",
    "none-alone": PEER6 + b"none,any",
    "network4": PEER4 + b"192.0.2.0/24",
    "network6": PEER6 + b"2001:db8::/32",
    "mapped": PEER4 + b"::ffff:192.0.2.0/120",
    "all4": PEER6 + b"0.0.0.0/0",
    "all6": PEER4 + b"::/0",
    "list": PEER4 + b"local, 10.0.0.0/8 fd00::/8,192.0.2.1",
    "many": PEER4 + b",".join(b"10.0.%d.0/24" % i for i in range(65)),
    "beyond": PEER4 + b"192.0.2.1/24",
    "prefix-bad": PEER4 + b"192.0.2.0/33",
    "wildcard": PEER6 + b"::",
    "wildcard-alone": PEER6 + b"::/128,0.0.0.0/32",
    "empty": PEER4 + b" , ",
    "longest": PEER6 + b"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128",
}

def record(kind, body):
    return struct.pack(">BH", kind, len(body)) + body


def described(n_nodes, more=b"", listeners=(PEER4, PEER6), text=b"any"):
    fields = struct.pack(">HIBBqII", 4369, 4711, 1, 1, 1795262400000, n_nodes, 1)
    texts = b"".join(struct.pack(">H", len(t)) + t for t in (b"0.1.0", text, b"any", b"local"))
    ends = b"".join(address + b"\x11\x11" for address in listeners)
    return b"i\1" + record(1, fields + texts + struct.pack(">H", len(listeners)) + ends + more)


def node(name, extra=b"", more=b""):
    fields = struct.pack(">qI16sH", 1795262400000, 5, PEER4, 40000)
    return record(2, fields + alive(name, extra)[1:] + more)


INVENTORY = {
    "nobody": described(0),
    "nodes": described(2) + node(b"alice") + node("é€💩".encode(), b"\0\xff"),
    "longest": described(1) + node("💩".encode() * 255, b"e" * 1020),
    "twice": described(2) + node(b"alice") + node(b"alice"),
    "nul": described(1) + node(b"a\0b"),
    "empty-name": described(1) + node(b""),
    "grown": described(1, b"more") + record(99, b"other") + node(b"alice", more=b"more"),
    "surplus": described(1) + node(b"alice") + node(b"bob"),
    "too-few": described(2) + node(b"alice"),
    "truncated": described(1) + node(b"alice")[:-1],
    "many-listeners": described(0, listeners=[PEER4] * 70),
    "long-text": described(0, text=b"x\x1b" * 3000),
    "newer": b"i\2" + described(0)[2:],
    "names": b"\0\0\x11\x11name alice at port 35099\n",
    "no-daemon": b"i\1" + node(b"alice"),
    "names-odd": b"name a at port 1 at port 2\nname b\nname c at port 65536\nname  at port 3\nx",
    "port": b"w\0" + alive(b"alice", b"extra")[1:],
    "port-none": b"w\1",
}

DISTRIBUTION = {
    "ok": b"\0\3sok",
    "not-allowed": b"\0\x0csnot_allowed",
    "challenge": b"\0\3sok\0\x1aN" + bytes(16) + b"\0\7b@there",
    "challenge-old": b"\0\3sok\0\x12n" + bytes(10) + b"b@there",
    "longest": b"\0\x40s" + b"x" * 63,
    "too-long": b"\0\x41s" + b"x" * 64,
    "control": b"\0\4s\x1b\0\xff",
    "empty": b"\0\0",
    "tls": b"\x15\3\3\0\2\2\x0a",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1\r\n",
}

OVERVIEW = {
    "plain": b"alice",
    "markup": b"<b title=\"x\">a&amp;b</b>'</bdi>",
    "label": b"a\"} 1\nepmd_nodes 9\\n\\",
    "control": b"\x01\x1b[31m\x7f\xc2\x85\r\t",
    "utf8": "\u202e\u017c\u00f3\u0142w \U0001f600".encode(),
    "longest": "\U0010ffff".encode() * 255,
    "escaped": b"&" * 255,
}

HOSTS = {
    "list": b"h1,h2.example 10.0.0.1,::1,fe80::1%eth0,@hosts,dns:example.org",
    "lines": b"# all\nh1\n\n  h2.example. \r\n% of them\n10.0.0.1\n",
    "erlang": b"'h1.example'.\n'h2'.\nh3.\n",
    "twice": b"h1,h1,h01,h10,h9,h1",
    "wrong": b"a@h1,'h2',@,dns:,a/b\x1b[2J\n",
    "longest": b"a" * 255,
    "too-long": b"a" * 256,
    "utf8": "b\u00fccher.example,\u202e".encode(),
    "empty": b"",
}

for target, inputs in {
    "hosts": HOSTS,
    "distribution": DISTRIBUTION,
    "inventory": INVENTORY,
    "protocol": PROTOCOL,
    "session": SESSION,
    "options": OPTIONS,
    "address": ADDRESS,
    "networks": NETWORKS,
    "overview": OVERVIEW,
}.items():
    directory = CORPUS / target
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in inputs.items():
        (directory / name).write_bytes(data)
