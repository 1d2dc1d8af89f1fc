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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from plexor.core.errors import RunDirectoryError
from plexor.core.files import write_atomic
from plexor.findings.example import Example, StoredExample, read_examples, write_example
from plexor.findings.flags.flag import Flag
from plexor.findings.run_files import (
    file_name,
    read_json,
    read_plan,
    read_provenance,
    read_record,
    write_json,
)
from plexor.findings.run_identity import differences_of, identity_of
from plexor.findings.schema import Finding, from_table, to_table
from plexor.findings.stored_rows import check_rows, read_rows
from plexor.findings.summary.summarise import summarise
from plexor.findings.summary.summary import Summary
from plexor.findings.summary.summary_file import read_summary, write_summary

_BEFORE_RESULTS = ("plan.yaml", "provenance.json", "record.json")
"""Files beside the identity that are written before the first unit or fit."""


class RunDirectory:
    """Reads and writes one run directory; reading needs no torch.

    Args:
        path: the directory that an audit was given as ``out``.

    Example:
        >>> findings = RunDirectory("runs/first").findings()  # doctest: +SKIP
        >>> findings.groupby("probe")["reached"].mean()  # doctest: +SKIP
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def check(self, plan: dict[str, object], fingerprint: dict[str, str]) -> None:
        """Refuses a directory that holds something else; writes nothing.

        A run that has no findings, fits or examples yet is no reason to refuse.

        Args:
            plan: the resolved plan, plain data.
            fingerprint: everything else that the findings depend on: hashes of "cohort", "images"
                and "model", and versions of programs by name.

        Raises:
            RunDirectoryError: it is no run directory, or has results of another identity.
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
        differences = differences_of(found, identity_of(plan, fingerprint)) if found else ""
        if differences and self._has_results():
            raise RunDirectoryError(f"{self.path} holds a run with {differences}")

    def open(self, plan: dict[str, object], fingerprint: dict[str, str]) -> None:
        """Claims an empty directory for a plan, or opens one with an equal plan.

        A run of another identity is replaced if it has no findings, fits or examples yet, as one
        whose plan was refused on the first image. Hold ``sole_writer`` meanwhile.

        Args:
            plan: see ``check``.
            fingerprint: see ``check``.

        Raises:
            RunDirectoryError: the directory holds something else, or cannot be written.
        """
        self.check(plan, fingerprint)
        identity = identity_of(plan, fingerprint)
        if not self._marker.exists() or read_json(self._marker) != identity:
            # before the marker, so that no kill leaves a plan beside the identity of another
            for name in _BEFORE_RESULTS:
                (self.path / name).unlink(missing_ok=True)
            write_json(self._marker, identity)
        # after the marker, so that a start killed between the two can be resumed
        if not (self.path / "plan.yaml").exists():
            write_atomic(self.path / "plan.yaml", yaml.safe_dump(plan, sort_keys=False).encode())

    def has_unit(self, unit_id: str) -> bool:
        """Whether a unit's findings exist already."""
        return self._unit(unit_id).exists()

    def write_unit(self, unit_id: str, findings: list[Finding], examples: list[Example]) -> None:
        """Writes a unit's examples, then its findings; the unit is done once its findings exist."""
        for example in examples:
            write_example(self._examples, example)
        buffer = io.BytesIO()
        # of so few rows, dictionaries and statistics take longer to write than the numbers
        pq.write_table(
            to_table(findings),
            buffer,
            compression="snappy",
            use_dictionary=False,
            write_statistics=False,
        )
        write_atomic(self._unit(unit_id), buffer.getvalue())

    def fitted(self, fit_id: str) -> Path:
        """Path of a fitted attack, whether it exists or not."""
        return self.path / "artifacts" / f"{file_name(fit_id)}.safetensors"

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
        write_json(self.fitted(fit_id).with_suffix(".json"), account)

    def shapes(self) -> dict[str, list[int] | str]:
        """Case id → shape of its image, or the error; empty if not yet known."""
        path = self.path / "artifacts" / "shapes.json"
        return read_json(path) if path.exists() else {}

    def write_shapes(self, shapes: Mapping[str, object]) -> None:
        """Keeps them."""
        write_json(self.path / "artifacts" / "shapes.json", shapes)

    def detection(self, probe: str) -> dict[str, Any] | None:
        """A detector's result for a probe; None if not yet known."""
        path = self._detection(probe)
        return read_json(path) if path.exists() else None

    def write_detection(self, probe: str, found: Mapping[str, object]) -> None:
        """Keeps it."""
        write_json(self._detection(probe), found)

    def unit(self, unit_id: str) -> list[Finding]:
        """One unit's findings, in their original order."""
        return from_table(read_rows(self._unit(unit_id)))

    def findings(self) -> pd.DataFrame:
        """All findings, ordered by probe, container and case; columns as in ``SCHEMA``.

        Raises:
            RunDirectoryError: there are none yet, or a unit file is damaged.
        """
        paths = sorted((self.path / "units").glob("*.parquet"))
        if not paths and not self.path.is_dir():
            raise RunDirectoryError(f"there is no folder {self.path}; give the folder of a run")
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
        return read_examples(self._examples)

    def write_provenance(self, provenance: dict[str, object]) -> None:
        """Writes the provenance of the findings."""
        write_json(self.path / "provenance.json", provenance)

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
        write_json(self.path / "record.json", record)

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

    def _has_results(self) -> bool:
        """Whether anything is there that only a started run writes, or that is not of a run."""
        ours = {self._marker.name, *_BEFORE_RESULTS}
        files = (one for one in self.path.rglob("*") if one.is_file())
        return any(
            not one.name.startswith(".") and str(one.relative_to(self.path)) not in ours
            for one in files
        )

    @property
    def _marker(self) -> Path:
        return self.path / "fingerprint.json"

    def _unit(self, unit_id: str) -> Path:
        return self.path / "units" / f"{file_name(unit_id)}.parquet"

    def _detection(self, probe: str) -> Path:
        return self.path / "artifacts" / "detectors" / f"{file_name(probe)}.json"

    @property
    def _examples(self) -> Path:
        return self.path / "artifacts" / "examples"

    def _existing(self, name: str) -> Path:
        path = self.path / name
        if not path.exists():
            raise RunDirectoryError(f"{self.path} is not a run directory: it has no {name}")
        return path


def _if_there(path: Path) -> Path | None:
    return path if path.exists() else None
