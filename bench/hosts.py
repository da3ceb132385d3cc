# SPDX-License-Identifier: Apache-2.0
"""How long it takes to ask many hosts: `epmd -names -hosts`, and the ways there were before.

    hosts.py --epmd PATH [--quick]

All of it happens in a network namespace of its own, which is made here and ends with this
process: needs root. One epmd answers on as many addresses as there are hosts; those that do not
answer lie behind an interface that swallows what it is sent.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

PORT = 4369
NODES = 4
XARGS_AT_ONCE = 64
NET_ADM = """
{ok, Text} = file:read_file(os:getenv("HOSTS")),
Ask = fun(Host) -> {ok, Names} = net_adm:names(binary_to_list(Host)), length(Names) end,
io:format("~p~n", [lists:sum([Ask(H) || H <- binary:split(Text, <<"\\n">>, [global, trim])])]),
halt().
"""


class Failed(Exception):
    """A way did not find the nodes."""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epmd", required=True, type=os.path.abspath)
    parser.add_argument("--quick", action="store_true", help="1,000 hosts alone, one round")
    return parser.parse_args()


def enter_namespace():
    """Go on in a network namespace that has loopback, and 10.0.0.0/8 where nothing answers."""
    if os.environ.get("BENCH_HOSTS_INSIDE"):
        return
    setup = ("ip link set lo up && ip link add void arp off type veth peer name end && "
             'ip addr add 10.0.0.1/8 dev void && ip link set void up && ip link set end up && exec "$@"')
    os.execvpe("unshare", ["unshare", "--net", "sh", "-c", setup, "sh", sys.executable, *sys.argv],
               {**os.environ, "BENCH_HOSTS_INSIDE": "1"})


def addresses(count, dead):
    alive = [f"127.{1 + n // 62500}.{n // 250 % 250}.{n % 250 + 1}" for n in range(count - dead)]
    return alive + [f"10.1.{n // 250}.{n % 250 + 2}" for n in range(dead)]


def register(name, port):
    """A node's connection, which has to stay open."""
    import socket
    import struct
    body = struct.pack(">BHBBHHH", 120, port, 77, 0, 6, 5, len(name)) + name + b"\0\0"
    node = socket.create_connection(("127.0.0.1", PORT))
    node.sendall(struct.pack(">H", len(body)) + body)
    assert node.recv(6)[1] == 0
    return node


def run(command, found, env=None):
    """Seconds that a command takes, which has to find so many nodes."""
    start = time.monotonic()
    result = subprocess.run(command, capture_output=True, text=True, check=False,
                            env={**os.environ, **(env or {})})
    seconds = time.monotonic() - start
    if not found(result.stdout):
        raise Failed(f"{command}: {result.stdout[-200:]}{result.stderr[-200:]}")
    return seconds


def measure(epmd, path, alive, rounds, others):
    """The seconds of each way, by its name."""
    nodes = f"{alive * NODES:,} nodes"
    xargs = f'xargs -a "$1" -P {XARGS_AT_ONCE} -n 1 "$0" -names -host | grep -c ^name'
    ways = {"-names -hosts": lambda: statistics.median(
        run([epmd, "-names", "-hosts", f"@{path}"], lambda text: nodes in text)
        for _ in range(rounds))}
    if others:
        ways[f"xargs -P {XARGS_AT_ONCE} epmd -names -host"] = lambda: run(
            ["sh", "-c", xargs, epmd, path], lambda text: text.strip() == str(alive * NODES))
        ways["net_adm:names/1, one by one"] = lambda: run(
            ["erl", "-noinput", "-boot", "start_clean", "-eval", NET_ADM],
            lambda text: text.strip() == str(alive * NODES), {"HOSTS": path})
    return {name: way() for name, way in ways.items()}


def main():
    chosen = arguments()
    enter_namespace()
    server = subprocess.Popen([chosen.epmd], stderr=subprocess.DEVNULL)
    while subprocess.run([chosen.epmd, "-started"], check=False).returncode != 0:
        time.sleep(0.05)
    held = [register(b"node%d" % number, 20000 + number) for number in range(NODES)]
    cases = [(1000, 0), (1000, 20)] + ([] if chosen.quick else [(10000, 0), (10000, 100)])
    print("| hosts | of these dead | way | seconds |\n|---|---|---|---|")
    try:
        for count, dead in cases:
            with tempfile.NamedTemporaryFile("w") as file:
                file.write("".join(f"{address}\n" for address in addresses(count, dead)))
                file.flush()
                found = measure(chosen.epmd, file.name, count - dead, 1 if chosen.quick else 5,
                                dead == 0)
            for way, seconds in found.items():
                print(f"| {count:,} | {dead} | {way} | {seconds:.2f} |", flush=True)
    finally:
        server.terminate()
        server.wait()
    return len(held) - NODES


if __name__ == "__main__":
    sys.exit(main())
