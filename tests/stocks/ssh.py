# SPDX-License-Identifier: Apache-2.0
"""The little of ssh that OTP's epmd_SUITE uses: `ssh -L PORT:HOST:HOSTPORT NAME read`.

Listens here, and connects from the network namespace of the process EPMD_TEST_THERE, which
stands for the host NAME. Ends with its standard input, as `read` does. It imports little,
because the suite waits for two seconds.
"""

import ctypes
import os
import socket
import sys
import threading

CLONE_NEWNET = 0x40000000


def move_there():
    """A socket that was made before stays where it is."""
    with open(f"/proc/{os.environ['EPMD_TEST_THERE']}/ns/net", "rb") as network:
        if ctypes.CDLL(None).setns(network.fileno(), CLONE_NEWNET) != 0:
            sys.exit("ssh.py: setns(2) fails")


def pass_on(source, sink):
    """Everything from one to the other, the end as well."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        sink.close()


def serve(listener, host, port):
    while True:
        near = listener.accept()[0]
        far = socket.create_connection((host, port))
        for pair in (near, far), (far, near):
            threading.Thread(target=pass_on, args=pair, daemon=True).start()


def main():
    here, host, there = sys.argv[sys.argv.index("-L") + 1].split(":")
    listener = socket.create_server(("127.0.0.1", int(here)))
    move_there()
    threading.Thread(target=serve, args=(listener, host, int(there)), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
