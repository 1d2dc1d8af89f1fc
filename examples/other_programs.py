"""Audits one network as an ONNX file, and behind a server that gives its scores only.

    python examples/other_programs.py chest-phantoms/manifest.csv runs/others

The network is small enough to be trained in a second. The server runs in a second process, as a
product's would; the audit knows its address and nothing else.
"""

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import torch
from torch import nn

import plexor

PREPARE = {"size": [32, 32], "window": [0, 4095]}


def trained(manifest: Path) -> nn.Module:
    """A network that takes films of 32×32 pixels of values from 0 to 1."""
    cohort = plexor.load_cohort(manifest).with_split("train")
    prepare = plexor.Preprocess(size=(32, 32), window=(0, 4095))
    pixels = [plexor.read_image(case.path).pixels.astype(np.float32) for case in cohort.cases]
    images = torch.cat([prepare(torch.from_numpy(one)[None]) for one in pixels])
    labels = torch.tensor([cohort.classes.index(case.truth) for case in cohort.cases])
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 49, 2), nn.Softmax(1)
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.nll_loss(network(images).log(), labels).backward()
        optimizer.step()
    return network.eval()


def serve(file: str) -> None:
    """Answers for images with probabilities, computed by onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(file)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            images = np.array(body["instances"], dtype=np.float32)
            (found,) = session.run(None, {"films": images})
            answer = json.dumps({"predictions": found.tolist()}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def audit(manifest: Path, model: dict[str, object], attack: dict[str, object], out: Path) -> None:
    """Audits a model of ten films by one attack, and prints what came out."""
    plan = {
        "cohort": {"manifest": str(manifest), "limit": 10},
        "model": model | {"classes": ["normal", "opacity"], "channels": 1, "preprocess": PREPARE},
        "probes": [attack | {"threat": {"norm": "linf", "radius": 2, "unit": "percent"}}],
        "n_examples": 2,
    }
    run = plexor.audit(plan, out=out)
    summary = run.summarise()
    fooled = summary.attacks[0].lossless.success.value
    paid = run.provenance().get("images_paid", 0)
    print(f"{summary.model.architecture}: {attack['attack']} fooled {fooled:.0%}, asked {paid}")
    print(plexor.write_report(run.path))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    manifest, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    file = out / "films.onnx"
    films = torch.zeros(2, 1, 32, 32)
    free = {"films": {0: "n"}}
    names = {"input_names": ["films"], "output_names": ["probabilities"], "dynamic_axes": free}
    torch.onnx.export(trained(manifest), (films,), str(file), dynamo=False, **names)

    audit(manifest, {"onnx": str(file)}, {"attack": "pgd"}, out / "onnx")
    command = [sys.executable, __file__, "serve", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            asked = {
                "url": f"http://127.0.0.1:{server.stdout.readline().strip()}/predict",
                "request": {"ledger": str(out / "answers.jsonl"), "most_images": 20_000},
                "response": {"path": "predictions"},
                "outputs": "probabilities",
            }
            audit(manifest, asked, {"attack": "square", "queries": 200}, out / "server")
        finally:
            server.terminate()
