# SPDX-License-Identifier: Apache-2.0
"""Whether passed descriptors are meant for this process at all."""

import socket

from harness import free_port
from restart.passing import Watcher, Worker
from wire.protocol import NAMES, connect, exchange, read_all, send


def test_descriptors_for_another_program_are_left_alone(ours):
    """Neither -systemd nor a keeper: then $LISTEN_FDS was meant for somebody else."""
    with Watcher(ours) as elsewhere:
        elsewhere.listen()
        worker = Worker(ours, elsewhere.held["l"], env={"LISTEN_FDS": "1"}, port=free_port())
        elsewhere.worker = worker.start(reachable=False)
        worker.wait_log(rf"listening on 0\.0\.0\.0 port {worker.port}")
        assert worker.port != elsewhere.port and str(elsewhere.port) not in worker.log()
        assert exchange(worker, NAMES) == worker.port.to_bytes(4, "big")


def test_a_socket_with_the_port_of_metrics_on_another_address_is_not_theirs(ours):
    """It speaks epmd's protocol; -metrics opens its own."""
    port, other = free_port(), free_port()
    with socket.create_server(("127.0.0.1", port)) as usual, \
            socket.create_server(("127.0.0.2", other)) as further:
        passed = [usual.fileno(), further.fileno()]
        with Worker(ours, passed, "-systemd", "-metrics", f"127.0.0.1:{other}",
                    env={"LISTEN_FDS": "2"}, port=port) as worker:
            assert exchange(worker, NAMES) == port.to_bytes(4, "big")
            with connect(other, "127.0.0.2") as sock:
                send(sock, NAMES)
                assert read_all(sock) == port.to_bytes(4, "big")
            with connect(other, "127.0.0.1") as sock:
                send(sock, b"GET /metrics HTTP/1.0\r\n\r\n")
                assert b" 200 OK\r\n" in read_all(sock)
