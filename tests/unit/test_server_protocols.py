"""Servers as their programs are: what each is asked, and what it answers, as a plan can say it."""

from __future__ import annotations

import base64
import email
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tests.helpers.model_server import CLASSES, logits, probabilities

from plexor.core.errors import PlanError
from plexor.models import ModelSource, open_model
from plexor.models.sources.endpoint_settings import Request, Response

IMAGES = torch.arange(3 * 3 * 4 * 4.0).view(3, 3, 4, 4) % 256
TENSOR = {"name": "x", "shape": "{shape}", "datatype": "FP32", "data": "{flat}"}


def opened(file: bytes) -> NDArray[Any]:
    pixels = np.moveaxis(np.asarray(Image.open(io.BytesIO(file))), -1, 0)
    return (pixels[None] / np.float32(255)).astype(np.float32)


class Handler(BaseHTTPRequestHandler):
    """One path for each program."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        document = getattr(self, self.path.strip("/"))(body)
        data = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def triton(self, body: bytes) -> Any:
        """Inference protocol of KServe, version 2."""
        (given,) = json.loads(body)["inputs"]
        assert given["datatype"] == "FP32"
        assert len(given["data"]) == np.prod(given["shape"])
        scores = logits(np.array(given["data"], np.float32).reshape(given["shape"]))
        flat = scores.reshape(-1).tolist()
        return {"outputs": [{"name": "y", "shape": list(scores.shape), "data": flat}]}

    def serving(self, body: bytes) -> Any:
        """TensorFlow Serving, of encoded images."""
        (one,) = json.loads(body)["instances"]
        return {"predictions": probabilities(opened(base64.b64decode(one["b64"]))).tolist()}

    def upload(self, body: bytes) -> Any:
        """A form with a file, answered by labels with scores, as pipelines of Hugging Face do."""
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        (part,) = email.message_from_bytes(head + body).get_payload()  # type: ignore[misc]
        assert part.get_param("name", header="content-disposition") == "file"  # type: ignore[union-attr]
        scores = probabilities(opened(part.get_payload(decode=True)))[0]  # type: ignore[union-attr, arg-type]
        ranked = sorted(zip(CLASSES, scores.tolist(), strict=True), key=lambda one: -one[1])
        return [{"label": name, "score": score} for name, score in ranked]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "request_", "response"),
    [
        ("triton", {"document": {"inputs": [TENSOR]}}, "outputs.0.data"),
        (
            "serving",
            {"document": {"instances": [{"b64": "{png}"}]}},
            "predictions",
        ),
        ("upload", {"form": "png", "field": "file"}, ""),
    ],
)
def test_a_program_is_asked_as_it_wants(
    address: str, path: str, request_: Any, response: str, tmp_path: Path
) -> None:
    source = ModelSource(
        url=f"{address}/{path}",
        request=Request(ledger=tmp_path / "answers.jsonl", **request_),
        response=Response(path=response),
        outputs="logits" if path == "triton" else "probabilities",
        classes=CLASSES,
    )
    found = open_model(source).outputs(IMAGES).softmax(1)
    wanted = torch.from_numpy(logits(IMAGES.numpy() / np.float32(255))).float().softmax(1)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"document": {"inputs": "x"}}, "says where images come"),
        ({"document": {"inputs": "{values}"}, "form": "npy"}, "`document` is for `form: json`"),
        ({"field": "file"}, "`field` is for `form: png`"),
    ],
)
def test_a_document_without_images_is_refused(wrong: Any, sentence: str) -> None:
    with pytest.raises(PlanError, match=sentence):
        Request(**wrong)
