"""A run directory's small files: their names, writing, and reading with one-line errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from plexor.core.errors import RunDirectoryError
from plexor.core.files import write_atomic
from plexor.core.ids import digest

_REDO = "run the same plexor audit command again, or take another copy of the directory"
_LONGEST_NAME = 180
"""Bytes of a file's name without its ending and what an unfinished file adds to it."""
T = TypeVar("T")


class _Open(BaseModel):
    """A mapping that may have further keys."""

    model_config = ConfigDict(extra="allow")


class _Task(_Open):
    kind: Literal["multiclass", "binary", "multilabel", "regression", "segmentation"]
    classes: list[str]
    unit: str = ""


class _Card(_Open):
    task: _Task
    architecture: str | None = None


class _Check(_Open):
    id: str
    raised: bool | None
    message: str


class _Probe(_Open):
    id: str
    kind: str
    name: str
    title: str = ""
    summary: str = ""
    access: str = "none"
    reference: str = ""


_Texts = Mapping[str, str]


class _Provenance(_Open):
    """The keys of ``provenance.json`` that a summary and a report use."""

    model: _Card
    cohort_sha256: str
    finished: bool = False
    checks: list[_Check] = []
    probes: list[_Probe] = []
    attacks: Mapping[str, _Texts] = {}
    shortcuts: Mapping[str, _Texts] = {}
    fits: Mapping[str, Mapping[str, Any]] = {}
    detectors: Mapping[str, Mapping[str, Any]] = {}
    packages: _Texts = {}
    images: _Texts = {}


class _Session(_Open):
    began: str
    seconds: float
    by: str = ""


class _Record(_Open):
    """The keys of ``record.json``."""

    required: _Texts = {}
    sessions: list[_Session] = []


class _About(_Open):
    """The keys of an example's ``about.json``."""

    case_id: str
    probe: str
    suffix: Annotated[str, Field(pattern=r"^\.[\w.]+$")]


_PROVENANCE: TypeAdapter[_Provenance] = TypeAdapter(_Provenance)
_RECORD: TypeAdapter[_Record] = TypeAdapter(_Record)
_ABOUT: TypeAdapter[_About] = TypeAdapter(_About)


def file_name(text: str) -> str:
    """A probe's or unit's id as a file name, without path separators; a hash keeps it unique.

    File systems allow 255 bytes, and a class's name in the id may be longer.
    """
    name = re.sub(r"[^\w.-]+", "_", text)
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    kept = name.encode()[: _LONGEST_NAME // 2].decode(errors="ignore")
    return f"{kept}-{digest(text)[:20]}"


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Writes a JSON file atomically.

    Raises:
        RunDirectoryError: the disk is full, or the directory is read-only.
    """
    write_atomic(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        RunDirectoryError: it cannot be read, is no JSON, or holds no object.
    """
    return _parsed(path, json.loads)


def read_provenance(path: Path) -> dict[str, Any]:
    """``provenance.json``.

    Raises:
        RunDirectoryError: it is damaged, or lacks what a report needs.
    """
    return _valid(path, read_json(path), _PROVENANCE)


def read_record(path: Path) -> dict[str, Any]:
    """``record.json``.

    Raises:
        RunDirectoryError: it is damaged.
    """
    return _valid(path, read_json(path), _RECORD)


def read_about(path: Path) -> dict[str, Any]:
    """An example's ``about.json``.

    Raises:
        RunDirectoryError: it is damaged.
    """
    return _valid(path, read_json(path), _ABOUT)


def read_plan(path: Path, marker: Path) -> dict[str, Any]:
    """``plan.yaml``, which must be the plan of the run's identity.

    Args:
        path: the file.
        marker: ``fingerprint.json``, which has the plan's hash.

    Raises:
        RunDirectoryError: one of them is damaged, or they do not match.
    """
    plan = _parsed(path, yaml.safe_load)
    claimed = read_json(marker).get("plan")
    try:
        found = digest(plan)
    except TypeError:  # dates, sets and other values that a plan never has
        found = ""
    if found != claimed:
        raise RunDirectoryError(
            f"{path} is not the plan of the findings beside it, by the hash in "
            f"{marker.name}; one of the two was changed or is damaged; {_REDO}"
        )
    return plan


def _parsed(path: Path, parse: Callable[[str], object]) -> dict[str, Any]:
    """The mapping that a file holds."""
    try:
        found = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunDirectoryError(
            f"{path.parent} is not a whole run directory: it has no {path.name}; {_REDO}"
        ) from error
    except OSError as error:
        raise RunDirectoryError(f"cannot read {path}: {error.strerror}; {_REDO}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise RunDirectoryError(f"{path} is damaged ({reason}); {_REDO}") from error
    if not isinstance(found, dict):
        raise RunDirectoryError(
            f"{path} is damaged: expected a mapping, got {type(found).__name__}; {_REDO}"
        )
    return found


def _valid(path: Path, found: dict[str, Any], form: TypeAdapter[T]) -> dict[str, Any]:
    try:
        form.validate_python(found, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise RunDirectoryError(
            f"{path} is damaged: {first['msg'].lower()} at {place}; {_REDO}"
        ) from error
    return found
