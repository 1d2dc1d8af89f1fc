"""Damages run directories, and counts what ``plexor report`` makes of them.

Each damaged directory gives a page, or is refused with one clean line (``PlexorError``); anything
else is a failure: a traceback, another exception, several lines, or a page that counts a case
twice.

    python tests/soak/run_directories.py --trials 300

Run it from the repository's root. It is no test of the suite, since it takes minutes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tests.helpers import synthetic_run as synthetic

from plexor.cases.formats.png import PngCodec
from plexor.core.errors import PlexorError
from plexor.findings.example import Example
from plexor.findings.run import RunDirectory
from plexor.report import write_report

PROBES = (
    synthetic.probe("pgd", "linf", (1, 2), settings=synthetic.PGD),
    synthetic.probe("pgd", "linf", (2,), target="nv", settings=synthetic.PGD),
    synthetic.shortcut("ruler", {"side": "left", "ticks": 20}),
)
Generator = np.random.Generator
STRANGE: tuple[object, ...] = (None, [], {}, "", "text", 7, -1, 1.5, True, [None], {"a": {"b": []}})
COLUMNS = ("case_id", "group", "truth", "probe", "stored", "status", "decision_before")


def sound_run(path: Path) -> RunDirectory:
    """A run of four attacks and shortcuts on 24 cases, with two examples."""
    run = synthetic.write(path, n_cases=24, probes=PROBES)
    rng = np.random.default_rng(0)
    codec = PngCodec()
    cases = sorted(run.findings()["case_id"].unique())[:2]
    kept = [
        Example(
            case_id=case_id,
            probe="pgd-linf-1",
            original=codec.encode(rng.integers(2, 250, (3, 8, 8), np.uint8)),
            perturbed=codec.encode(rng.integers(2, 250, (3, 8, 8), np.uint8)),
            suffix=".png",
        )
        for case_id in cases
    ]
    run.write_unit("examples", [], kept)
    return run


def _pick(paths: list[Path], rng: Generator) -> Path:
    return sorted(paths)[int(rng.integers(len(paths)))]


def _files(run: Path, rng: Generator) -> Path:
    return _pick([path for path in run.rglob("*") if path.is_file()], rng)


def _units(run: Path, rng: Generator) -> Path:
    return _pick(
        [p for p in (run / "units").glob("*.parquet") if p.name != "examples.parquet"], rng
    )


def truncate(run: Path, rng: Generator) -> None:
    """Cuts a file short."""
    path = _files(run, rng)
    data = path.read_bytes()
    path.write_bytes(data[: int(rng.integers(len(data) + 1))])


def remove(run: Path, rng: Generator) -> None:
    """Deletes a file."""
    _files(run, rng).unlink()


def flip(run: Path, rng: Generator) -> None:
    """Flips bits of a file."""
    path = _files(run, rng)
    data = bytearray(path.read_bytes())
    for at in rng.integers(0, len(data), 3):
        data[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(bytes(data))


def replace_by_folder(run: Path, rng: Generator) -> None:
    """Puts a folder where a file was."""
    path = _files(run, rng)
    path.unlink()
    path.mkdir()


def other_file(run: Path, rng: Generator) -> None:
    """Overwrites a file by another of the run."""
    shutil.copy(_files(run, rng), _files(run, rng))


def stop_early(run: Path, rng: Generator) -> None:
    """Leaves only some units, as Ctrl-C does."""
    units = sorted((run / "units").glob("*.parquet"))
    for path in rng.permutation(np.array(units, dtype=object))[: int(rng.integers(1, len(units)))]:
        Path(path).unlink()
    _unfinished(run)


def stop_within_units(run: Path, rng: Generator) -> None:
    """Leaves only some cases of each probe, some classes not among them."""
    n = int(rng.integers(1, 8))
    for path in (run / "units").glob("*.parquet"):
        rows = pd.read_parquet(path)
        names = sorted(rows["case_id"].unique())[:n]
        rows[rows["case_id"].isin(names)].to_parquet(path, index=False)
    _unfinished(run)


def all_failed(run: Path, rng: Generator) -> None:
    """Fails every case of a unit, or of all."""
    units = [_units(run, rng)] if rng.random() < 0.5 else list((run / "units").glob("*.parquet"))
    for path in units:
        rows = pd.read_parquet(path)
        rows["status"], rows["error"] = "failed", "the file is damaged"
        rows.to_parquet(path, index=False)


def copy_unit(run: Path, rng: Generator) -> None:
    """Leaves a stray copy of a unit, as file managers and clouds do."""
    path = _units(run, rng)
    shutil.copy(path, path.with_name(f"{path.stem} (copy).parquet"))


def strange_rows(run: Path, rng: Generator) -> None:
    """Changes a column of a unit: dropped, emptied, or with names that nothing else knows."""
    path = _units(run, rng)
    rows = pd.read_parquet(path)
    column = str(rng.choice([*COLUMNS, "attempted", "outputs_after", "linf", "margin_after"]))
    match int(rng.integers(4)):
        case 0:
            rows = rows.drop(columns=column)
        case 1:
            rows[column] = None
        case 2:
            rows.loc[rows.index[:2], column] = None
        case _:
            rows[column] = "strange"
    rows.to_parquet(path, index=False)


def strange_numbers(run: Path, rng: Generator) -> None:
    """Gives some rows other lengths of outputs, or numbers that are not finite."""
    path = _units(run, rng)
    rows = pd.read_parquet(path)
    value: Any = [[], [1.0], [float("nan")] * 7, [float("inf")] * 7][int(rng.integers(4))]
    rows["outputs_after"] = [value if i < 3 else one for i, one in enumerate(rows["outputs_after"])]
    rows.to_parquet(path, index=False)


def strange_json(run: Path, rng: Generator) -> None:
    """Changes a value somewhere in a JSON or YAML file."""
    names = [*run.rglob("*.json"), run / "plan.yaml"]
    path = _pick(names, rng)
    text = path.read_text()
    data = json.loads(text) if path.suffix == ".json" else RunDirectory(run).plan()
    _change(data, rng, int(rng.integers(1, 4)))
    path.write_text(json.dumps(data))  # JSON is YAML


def _change(data: Any, rng: Generator, depth: int) -> None:
    keys = list(data) if isinstance(data, dict) else list(range(len(data)))
    key = keys[int(rng.integers(len(keys)))]
    if depth > 1 and isinstance(data[key], dict | list) and len(data[key]):
        _change(data[key], rng, depth - 1)
    elif rng.random() < 0.3:
        del data[key]
    else:
        data[key] = STRANGE[int(rng.integers(len(STRANGE)))]


def _unfinished(run: Path) -> None:
    directory = RunDirectory(run)
    directory.write_provenance(directory.provenance() | {"finished": False})


DAMAGE: dict[str, Callable[[Path, Generator], None]] = {
    "a file cut short": truncate,
    "a file deleted": remove,
    "bits flipped": flip,
    "a folder in place of a file": replace_by_folder,
    "a file in place of another": other_file,
    "stopped between units": stop_early,
    "stopped, classes missing": stop_within_units,
    "every case failed": all_failed,
    "a copy of a unit": copy_unit,
    "rows with other columns": strange_rows,
    "rows with other outputs": strange_numbers,
    "JSON or YAML with other values": strange_json,
}


@dataclass(slots=True)
class Counts:
    """What came of the trials."""

    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, damage: str, seed: int, kind: str, said: str) -> None:
        """Counts one."""
        self.kinds.setdefault(damage, Counter())[kind] += 1
        if kind not in ("page", "refused"):
            self.failures.append(f"{damage}, {seed}: {kind}: {said}")
            print(self.failures[-1], flush=True)  # noqa: T201


def outcome(run: Path) -> tuple[str, str]:
    """ "page" or "refused", with what was said; anything else is a failure."""
    try:
        write_report(run)
    except PlexorError as error:
        return ("refused", str(error)) if "\n" not in str(error) else ("several lines", str(error))
    except BaseException as error:  # noqa: BLE001 - the point of the trial
        return "exception", f"{type(error).__name__}: {error}"[:300]
    summary = RunDirectory(run).summary()
    counted = [summary.cohort.n_cases]
    counted += [probe.lossless.n + probe.lossless.n_failed for probe in summary.probes]
    return ("page", "") if max(counted) <= 24 else ("counted twice", f"{max(counted)} cases")


def main() -> int:
    """Runs the trials and prints a table of counts; status 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    counts = Counts()
    with tempfile.TemporaryDirectory() as folder:
        sound = sound_run(Path(folder) / "sound")
        if (found := outcome(sound.path))[0] != "page":
            sys.exit(f"the run is not reported even without damage: {found[1]}")
        names = list(DAMAGE)
        for trial in range(options.trials):
            damaged = Path(folder) / "damaged"
            shutil.copytree(sound.path, damaged)
            name = names[trial % len(names)]
            DAMAGE[name](damaged, np.random.default_rng([options.seed, trial]))
            counts.add(name, trial, *outcome(damaged))
            shutil.rmtree(damaged)
    kinds = sorted({kind for count in counts.kinds.values() for kind in count})
    print(f"{'damage':36}" + "".join(f"{kind:>14}" for kind in kinds))  # noqa: T201
    for name, count in [*counts.kinds.items(), ("all", sum(counts.kinds.values(), Counter()))]:
        print(f"{name:36}" + "".join(f"{count[kind]:14}" for kind in kinds))  # noqa: T201
    return 1 if counts.failures else 0


if __name__ == "__main__":
    sys.exit(main())
