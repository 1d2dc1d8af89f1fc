"""Times contenders in turn, and keeps what came of it as JSON."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(os.environ.get("PLEXOR_BENCHMARK_RESULTS", str(Path(__file__).parent / "results")))
_PACKAGES = (
    "plexor",
    "torch",
    "monai",
    "numpy",
    "scipy",
    "mlstatkit",
    "confidenceinterval",
    "foolbox",
    "torchattacks",
    "adversarial-robustness-toolbox",
    "pyautoattack",
    "attackbenchlib",
    "adv-lib",
    "captum",
    "grad-cam",
    "rapidocr",
    "presidio-image-redactor",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One call: seconds by the clock, and of processor time of this process and those it ended."""

    wall: float
    cpu: float


def timed(call: Callable[[], object]) -> Timing:
    """Calls once and times it."""
    wall, cpu = time.perf_counter(), processor_time()
    call()
    return Timing(wall=time.perf_counter() - wall, cpu=processor_time() - cpu)


def processor_time() -> float:
    """Seconds of this process, and of other programs that it called and that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def interleaved(
    contenders: Mapping[str, Callable[[], object]], repeats: int
) -> dict[str, list[Timing]]:
    """Times A B C A B C ..., so that a slower minute of the machine falls on all alike."""
    timings: dict[str, list[Timing]] = {name: [] for name in contenders}
    for repeat in range(repeats):
        for name, call in contenders.items():
            timings[name].append(timed(call))
            print(f"{repeat + 1}/{repeats} {name}: {timings[name][-1].wall:.3f} s", flush=True)
    return timings


def spread(numbers: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": statistics.median(numbers), "min": min(numbers), "max": max(numbers)}


def ratios(
    timings: Mapping[str, Sequence[Timing]], name: str, reference: str
) -> dict[str, dict[str, float]]:
    """Of each round's two times, by the clock and by processor time."""
    pairs = list(zip(timings[name], timings[reference], strict=True))
    return {
        "wall": spread([a.wall / b.wall for a, b in pairs]),
        "cpu": spread([a.cpu / b.cpu for a, b in pairs]),
    }


def seconds(timings: Sequence[Timing]) -> dict[str, dict[str, float]]:
    """Spread of the times, by the clock and by processor time."""
    return {"wall": spread([t.wall for t in timings]), "cpu": spread([t.cpu for t in timings])}


def write_result(name: str, settings: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Keeps a benchmark's rows with what one must know to repeat them."""
    import torch

    result = {
        "benchmark": name,
        "settings": dict(settings),
        "machine": {
            "processor": _processor(),
            "cores_allowed": len(os.sched_getaffinity(0)),
            "threads": torch.get_num_threads(),
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
            "load_average": round(os.getloadavg()[1], 1),
        },
        "versions": {"python": platform.python_version()} | _versions(),
        "rows": list(rows),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["rows"], indent=1))


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    about = {key.strip(): text.strip() for key, _, text in (line.partition(":") for line in lines)}
    return f"{about['model name']}, family {about['cpu family']}, model {about['model']}"
