"""A server that answers for images, well or badly as its path says; also a program of its own.

``python -m tests.helpers.model_server FOLDER`` writes its port into FOLDER/port, and a line for
each image that it was asked for into FOLDER/asked.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLASSES = ("keratosis", "melanoma", "naevus")


def logits(images: NDArray[Any]) -> NDArray[np.float64]:
    """Three numbers of images (N, C, *spatial) of values from 0 to 1: a fixed linear function."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    place = np.arange(flat.shape[1])
    weights = np.stack([np.sin(place * (k + 1) * 0.37) for k in range(3)])
    found: NDArray[np.float64] = flat @ weights.T / 8 + [0.2, 0, -0.2]
    return found


def probabilities(images: NDArray[Any]) -> NDArray[np.float64]:
    """Softmax of the logits."""
    powers = np.exp(logits(images))
    found: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return found


@dataclass
class State:
    """What a server remembers: images asked for, requests, headers, and a switch."""

    asked: list[str] = field(default_factory=list)
    requests: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)
    drifted: bool = False
    folder: Path | None = None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: State

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        state = self.state
        state.requests += 1
        state.headers.append(dict(self.headers))
        name = self.path.strip("/")
        if name == "busy" and state.requests <= 3:
            return self.reply({}, status=(429, 500, 503)[state.requests - 1])
        if name == "down" or (name == "every-third-fails" and state.requests % 3 == 0):
            return self.reply({}, status=503)
        if name == "refuses":
            return self.reply({"error": "no such token"}, status=401)
        if name == "elsewhere":
            return self.reply({}, status=307, location="http://127.0.0.2:9/scores")
        if name == "moved":
            return self.reply({}, status=308, location="/scores")
        if name == "slow":
            threading.Event().wait(2)
        images = self.images(body)
        self.note(images)
        return self.reply(self.answer(name, images))

    def images(self, body: bytes) -> NDArray[Any]:
        kind = self.headers["Content-Type"]
        if kind == "application/json":
            return np.array(json.loads(body)["instances"], dtype=np.float32)
        if kind == "image/png":
            from PIL import Image

            pixels = np.asarray(Image.open(io.BytesIO(body)))
            pixels = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
            return (pixels[None] / np.float32(255)).astype(np.float32)
        found: NDArray[Any] = np.load(io.BytesIO(body), allow_pickle=False)
        return found

    def note(self, images: NDArray[Any]) -> None:
        new = [hashlib.sha256(np.ascontiguousarray(one).tobytes()).hexdigest() for one in images]
        self.state.asked += new
        if self.state.folder is not None:
            with (self.state.folder / "asked").open("a") as file:
                file.writelines(f"{one}\n" for one in new)

    def answer(self, name: str, images: NDArray[Any]) -> Any:
        scores = probabilities(images)
        if name == "vary":
            scores = scores + zlib.crc32(str(time.monotonic_ns()).encode()) / 2**32 / 50
        if name == "drift" and self.state.drifted:
            scores = scores[:, ::-1]
        if name == "nan":
            scores[:, 0] = np.nan
        if name == "short":
            scores = scores[:, :2]
        if name == "fewer":
            scores = scores[1:]
        if name == "ragged":
            return {"predictions": [[0.1] * (i + 1) for i in range(len(images))]}
        decided = [CLASSES[i] for i in scores.argmax(axis=1)]
        if name == "labels":
            return {"result": {"label": decided[0]}}
        if name == "named":
            rows = [dict(zip(("AK", "MEL", "NV"), row, strict=True)) for row in scores.tolist()]
            return {"predictions": rows}
        if name == "text":
            return "hello"
        return {"predictions": decided if name == "decisions" else scores.tolist()}

    def reply(self, document: Any, *, status: int = 200, location: str = "") -> None:
        data = b"<html>" if document == "hello" else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if status == 429:
            self.send_header("Retry-After", "0")
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(data)


def make_server(state: State) -> ThreadingHTTPServer:
    """A server on a free port of this machine."""
    handler = type("Bound", (Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    return server


@contextmanager
def serving() -> Iterator[tuple[str, State]]:
    """A server in a thread: its address, and what it remembers."""
    state = State()
    server = make_server(state)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    where = Path(sys.argv[1])
    running = make_server(State(folder=where))
    (where / "port.part").write_text(str(running.server_address[1]))
    (where / "port.part").rename(where / "port")
    running.serve_forever()
