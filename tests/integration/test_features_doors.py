"""One network of an image and two numbers, through each door that takes both: the same findings."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.helpers.runs import audited
from torch import Tensor, nn

from plexor.audits import audit
from plexor.cases.formats.png import PngCodec
from plexor.core.errors import PlanError
from plexor.models import ModelSource, open_model

SHAPE = (1, 6, 5)
GENERATOR = torch.Generator().manual_seed(0)
OF_IMAGE = torch.randn(30, 1, generator=GENERATOR) / 10
OF_NUMBERS = torch.tensor([[3.0], [-2.0]])
FEATURES = [
    {"name": "icv", "mean": 1400.0, "std": 100.0},
    {"name": "age", "mean": 50.0, "std": 10.0},
]
PGD = {
    "attack": "pgd",
    "steps": 3,
    "goal": {"raise": 1.0},
    "threat": {"norm": "linf", "radius": 2, "features": {"icv": 30.0}},
}


class Both(nn.Module):
    """A number that is linear in the image, whose channels are first, and in two numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.of_image, self.of_numbers = nn.Parameter(OF_IMAGE), nn.Parameter(OF_NUMBERS)

    def forward(self, images: Tensor, numbers: Tensor) -> Tensor:
        return images.flatten(1) @ self.of_image + numbers @ self.of_numbers


