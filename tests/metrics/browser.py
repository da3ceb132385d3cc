# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, spoken to in its DevTools protocol over a pipe.

It renders a page at exactly the size that is asked for, which its window does not: that
has a least width of its own.
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import subprocess
import tempfile
import time

from harness import PATIENCE_S, wait_for


class Browser:
    def __init__(self):
        self._held = contextlib.ExitStack()
        profile = self._held.enter_context(
            tempfile.TemporaryDirectory(prefix="epmd-chromium.", ignore_cleanup_errors=True))
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        for fd in ours_in, ours_out:
            self._held.callback(os.close, fd)
        self._in, self._out, self._rest, self._number = ours_in, ours_out, b"", 0
        self._process = self._start(profile, theirs_in, theirs_out)
        os.close(theirs_in)
        os.close(theirs_out)
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target,
                                  flatten=True)["sessionId"]

    @staticmethod
    def _start(profile, commands, replies):
        """The protocol is on descriptors 3 and 4."""
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (commands, replies)]
        try:
            return subprocess.Popen(
                ["bash", "-c", f'exec "$@" 3<&{high[0]} 4>&{high[1]}', "bash", "chromium",
                 "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--no-first-run", "--disable-background-networking", "--remote-debugging-pipe",
                 f"--user-data-dir={profile}", "about:blank"],
                pass_fds=high, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
        finally:
            for fd in high:
                os.close(fd)

    def _receive(self):
        """One message of the browser."""
        deadline = time.monotonic() + PATIENCE_S
        while b"\0" not in self._rest:
            if not select.select([self._in], [], [], deadline - time.monotonic())[0]:
                raise TimeoutError("the browser says nothing")
            data = os.read(self._in, 1 << 16)
            assert data, "the browser has ended"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def call(self, method, **parameters):
        """Call a method and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (reply := self._receive()).get("id") != self._number:
            pass
        assert "error" not in reply, reply
        return reply["result"]

    def show(self, url, width, height, dark=False):
        """Load a page into a screen of that many CSS pixels."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=2, mobile=width < 600)
        navigated = self.call("Page.navigate", url=url)
        assert "errorText" not in navigated, f"{url}: {navigated['errorText']}"
        wait_for(lambda: self.value("document.readyState") == "complete", what=f"all of {url}")

    def value(self, expression):
        """What an expression of JavaScript is in the page; a promise's, once it is kept."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def text_has(self, part):
        """Whether a text can be read; False also while the page is between two loads."""
        with contextlib.suppress(AssertionError):
            return part in self.value("document.body.innerText")
        return False

    def picture(self):
        """The whole page as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        return base64.b64decode(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError, AssertionError, TimeoutError):
            self._session = None
            self.call("Browser.close")
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._held.close()
