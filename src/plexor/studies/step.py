"""The steps of a study: each resumes by itself, so that the whole does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from plexor.core.errors import PlanError, RunDirectoryError, unknown
from plexor.core.files import write_atomic

SCALES = ("smoke", "small", "full")
Advance = Callable[[int, int, str], None]
"""(done, total, what is going on) → None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How a study is to be run.

    Attributes:
        out: its directory; an unfinished run of the same study is resumed.
        scale: "smoke" (minutes, to see that all of it works), "small" (two processors, hours) or
            "full" (a graphics card).
        data: the original data; without, phantoms are drawn, by some studies for "smoke" only.
        weights: arm → weights already trained in the way that the arm would train them.
        start: arm → weights to start its training from, e.g. ImageNet's.
        device: where to compute, e.g. "cuda:0"; found by itself where None.
        workers: Ray's, each of one thread, that audit so many units at a time; None needs no Ray.
    """

    out: Path
    scale: str
    data: Path | None = None
    weights: Mapping[str, Path] = field(default_factory=dict)
    start: Mapping[str, Path] = field(default_factory=dict)
    device: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise PlanError(unknown("scale", self.scale, SCALES))

    def check_data(self) -> None:
        """Refuses a scale other than "smoke" without data, of a study that has phantoms for that.

        Raises:
            PlanError: no data.
        """
        if self.data is None and self.scale != "smoke":
            raise PlanError(
                f"scale {self.scale} needs the real images; give their folder with --data, or take "
                "--scale smoke, which draws phantoms"
            )

    def check_arms(self, arms: tuple[str, ...]) -> None:
        """Refuses weights for an arm that there is not.

        Raises:
            PlanError: an unknown arm.
        """
        for name in (*self.weights, *self.start):
            if name not in arms:
                raise PlanError(unknown("arm", name, arms))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step.

    Attributes:
        title: what is done, e.g. "train, clean".
        unit: what its progress counts.
        run: does whatever has not been done yet.
    """

    title: str
    unit: str
    run: Callable[[Advance], None]


def keep(path: Path, text: str, *, settled: bool = True) -> None:
    """Writes a file of a study's directory, once.

    Args:
        path: the file.
        text: its content.
        settled: whether anything rests on what is there; if not, it is written anew.

    Raises:
        RunDirectoryError: it is there with other content: the directory is another study's.
    """
    if not (settled and path.exists()):
        write_atomic(path, text.encode())
    elif path.read_text(encoding="utf-8") != text:
        raise RunDirectoryError(
            f"{path} is of other data, another scale or another version of this study; choose "
            "another directory with --out, or remove this one"
        )
