"""Provenance of findings: versions, device, and hashes of all inputs."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib.metadata import version
from itertools import chain
from typing import Any

import torch

from plexor.audits.checks import Check
from plexor.cases import Case
from plexor.cases.formats.gathered import digest_image
from plexor.core.errors import DataError
from plexor.core.ids import digest
from plexor.core.version import __version__
from plexor.models.model import Model
from plexor.probes import PlannedProbe

_PART = 16
"""Cases whose files a thread reads in turn; handing over each by itself costs more than a hash."""
_PACKAGES = ("torch", "monai", "numpy", "Pillow", "pydicom", "nibabel")


def images_sha256(cases: Iterable[Case]) -> dict[str, str]:
    """Case id → hash of its file and masks; "unreadable" if there is no file."""

    def of(case: Case) -> tuple[str, str]:
        try:
            image = digest_image(case.path)
            masks = {name: path and digest_image(path) for name, path in case.masks.items()}
            truth = [digest_image(case.truth_mask)] if case.truth_mask else []
        except (OSError, DataError):
            return case.id, "unreadable"
        return case.id, digest([image, masks, *truth]) if masks or truth else image

    def of_all(part: Sequence[Case]) -> list[tuple[str, str]]:
        return [of(case) for case in part]

    cases = list(cases)
    parts = [cases[start : start + _PART] for start in range(0, len(cases), _PART)]
    with ThreadPoolExecutor() as pool:
        return dict(chain.from_iterable(pool.map(of_all, parts)))


def device_name(device: torch.device) -> str:
    """A device's name in reports, e.g. "cuda NVIDIA H100" or "cpu x86_64"."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return f"{device.type} {name}".strip()


def provenance(
    model: Model,
    probes: Sequence[PlannedProbe],
    *,
    model_sha256: str,
    cohort_sha256: str,
    images: dict[str, str],
    checks: list[Check],
) -> dict[str, object]:
    """The provenance that a report shows, as plain data.

    ``probes`` describes every probe of the audit, the clean one and the controls too.
    """
    return {
        "plexor": __version__,
        "python": platform.python_version(),
        "packages": {package: version(package) for package in _PACKAGES},
        "platform": platform.platform(),
        "device": device_name(model.device),
        "threads": torch.get_num_threads(),
        "probes": [_described(probe) for probe in probes],
        "model": model.card.to_dict(),
        "model_sha256": model_sha256,
        "model_access": model.access,
        "cohort_sha256": cohort_sha256,
        "images": images,
        "checks": [asdict(check) for check in checks],
    }


def _described(probe: PlannedProbe) -> dict[str, object]:
    """The description of a probe for a report."""
    return {
        "id": probe.id,
        "kind": probe.kind,
        "name": probe.name,
        "control": probe.control.id if probe.control else None,
        "goal": _fields(probe.goal),
        "threat": _fields(probe.threat),
        **asdict(probe.about),
    }


def _fields(value: Any) -> dict[str, Any] | None:
    """The fields of a dataclass; None for None."""
    return None if value is None else asdict(value)
