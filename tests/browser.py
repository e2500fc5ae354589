"""Chromium without a window, driven over the DevTools protocol's pipe: pages as a person gets them, keys as a person presses them."""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from precepts.cards.pdf import browser

LONGEST_S = 120.0


class Tab:
    """One tab. `messages` are what the page logged and threw."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, back: int) -> None:
        self._process, self._to, self._from = process, to, back
        self._ids, self._left, self._session = itertools.count(1), b"", ""
        self.messages: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """What the browser answers."""
        number = next(self._ids)
        told: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            told["sessionId"] = self._session
        os.write(self._to, json.dumps(told).encode() + b"\0")
        while True:
            one = self._next()
            if one.get("id") == number:
                assert "error" not in one, one["error"]
                return one["result"]
            self._event(one)

    def open(self, url: str, *, width: int = 1280, height: int = 900) -> None:
        """Loads a page at a size, and waits until it is there."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Page.navigate", url=url)
        self.until(
            f"location.href !== 'about:blank' && document.readyState === 'complete' && {json.dumps(url)}.startsWith(location.origin)"
        )

    def js(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, expression: str) -> None:
        """Waits until an expression holds."""
        end = time.monotonic() + LONGEST_S
        while time.monotonic() < end:
            try:
                if self.js(expression):
                    return
            except AssertionError:
                pass  # the page is going away under the question
            time.sleep(0.1)
        raise AssertionError(f"it did not come true: {expression}")

    def landed(self, expression: str) -> None:
        """Waits until the page of which an expression holds is there whole."""
        self.until(f"({expression}) && document.readyState === 'complete'")

    def press(self, key: str) -> None:
        """A key, down and up."""
        more: dict[str, Any] = {"Enter": {"windowsVirtualKeyCode": 13, "text": "\r"}}.get(
            key, {"text": key} if len(key) == 1 else {}
        )
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def shot(self, path: Path, *, whole: bool = False) -> None:
        """A screenshot of what is in view, or of the whole page."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + LONGEST_S
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._from], [], [], max(0.0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self._from, 1 << 20)
            assert piece, "the browser ended"
            self._left += piece
        line, _, self._left = self._left.partition(b"\0")
        return json.loads(line)

    def _event(self, one: dict[str, Any]) -> None:
        if one.get("method") in (
            "Runtime.exceptionThrown",
            "Log.entryAdded",
            "Runtime.consoleAPICalled",
            "Page.javascriptDialogOpening",
        ):
            self.messages.append(json.dumps(one["params"])[:500])
            if one["method"] == "Page.javascriptDialogOpening":
                self.call("Page.handleJavaScriptDialog", accept=False)


@contextmanager
def chromium() -> Generator[Tab]:
    """A tab in a browser with a profile that is thrown away."""
    program = browser()
    assert program is not None, "no browser is installed"
    near, to_write = os.pipe()
    from_read, far = os.pipe()
    # The browser's ends go to 3 and 4 in its process; they must not lie there themselves, or dup2 would leave them to be closed.
    to_read, from_write = (fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 10) for one in (near, far))
    os.close(near)
    os.close(far)

    def wire() -> None:
        os.dup2(to_read, 3)
        os.dup2(from_write, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        argv = [
            program,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
            "--lang=en",
        ]
        if os.geteuid() == 0:
            argv.append("--no-sandbox")
        process = subprocess.Popen(
            [*argv, "about:blank"], close_fds=False, preexec_fn=wire, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )  # fmt: skip
        os.close(to_read)
        os.close(from_write)
        try:
            yield Tab(process, to_write, from_read)
        finally:
            os.close(to_write)
            os.close(from_read)
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
