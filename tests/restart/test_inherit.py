# SPDX-License-Identifier: Apache-2.0
"""Whether passed descriptors are meant for this process at all."""

from harness import free_port
from restart.passing import Watcher, Worker
from wire.protocol import NAMES, exchange


def test_descriptors_for_another_program_are_left_alone(ours):
    """Neither -systemd nor a keeper: then $LISTEN_FDS was meant for somebody else."""
    with Watcher(ours) as elsewhere:
        elsewhere.listen()
        worker = Worker(ours, elsewhere.held["l"], env={"LISTEN_FDS": "1"}, port=free_port())
        elsewhere.worker = worker.start(reachable=False)
        worker.wait_log(rf"listening on 0\.0\.0\.0 port {worker.port}")
        assert worker.port != elsewhere.port and str(elsewhere.port) not in worker.log()
        assert exchange(worker, NAMES) == worker.port.to_bytes(4, "big")
