# SPDX-License-Identifier: Apache-2.0
"""The image of dist/container/Containerfile, and containers that run it.

Always true here: the image is buildah's and the containers are runc's, so that what is
tested is what the file says, as runtimes understand it. The stage that compiles is
replaced by the binary it would leave: it needs the network and an image of Debian.
"""

import json
import os
import shutil
import subprocess
import tempfile

from harness import PATIENCE_S, ROOT, network_of, wait_for

BUILT = "src/build-static/epmd"


class Image:
    """An image in a store of its own; `config` is what a runtime is told."""

    def __init__(self, static, place):
        self._store = os.path.join(place, "store")
        stage = os.path.join(place, "stage")
        os.makedirs(os.path.join(stage, os.path.dirname(BUILT)))
        shutil.copy(static, os.path.join(stage, BUILT))
        self._buildah("build", "--quiet", "--format", "docker", "--build-context",
                      f"build={stage}", "-t", "epmd",
                      "-f", os.path.join(ROOT, "dist/container/Containerfile"), ROOT)
        inspected = json.loads(self._buildah("inspect", "--type", "image", "epmd"))
        self.config = inspected["Docker"]["config"]
        self.root = self._buildah("mount", self._buildah("from", "--quiet", "epmd").strip()).strip()

    def _buildah(self, *command):
        done = subprocess.run(
            # Files alone: an overlay would have to be unmounted.
            ["buildah", "--storage-driver", "vfs", "--root", self._store, "--runroot",
             self._store + ".run", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._buildah("umount", "--all")
        self._buildah("rm", "--all")


class Container:
    """One container with the image's own command, in a network of its own."""

    port = 4369

    def __init__(self, image, *options):
        self.health_check = image.config["Healthcheck"]["Test"][1:]
        self._bundle = tempfile.mkdtemp(prefix="epmd-container-")
        self._id = os.path.basename(self._bundle)  # control groups have it, which all share
        self._log = tempfile.TemporaryFile()
        self._process = None
        self._runc("spec", "--bundle", self._bundle)
        self._edit(image, options)

    def _edit(self, image, options):
        path = os.path.join(self._bundle, "config.json")
        with open(path, encoding="utf-8") as file:
            spec = json.load(file)
        uid, gid = map(int, image.config["User"].split(":"))
        spec["root"] = {"path": image.root, "readonly": True}
        spec["process"] |= {"terminal": False, "user": {"uid": uid, "gid": gid},
                            "args": [*image.config["Entrypoint"], *options],
                            "capabilities": {}, "env": image.config["Env"]}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(spec, file)

    def _runc(self, *command):
        return subprocess.run(["runc", "--root", self._bundle + "/state", *command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S, check=False)

    def run(self, *command):
        """Run one command beside process 1, to its end; its CompletedProcess."""
        return self._runc("exec", self._id, *command)

    def is_healthy(self):
        return self.run(*self.health_check).returncode == 0

    @property
    def pid(self):
        """Process 1, as it is seen from without."""
        with open(self._bundle + "/pid", encoding="ascii") as file:
            return int(file.read())

    def children(self):
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def network(self):
        """A context in which this thread's sockets and programs are in its network."""
        return network_of(self.pid)

    def signal(self, name):
        """What `podman kill --signal` does, and `podman stop` with TERM."""
        done = self._runc("kill", self._id, name)
        assert done.returncode == 0, done.stdout

    def wait(self, timeout):
        """Wait for its end; the exit status."""
        return self._process.wait(timeout)

    def log(self):
        return os.pread(self._log.fileno(), 1 << 20, 0).decode()

    def __enter__(self):
        self._process = subprocess.Popen(
            ["runc", "--root", self._bundle + "/state", "run", "--bundle", self._bundle,
             "--pid-file", self._bundle + "/pid", self._id],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        try:
            wait_for(self.is_healthy, what="health")
        except TimeoutError as error:
            log = self.log()
            self.__exit__()
            raise RuntimeError(f"the container did not start: {log}") from error
        return self

    def __exit__(self, *_):
        self._runc("delete", "--force", self._id)
        self._process.wait()
        shutil.rmtree(self._bundle)
