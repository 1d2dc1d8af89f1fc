"""Runs each benchmark script for seconds, to see that it still runs; nothing is measured.

Scripts of real images are asked for their help only; scripts of another library that is not
installed are skipped. Results go to a temporary folder.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
TINY = {
    "attention": "--images 1 --side 64 --steps 2 --repeats 1",
    "audit_overhead": "--n 16 --n-densenet 0 --repeats 1",
    "large_image": "--side 600",
    "memory": "--one 8",
    "observer": "--pairs 40 --images 1 --repeats 1",
    "endpoint": "--rate 200 --pauses 0 --cases 6 --queries 4 --side 32",
    "onnx_network": "--side 32 --edge 16 --batch 1 --repeats 1",
    "optimality": "--smoke --passes 60",
    "pgd": "--images 4 --steps 2 --longer 4 --repeats 1 --architecture small-cnn",
    "pixel": "--images 2 --generations 1 --repeats 1",
    "rounding": "--n 8 --n-densenet 1 --steps 2",
    "source_manifest": "--rows 60 --repeats 1",
    "sparse": "--queries 64 --repeats 1",
    "startup": "--repeats 1",
    "statistics_speed": "--n 2000 --repeats 1 --replications 100",
    "volume": "--repeats 1 --size 24 28 20",
    "workers": "--n 8 --repeats 1 --architecture small-cnn",
}
"""Script → options with which it ends within seconds."""
PEERS = {
    "optimality": "attackbench",
    "pgd": "foolbox",
    "pixel": "art",
    "regression_peers": "art",
    "statistics_speed": "confidenceinterval",
    "workers": "ray",
}
"""Script → a module that it cannot do without."""
NO_SCRIPT = {"measuring", "peers", "subject", "table"}


def options_of(name: str) -> list[str]:
    """Tiny ones, or a call for help where the script needs real images."""
    return TINY[name].split() if name in TINY else ["--help"]


def is_missing(peer: str | None) -> bool:
    """Whether a module is named and not installed."""
    return peer is not None and importlib.util.find_spec(peer) is None


def names() -> list[str]:
    """Every script that can be run."""
    found = (path.stem for path in sorted(BENCHMARKS.glob("*.py")))
    scripts = [name for name in found if name not in NO_SCRIPT]
    return [name for name in scripts if "ArgumentParser" in (BENCHMARKS / f"{name}.py").read_text()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the number of scripts that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=names(), help="these scripts")
    wanted = parser.parse_args(arguments).only or names()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        smoke = {"PLEXOR_BENCHMARK_RESULTS": folder, "PLEXOR_BENCHMARK_SMOKE": "1"}
        for name in wanted:
            if is_missing(PEERS.get(name)):
                print(f"{name}: skipped, needs {PEERS[name]}")
                continue
            command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *options_of(name)]
            done = subprocess.run(  # noqa: S603
                command, env=os.environ | smoke, capture_output=True, text=True, check=False
            )
            failed += done.returncode != 0
            print(f"{name} {' '.join(command[2:])}: {'failed' if done.returncode else 'runs'}")
            if done.returncode:
                print(done.stderr[-2000:])
    return failed


if __name__ == "__main__":
    sys.exit(main())
