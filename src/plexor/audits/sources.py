"""Sources of a plan's probes: cases of splits, and files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plexor.cases import Case, Cohort
from plexor.core.errors import DataError
from plexor.core.ids import digest, digest_file
from plexor.probes import PlannedProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Cases on which probes are fitted, and files from which they are read.

    Attributes:
        splits: split → its cases, in the order of their ids.
        paths: file as the plan names it → its path.
        files: the same → hash of its content.
    """

    splits: Mapping[str, tuple[Case, ...]]
    paths: Mapping[Path, Path]
    files: Mapping[Path, str]

    @classmethod
    def of(
        cls, probes: Sequence[PlannedProbe], cohort: Cohort, *, path: Callable[[Path], Path]
    ) -> Sources:
        """Collects the sources of these probes.

        Args:
            probes: a plan's.
            cohort: the whole cohort.
            path: file as the plan names it → its path.

        Raises:
            DataError: the cohort has no such split, or a file cannot be read.
        """
        splits: dict[str, tuple[Case, ...]] = {}
        paths: dict[Path, Path] = {}
        for needs in (probe.needs for probe in probes):
            if needs.fitting:
                cases = cohort.with_split(needs.fitting.split).cases
                splits[needs.fitting.split] = tuple(sorted(cases, key=lambda case: case.id))
            paths |= {file: path(file) for file in (*needs.files, *needs.models)}
        return cls(splits=splits, paths=paths, files={f: _hash(p) for f, p in paths.items()})

    @property
    def cases(self) -> list[Case]:
        """Every case on which an attack is fitted, once."""
        found = {case.id: case for cases in self.splits.values() for case in cases}
        return list(found.values())

    @property
    def sha256(self) -> str:
        """Hash of all sources; "" if there are none."""
        if not self.splits and not self.files:
            return ""
        rows = {
            name: [[case.id, case.truth, case.group] for case in cases]
            for name, cases in self.splits.items()
        }
        return digest([rows, {str(file): found for file, found in self.files.items()}])


def _hash(path: Path) -> str:
    try:
        return digest_file(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; name an existing file") from error
