"""The run directory: the only state of an audit, and the only input of a report.

plan.yaml          the resolved plan, with all defaults
fingerprint.json   identity of the run: hashes of plan and data, and versions
provenance.json    versions, devices and batch sizes, hashes of model, manifest and images, checks
record.json        dates, duration and author of the audit, conditions and their outcome
units/<id>.parquet findings, one file per unit, written atomically
artifacts/examples example images in their stored format, with index.json
artifacts/<fit id> a fitted attack (safetensors), and an account of its fit (json)
artifacts/detectors a detector's results for each probe, in plans with a detector
artifacts/shapes   case id → shape of its image, in plans that fit attacks
readers/<name>.json what a reader study on the run's images found
summary.json       every number the report prints
report.html        one self-contained file
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from plexor.core.errors import RunDirectoryError
from plexor.core.files import write_atomic
from plexor.core.ids import digest
from plexor.findings.flags.flag import Flag
from plexor.findings.run_files import (
    read_about,
    read_json,
    read_plan,
    read_provenance,
    read_record,
)
from plexor.findings.schema import Finding, from_table, to_table
from plexor.findings.stored_rows import check_rows, read_rows
from plexor.findings.summary.summarise import summarise
from plexor.findings.summary.summary import Summary
from plexor.findings.summary.summary_file import read_summary, write_summary

_LABELS = "labels.npz"
_BY_POSITION = "by_position.npy"
_LONGEST_NAME = 180
"""Bytes of a file's name without its ending and what an unfinished file adds to it."""
_OTHER = {
    "plan": "another plan",
    "cohort": "another cohort",
    "images": "other images",
    "fits": "other cases, or another file, that probes are made from",
    "model": "another model",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A pair of image files kept for the report.

    Attributes:
        case_id: the case.
        probe: the probe that made ``perturbed``.
        original: the untouched image's bytes, in its lossless container.
        perturbed: the perturbed image's bytes, in the same container.
        suffix: ending of both files.
        labels: for segmentation, an npz file of the label masks (*spatial) uint16 ``truth``,
            ``before`` and ``after``; else empty.
        by_position: for an attack that changes positions one by one, an npy file of the greatest
            margin reached at each position, (*spatial) float32, NaN if not tried; else empty.
    """

    case_id: str
    probe: str
    original: bytes
    perturbed: bytes
    suffix: str
    labels: bytes = b""
    by_position: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredExample:
    """Paths of an example's files; None for files it does not have."""

    case_id: str
    probe: str
    original: Path
    perturbed: Path
    labels: Path | None = None
    by_position: Path | None = None


class RunDirectory:
    """Reads and writes one run directory."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def check(self, plan: dict[str, object], fingerprint: dict[str, str]) -> None:
        """Refuses a directory that holds something else; writes nothing.

        Args:
            plan: the resolved plan, plain data.
            fingerprint: everything else that the findings depend on: hashes of "cohort", "images"
                and "model", and versions of programs by name.

        Raises:
            RunDirectoryError: it is no run directory, or the run has another identity.
        """
        try:
            found = read_json(self._marker) if self._marker.exists() else None
            inside = [path.name for path in self.path.iterdir()] if self.path.is_dir() else []
        except OSError as error:
            raise RunDirectoryError(f"cannot read {self.path}: {error.strerror}") from error
        ours = (".lock", f".{self._marker.name}.")  # the second remains if its write was killed
        if found is None and any(not name.startswith(ours) for name in inside):
            raise RunDirectoryError(
                f"{self.path} is not empty and is not a run directory; choose another with --out"
            )
        if found and (differences := _differences(found, _fingerprint(plan, fingerprint))):
            raise RunDirectoryError(f"{self.path} holds a run with {differences}")

    def open(self, plan: dict[str, object], fingerprint: dict[str, str]) -> None:
        """Claims an empty directory for a plan, or opens one with an equal plan.

        Args:
            plan: see ``check``.
            fingerprint: see ``check``.

        Raises:
            RunDirectoryError: the directory holds something else, or cannot be written.
        """
        self.check(plan, fingerprint)
        if not self._marker.exists():
            write_atomic(self._marker, _json(_fingerprint(plan, fingerprint)))
        # after the marker, so that a start killed between the two can be resumed
        if not (self.path / "plan.yaml").exists():
            write_atomic(self.path / "plan.yaml", yaml.safe_dump(plan, sort_keys=False).encode())

    def has_unit(self, unit_id: str) -> bool:
        """Whether a unit's findings exist already."""
        return self._unit(unit_id).exists()

    def write_unit(self, unit_id: str, findings: list[Finding], examples: list[Example]) -> None:
        """Writes a unit's examples, then its findings; the unit is done once its findings exist."""
        for example in examples:
            folder = self._example_folder(example.probe, example.case_id)
            write_atomic(folder / f"original{example.suffix}", example.original)
            write_atomic(folder / f"perturbed{example.suffix}", example.perturbed)
            if example.labels:
                write_atomic(folder / _LABELS, example.labels)
            if example.by_position:
                write_atomic(folder / _BY_POSITION, example.by_position)
            about = {"case_id": example.case_id, "probe": example.probe, "suffix": example.suffix}
            write_atomic(folder / "about.json", _json(about))
        buffer = io.BytesIO()
        pq.write_table(to_table(findings), buffer, compression="zstd")
        write_atomic(self._unit(unit_id), buffer.getvalue())

    def fitted(self, fit_id: str) -> Path:
        """Path of a fitted attack, whether it exists or not."""
        return self.path / "artifacts" / f"{_file_name(fit_id)}.safetensors"

    def fit_account(self, fit_id: str) -> dict[str, Any] | None:
        """Account of a fit: "seconds", "device", "threads", "error"; None if still to be done.

        A failed fit leaves nothing else. A successful one is done once the fitted attack exists.
        """
        path = self.fitted(fit_id).with_suffix(".json")
        account = read_json(path) if path.exists() else None
        if account is None or not (account.get("error") or self.fitted(fit_id).exists()):
            return None
        return account

    def write_fit_account(self, fit_id: str, account: Mapping[str, object]) -> None:
        """Writes the account of a fit; call it before the fitted attack is saved."""
        write_atomic(self.fitted(fit_id).with_suffix(".json"), _json(account))

    def shapes(self) -> dict[str, list[int] | str]:
        """Case id → shape of its image, or the error; empty if not yet known."""
        path = self.path / "artifacts" / "shapes.json"
        return read_json(path) if path.exists() else {}

    def write_shapes(self, shapes: Mapping[str, object]) -> None:
        """Keeps them."""
        write_atomic(self.path / "artifacts" / "shapes.json", _json(shapes))

    def detection(self, probe: str) -> dict[str, Any] | None:
        """A detector's result for a probe; None if not yet known."""
        path = self._detection(probe)
        return read_json(path) if path.exists() else None

    def write_detection(self, probe: str, found: Mapping[str, object]) -> None:
        """Keeps it."""
        write_atomic(self._detection(probe), _json(found))

    def unit(self, unit_id: str) -> list[Finding]:
        """One unit's findings, in their original order."""
        return from_table(read_rows(self._unit(unit_id)))

    def findings(self) -> pd.DataFrame:
        """All findings, ordered by probe, container and case; columns as in ``SCHEMA``.

        Raises:
            RunDirectoryError: there are none yet, or a unit file is damaged.
        """
        paths = sorted((self.path / "units").glob("*.parquet"))
        if not paths:
            raise RunDirectoryError(
                f"{self.path} holds no findings; run: plexor audit PLAN --out {self.path}"
            )
        tables = {path: read_rows(path) for path in paths}
        frame = pd.DataFrame(pa.concat_tables(tables.values()).to_pandas())
        check_rows(tables, frame)
        return frame.sort_values(["probe", "stored", "case_id"], ignore_index=True)

    def plan(self) -> dict[str, object]:
        """The resolved plan.

        Raises:
            RunDirectoryError: it is missing, damaged, or not the plan of this run.
        """
        return read_plan(self._existing("plan.yaml"), self._existing(self._marker.name))

    def has_provenance(self) -> bool:
        """Whether an audit has started here."""
        return (self.path / "provenance.json").exists()

    def provenance(self) -> dict[str, object]:
        """Provenance of the findings.

        Raises:
            RunDirectoryError: it is missing or damaged.
        """
        return read_provenance(self._existing("provenance.json"))

    def examples(self) -> list[StoredExample]:
        """Every example kept, ordered by probe and case.

        Raises:
            RunDirectoryError: the description of an example is damaged.
        """
        found = []
        for about_file in (self.path / "artifacts" / "examples").glob("*/*/about.json"):
            about = read_about(about_file)
            folder, suffix = about_file.parent, about["suffix"]
            found.append(
                StoredExample(
                    case_id=about["case_id"],
                    probe=about["probe"],
                    original=folder / f"original{suffix}",
                    perturbed=folder / f"perturbed{suffix}",
                    labels=_if_there(folder / _LABELS),
                    by_position=_if_there(folder / _BY_POSITION),
                )
            )
        return sorted(found, key=lambda example: (example.probe, example.case_id))

    def write_provenance(self, provenance: dict[str, object]) -> None:
        """Writes the provenance of the findings."""
        write_atomic(self.path / "provenance.json", _json(provenance))

    def write_summary(self, summary: Summary) -> Path:
        """Writes every number of the report; returns the file."""
        path = self.path / "summary.json"
        write_summary(path, summary)
        return path

    def summary(self) -> Summary:
        """Every number of the report, as last written.

        Raises:
            RunDirectoryError: there is none yet, or it is damaged.
        """
        return read_summary(self._existing("summary.json"))

    def summarise(self) -> Summary:
        """Computes every number of the report from the present findings; writes nothing.

        Raises:
            RunDirectoryError: nothing is there yet, or a file is damaged.
        """
        return summarise(self.plan(), self.provenance(), self.findings())

    def flags(self) -> tuple[Flag, ...]:
        """Raised flags, those of level "error" first.

        An error means: do not rely on the figures concerned.

        Raises:
            RunDirectoryError: see ``summarise``.
        """
        order = ("error", "warning", "note")
        return tuple(sorted(self.summarise().flags, key=lambda flag: order.index(flag.severity)))

    def write_required(self, outcome: Mapping[str, str]) -> None:
        """Writes the conditions required of the summary, each with its outcome."""
        self.write_record(self.record() | {"required": dict(outcome)})

    def record(self) -> dict[str, Any]:
        """Dates and author of the audit, and conditions required; empty if not yet known.

        It is a separate file, since everything else is equal in two runs of one plan.

        Raises:
            RunDirectoryError: it is damaged.
        """
        path = self.path / "record.json"
        return read_record(path) if path.exists() else {}

    def write_record(self, record: Mapping[str, object]) -> None:
        """Keeps it."""
        write_atomic(self.path / "record.json", _json(record))

    def write_pictures(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Writes pictures that a report shows from files, and removes those of an earlier report.

        Args:
            folder: name of the folder within the directory; not made where there is no picture.
            files: name → PNG.

        Raises:
            RunDirectoryError: the disk is full, or the directory is read-only.
        """
        for old in sorted((self.path / folder).glob("*.png")):
            if old.name not in files:
                old.unlink(missing_ok=True)
        for name, data in files.items():
            write_atomic(self.path / folder / name, data)

    def write_report(self, html: str) -> Path:
        """Writes the report; returns the file."""
        path = self.path / "report.html"
        write_atomic(path, html.encode())
        return path

    @property
    def _marker(self) -> Path:
        return self.path / "fingerprint.json"

    def _unit(self, unit_id: str) -> Path:
        return self.path / "units" / f"{_file_name(unit_id)}.parquet"

    def _detection(self, probe: str) -> Path:
        return self.path / "artifacts" / "detectors" / f"{_file_name(probe)}.json"

    def _example_folder(self, probe: str, case_id: str) -> Path:
        folder = self.path / "artifacts" / "examples" / _file_name(probe)
        return folder / digest([probe, case_id])[:16]

    def _existing(self, name: str) -> Path:
        path = self.path / name
        if not path.exists():
            raise RunDirectoryError(f"{self.path} is not a run directory: it has no {name}")
        return path


def _if_there(path: Path) -> Path | None:
    return path if path.exists() else None


def _fingerprint(plan: dict[str, object], rest: dict[str, str]) -> dict[str, str]:
    return {"plan": digest(plan), **rest}


def _differences(found: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Differences of a run from the expected identity, with advice; "" if none."""
    differ = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
    if not differ:
        return ""
    listed = [
        _OTHER.get(name)
        or f"{name} {found.get(name, 'of an unknown version')} (this is {wanted.get(name)})"
        for name in differ
    ]
    advice = (
        "choose another directory with --out, or remove this one; plexor report reads it as it is"
        if any(name in _OTHER for name in differ)
        else "findings of two versions are not mixed: use a new directory with --out, or continue "
        "with the versions that started this one; plexor report reads it with either"
    )
    return f"{', '.join(listed[:-1])}{' and ' if listed[1:] else ''}{listed[-1]}; {advice}"


def _file_name(text: str) -> str:
    """A probe's or unit's id as a file name, without path separators; a hash keeps it unique.

    File systems allow 255 bytes, and a class's name in the id may be longer.
    """
    name = re.sub(r"[^\w.-]+", "_", text)
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    kept = name.encode()[: _LONGEST_NAME // 2].decode(errors="ignore")
    return f"{kept}-{digest(text)[:20]}"


def _json(value: Mapping[str, object]) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()