def write_cohort(folder: Path) -> Path:
    generator = np.random.default_rng(0)
    lines = ["path,label,group,age,icv"]
    for i in range(5):
        pixels = generator.integers(100, 156, SHAPE, dtype=np.uint8)
        (folder / f"{i}.png").write_bytes(PngCodec().encode(pixels))
        lines.append(f"{i}.png,{40 + i},group-{i},{40 + 3 * i},{1300 + 17 * i}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


def as_onnx(folder: Path) -> dict[str, Any]:
    names: dict[str, Any] = {"input_names": ["image", "numbers"], "output_names": ["years"]}
    free = {"image": {0: "n"}, "numbers": {0: "n"}}
    given = (torch.rand(2, *SHAPE), torch.rand(2, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = str(folder / "net.onnx")
        torch.onnx.export(Both(), given, path, dynamo=False, dynamic_axes=free, **names)
    return {"onnx": path}


def as_keras(folder: Path) -> dict[str, Any]:
    from plexor.models.sources.keras_file import _keras

    layers, model = (keras := _keras()).layers, keras.Model
    image, numbers = keras.Input((6, 5, 1)), keras.Input((2,))
    parts = [
        layers.Dense(1, use_bias=False)(layers.Flatten()(image)),
        layers.Dense(1, use_bias=False)(numbers),
    ]
    made = model([image, numbers], layers.Add()(parts))
    made.set_weights([OF_IMAGE.numpy(), OF_NUMBERS.numpy()])
    made.save(folder / "net.keras")
    return {"keras": str(folder / "net.keras")}


class NumbersFirst(Both):
    """The same with its inputs the other way round."""

    def forward(self, numbers: Tensor, images: Tensor) -> Tensor:  # type: ignore[override]
        return images.flatten(1) @ self.of_image + numbers @ self.of_numbers


def as_other_program(folder: Path) -> dict[str, Any]:
    torch.jit.save(torch.jit.script(NumbersFirst()), folder / "other.pt")
    return {"torchscript": str(folder / "other.pt"), "inputs": [["icv", "age"], "image"]}


def as_exported(folder: Path) -> dict[str, Any]:
    """Exported for one image at a time, the numbers first."""
    given = (torch.rand(1, 2), torch.rand(1, *SHAPE))
    torch.export.save(torch.export.export(NumbersFirst(), given), folder / "net.pt2")
    return {"exported": str(folder / "net.pt2")}


def as_other_keras(folder: Path) -> dict[str, Any]:
    from plexor.models.sources.keras_file import _keras

    layers = (keras := _keras()).layers
    image, numbers = keras.Input((6, 5, 1), name="scan"), keras.Input((2,), name="numbers")
    parts = [
        layers.Dense(1, use_bias=False)(layers.Flatten()(image)),
        layers.Dense(1, use_bias=False)(numbers),
    ]
    made = keras.Model({"scan": image, "numbers": numbers}, layers.Add()(parts))
    made.set_weights([OF_IMAGE.numpy(), OF_NUMBERS.numpy()])
    made.save(folder / "named.keras")
    return {"keras": str(folder / "named.keras")}


def as_program(folder: Path) -> dict[str, Any]:
    torch.jit.save(torch.jit.script(Both()), folder / "net.pt")
    return {"torchscript": str(folder / "net.pt")}


@contextmanager
def as_server(folder: Path) -> Iterator[dict[str, Any]]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            given = (torch.tensor(body[name]) for name in ("instances", "features"))
            with torch.no_grad():
                data = json.dumps({"years": Both()(*given).tolist()}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield {
            "url": f"http://127.0.0.1:{server.server_address[1]}",
            "request": {"ledger": str(folder / "answers.jsonl")},
            "response": {"path": "years"},
        }
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def plan(folder: Path, model: dict[str, Any], *probes: dict[str, Any]) -> dict[str, Any]:
    about = {"task": "regression", "unit": "years", "channels": 1, "features": FEATURES}
    cohort = {"manifest": str(folder / "manifest.csv"), "audit": None, "features": ["age", "icv"]}
    prepare = {"preprocess": {"window": [0, 255]}}
    return {"cohort": cohort, "model": model | about | prepare, "probes": list(probes)}


def numbers(found: pd.DataFrame, column: str) -> Any:
    ordered = found.sort_values(["probe", "case_id", "stored"])
    return np.stack([np.asarray(one, dtype=float) for one in ordered[column]])


@pytest.mark.filterwarnings("ignore")  # of the exporter, and Keras with NumPy 2
def test_image_and_numbers_reach_every_door_that_shows_gradients(tmp_path: Path) -> None:
    write_cohort(tmp_path)
    runs = [
        audit(
            plan(tmp_path, made(tmp_path), PGD), out=tmp_path / made.__name__, allow_code=True
        ).findings()
        for made in (
            as_program,
            as_onnx,
            as_keras,
            as_other_program,
            as_exported,
            as_other_keras,
        )
    ]
    for other in runs[1:]:
        for column in ("outputs_before", "outputs_after", "features"):
            wanted, found = (numbers(run, column) for run in (runs[0], other))
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    attack = runs[0][runs[0]["probe"].str.startswith("pgd")]
    moved = numbers(attack, "outputs_after") - numbers(attack, "outputs_before")
    best = 2 / 255 * float(OF_IMAGE.abs().sum()) + 0.3 * 3.0
    assert moved == pytest.approx(best, abs=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_image_and_numbers_reach_a_server(tmp_path: Path) -> None:
    write_cohort(tmp_path)
    square = {
        "attack": "square",
        "queries": 5,
        "goal": {"raise": 1.0},
        "threat": {"norm": "linf", "radius": 2},
    }
    with as_server(tmp_path) as model:
        found = audited(plan(tmp_path, model, square), tmp_path / "server")
    wanted = audited(plan(tmp_path, as_onnx(tmp_path), square), tmp_path / "onnx")
    for column in ("outputs_before", "outputs_after", "features"):
        np.testing.assert_allclose(
            numbers(found, column), numbers(wanted, column), rtol=1e-5, atol=1e-5
        )


def test_a_plan_without_the_numbers_is_refused(tmp_path: Path) -> None:
    source = ModelSource(
        onnx=Path(as_onnx(tmp_path)["onnx"]), task="regression", unit="years", channels=1
    )
    with pytest.raises(PlanError, match=r"takes the inputs image \(.*; numbers \(any, 2\)"):
        open_model(source)
