"""A real browser, spoken to over its own pipe: nothing is installed and no port is opened."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser")
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """One page."""

    def __init__(self, send: IO[bytes], receive: IO[bytes]) -> None:
        self._send, self._receive = send, receive
        self._last = 0
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = session["sessionId"]
        self.call("Page.enable")

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """One command of the DevTools protocol, and its answer."""
        self._last += 1
        message: dict[str, object] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._send.write(json.dumps(message).encode() + b"\0")
        self._send.flush()
        while True:
            answer = json.loads(self._read())
            if answer.get("id") == self._last:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def open(self, path: Path, *, width: int = 1280, prefers: dict[str, str] | None = None) -> None:
        """Opens a file and waits until its script has run."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        features = [{"name": key, "value": value} for key, value in (prefers or {}).items()]
        self.call("Emulation.setEmulatedMedia", media="", features=features)
        self.call("Page.navigate", url=path.as_uri())
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression: str) -> None:
        """Until an expression is true; gives up after ten seconds."""
        for _ in range(200):
            if self.evaluate(expression):
                return
            time.sleep(0.05)
        raise AssertionError(f"never became true: {expression}")

    def press(self, key: str) -> None:
        """A key, down and up."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def _read(self) -> bytes:
        data = bytearray()
        while (byte := self._receive.read(1)) != b"\0":
            assert byte, "the browser has gone"
            data += byte
        return bytes(data)


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Starts Chromium with a profile of its own, and ends it."""
    assert EXECUTABLE is not None
    its_input, our_output = os.pipe()
    our_input, its_output = os.pipe()
    command = [EXECUTABLE, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"]
    # Chromium reads its commands from descriptor 3 and answers on 4.
    wired = f'exec "$@" 3<&{its_input} 4>&{its_output}'
    process = subprocess.Popen(
        ["/bin/bash", "-c", wired, "chromium", *command],
        pass_fds=(its_input, its_output),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(its_input)
    os.close(its_output)
    try:
        with os.fdopen(our_output, "wb") as send, os.fdopen(our_input, "rb") as receive:
            yield Browser(send, receive)
    finally:
        process.kill()
        process.wait()
