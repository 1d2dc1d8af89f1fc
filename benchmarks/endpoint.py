"""How close an audit of a server comes to the rate that it allows.

A server in a second process answers each request after a pause. The share is the time that the
requests take at the allowed rate, over the time between the first and the last that arrived.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from measuring import write_result

import plexor
from plexor.cases.phantoms import LesionConfig, write_phantoms

CLASSES = ["keratosis", "melanoma", "naevus"]


def serve(pause_s: float, file: Path) -> None:
    """Answers with fixed probabilities, and notes when each request arrived."""
    answer = json.dumps({"scores": [0.2, 0.3, 0.5]}).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            with file.open("a") as log:
                log.write(f"{time.monotonic()}\n")
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(pause_s)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def measured(pause_s: float, options: argparse.Namespace) -> dict[str, object]:
    """One audit by scores, of phantom lesions."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        side = options.side
        manifest = write_phantoms(
            "lesion",
            here,
            n_cases=options.cases,
            seed=0,
            file_format="png",
            config=LesionConfig(height=side, width=side),
        )
        log = here / "arrived"
        command = [sys.executable, __file__, "--serve", str(log), "--pause", str(pause_s)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                port = int(server.stdout.readline())
                plan = {
                    "cohort": {"manifest": str(manifest), "audit": None},
                    "model": {
                        "url": f"http://127.0.0.1:{port}/",
                        "request": {
                            "form": "png",
                            "per_second": options.rate,
                            "ledger": str(here / "answers.jsonl"),
                        },
                        "response": {"path": "scores"},
                        "outputs": "probabilities",
                        "classes": CLASSES,
                    },
                    "probes": [
                        {
                            "attack": "square",
                            "queries": options.queries,
                            "threat": {"norm": "linf", "radius": 4},
                        }
                    ],
                }
                plexor.audit(plan, out=here / "run", quiet=True)
            finally:
                server.terminate()
        arrived = [float(line) for line in log.read_text().split()]
    taken = arrived[-1] - arrived[0]
    return {
        "pause_ms": round(1000 * pause_s),
        "requests": len(arrived),
        "per_second": options.rate,
        "seconds": round(taken, 1),
        "busy": (len(arrived) - 1) / options.rate / taken,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=10, help="requests a second")
    parser.add_argument("--pauses", type=float, nargs="+", default=[0.02, 0.5], help="seconds")
    parser.add_argument("--cases", type=int, default=48)
    parser.add_argument("--queries", type=int, default=30)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--serve", type=Path)
    parser.add_argument("--pause", type=float, default=0.0)
    options = parser.parse_args()
    if options.serve is not None:
        return serve(options.pause, options.serve)
    rows = [measured(pause, options) for pause in options.pauses]
    settings = {"images": options.cases, "side": options.side, "queries": options.queries}
    return write_result("endpoint", settings, rows)


if __name__ == "__main__":
    main()
