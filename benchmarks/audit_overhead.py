"""A whole audit beside its attack loop alone, and where the rest of the time goes.

The audit is clean pass, PGD and noise control, each judged on the encoded and decoded image, hashed
and kept. Every file is read and checked anew, as in a process of its own. The loop alone is the
same PGD on the same cases in the same batches, already in memory, and with memory kept between
steps as in an audit. Where an audit's time goes is measured in one more audit, since the stopwatch
takes time of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch
from measuring import Timing, ratios, seconds, timed, write_result
from subject import batch_of, correct, phantoms, trained, unseen

from plexor.attacks import PGD, Misclassify, Threat
from plexor.audits import audit
from plexor.cases import Image, formats
from plexor.cases.formats.jpeg import JpegCodec
from plexor.cases.formats.png import PngCodec
from plexor.core.seeds import seed_for
from plexor.findings import RunDirectory
from plexor.models import Batch, Model, TorchModel
from plexor.models.device import keep_freed_memory
from plexor.report import write_report

RADIUS, STEPS, UNIT = 2.0, 20, 64
CASES = {("small-cnn", "png"): 2000, ("small-cnn", "jpeg"): 2000, ("densenet121", "png"): 2000}


def parts() -> list[tuple[str, object, str]]:
    """What is timed inside an audit: a name, and where the function stands."""
    audits, inputs = sys.modules["plexor.audits.run"], sys.modules["plexor.audits.inputs"]
    judging = sys.modules["plexor.attacks.judge"]
    return [
        ("attack", PGD, "__call__"),
        ("passes of the judge", judging, "_measure"),
        ("codec", PngCodec, "encode"),
        ("codec", PngCodec, "decode"),
        ("codec", JpegCodec, "encode"),
        ("codec", JpegCodec, "decode"),
        ("distances", judging.Distances, "between"),
        ("pixels to store", Image, "changed"),
        ("visibility", sys.modules["plexor.audits.row"], "look_at_all"),
        ("noise", sys.modules["plexor.probes.noise"], "matched_noise"),
        ("reading images", sys.modules["plexor.audits.executors.here"], "read_images"),
        ("hashing", inputs, "images_sha256"),
        ("hashing", TorchModel, "identity"),
        ("findings to disk", RunDirectory, "write_unit"),
        ("findings from disk", RunDirectory, "unit"),
        ("checks", audits, "_checks"),
        ("manifest", inputs, "cohort_of"),
    ]


@contextmanager
def stopwatch() -> Iterator[dict[str, float]]:
    """Processor time spent in each part; a part within a part counts for the outer one.

    Each thread has its own clock: images are read in one beside that of the model, and the time of
    the process would count either's work twice.
    """
    spent: dict[str, float] = defaultdict(float)
    local, adding = threading.local(), threading.Lock()

    def watched(name: str, call: Callable[..., object]) -> Callable[..., object]:
        def inner(*args: object, **kwargs: object) -> object:
            if getattr(local, "running", False):
                return call(*args, **kwargs)
            local.running, start = True, time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                taken, local.running = time.thread_time() - start, False
                with adding:
                    spent[name] += taken

        return inner

    with ExitStack() as stack:
        for name, owner, attribute in parts():
            stack.enter_context(
                patch.object(owner, attribute, watched(name, getattr(owner, attribute)))
            )
        yield spent


def plan_of(architecture: str, manifest: Path) -> dict[str, object]:
    threat = {"norm": "linf", "radius": RADIUS}
    return {
        "cohort": {"manifest": str(manifest.resolve()), "audit": None},
        "probes": [{"attack": "pgd", "steps": STEPS, "threat": threat}],
        "unit_size": UNIT,
        "name": architecture,
    }


def batches_of(model: Model, n_cases: int, file_format: str) -> list[Batch]:
    """The batches the audit's attack sees: unit by unit, those decided rightly."""
    cases = unseen(n_cases, file_format=file_format).cases
    units = [batch_of(model, cases[i : i + UNIT])[0] for i in range(0, n_cases, UNIT)]
    return [unit.select(torch.nonzero(correct(model, unit)).flatten()) for unit in units]


def loop_alone(model: Model, batches: list[Batch]) -> None:
    attack, threat = PGD(steps=STEPS), Threat(norm="linf", radius=RADIUS)
    for batch in batches:
        attack(model, batch, Misclassify(), threat, seed=seed_for(0, "pgd-linf-2"))


def whole_audit(plan: dict[str, object], out: Path, model: Model) -> None:
    formats._CHECKED.clear()  # or a file once read in this process would not be checked again
    audit(plan, out=out, model=model, quiet=True)


def measure(architecture: str, file_format: str, n_cases: int, repeats: int) -> dict[str, object]:
    model = trained(architecture)
    plan = plan_of(architecture, phantoms(n_cases, seed=1, file_format=file_format))
    batches = batches_of(model, n_cases, file_format)
    timings: dict[str, list[Timing]] = {"audit": [], "loop": [], "report": []}
    keep_freed_memory()
    loop_alone(model, batches[:1])
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            timings["audit"].append(timed(partial(whole_audit, plan, out, model)))
            timings["report"].append(timed(partial(write_report, out)))
        timings["loop"].append(timed(partial(loop_alone, model, batches)))
    return {
        "name": f"{architecture}, {file_format}, n = {n_cases}",
        "n_attacked": sum(len(batch) for batch in batches),
        "audit": seconds(timings["audit"]),
        "loop": seconds(timings["loop"]),
        "report": seconds(timings["report"]),
        "ratio": ratios(timings, "audit", "loop"),
        "shares": shares_of(plan, model),
    }


def shares_of(plan: dict[str, object], model: Model) -> dict[str, float]:
    """Share of each part in an audit's processor time."""
    with tempfile.TemporaryDirectory() as folder, stopwatch() as spent:
        total = timed(partial(whole_audit, plan, Path(folder) / "run", model)).cpu
    names = dict.fromkeys(name for name, _, _ in parts())
    shares = {name: spent[name] / total for name in names}
    return shares | {"everything else": 1 - sum(shares.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--n", type=int, help="images, instead of 2,000")
    parser.add_argument("--n-densenet", type=int, help="images for DenseNet-121; 0 leaves it out")
    options = parser.parse_args()
    torch.set_num_threads(1)  # a thread's clock does not see the threads that torch starts
    rows = []
    for (architecture, file_format), usual in CASES.items():
        if options.n_densenet == 0 and architecture == "densenet121":
            continue
        own = options.n_densenet if architecture == "densenet121" else None
        n_cases = own or options.n or usual
        rows.append(measure(architecture, file_format, n_cases, options.repeats))
        print(rows[-1], flush=True)
    write_result("audit_overhead", {"steps": STEPS, "radius": RADIUS, "unit": UNIT}, rows)


if __name__ == "__main__":
    main()
