"""The steps of a study. Each step can be resumed, so the study can."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from plexor.core.errors import PlanError, RunDirectoryError, unknown
from plexor.core.files import write_atomic
from plexor.core.progress import Advance

SCALES = ("smoke", "small", "full")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Options of a study's run.

    Attributes:
        out: its directory; an unfinished run of the same study is resumed.
        scale: "smoke" (minutes, to test that everything works), "small" (two processors, hours) or
            "full" (a graphics card).
        data: the original data; None draws phantoms, in some studies for "smoke" only.
        weights: arm → weights trained earlier by the arm's plan.
        start: arm → initial weights of its training, e.g. ImageNet's.
        device: where to compute, e.g. "cuda:0"; None takes a CUDA device if there is one.
        workers: number of Ray's workers, one thread each; None runs in this process.
        heldout: more original data, on which nothing is fitted; None for none.
        seeds: number of seeds that the figures of the first table are measured with.
    """

    out: Path
    scale: str
    data: Path | None = None
    weights: Mapping[str, Path] = field(default_factory=dict)
    start: Mapping[str, Path] = field(default_factory=dict)
    device: str | None = None
    workers: int | None = None
    heldout: Path | None = None
    seeds: int = 1

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise PlanError(unknown("scale", self.scale, SCALES))
        if self.seeds < 1:
            raise PlanError(f"seeds: expected at least 1, got {self.seeds}")

    def check_data(self) -> None:
        """Refuses a scale other than "smoke" without data, where phantoms are for that only.

        Raises:
            PlanError: no data.
        """
        if self.data is None and self.scale != "smoke":
            raise PlanError(
                f"scale {self.scale} needs the real images; give their folder with --data, or take "
                "--scale smoke, which draws phantoms"
            )

    def check_arms(self, arms: tuple[str, ...]) -> None:
        """Refuses weights for an unknown arm.

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
        title: name of the step, e.g. "train, clean".
        unit: what its progress counts.
        run: does the part of the work that is not done yet.
    """

    title: str
    unit: str
    run: Callable[[Advance], None]


def keep(path: Path, text: str, *, settled: bool = True) -> None:
    """Writes a file of a study's directory, unless it exists.

    Args:
        path: the file.
        text: its content.
        settled: whether later files depend on the existing file; if not, it is overwritten.

    Raises:
        RunDirectoryError: the file exists with other content, so the directory is of another study.
    """
    if not (settled and path.exists()):
        write_atomic(path, text.encode())
    elif path.read_text(encoding="utf-8") != text:
        raise RunDirectoryError(
            f"{path} is of other data, another scale or another version of this study; choose "
            "another directory with --out, or remove this one; plexor report writes the page of "
            "the steps that are done"
        )


class Arm(Protocol):
    """An arm of a study that trains a network and audits it."""

    def train(self, advance: Advance) -> None:
        """Trains the network, unless its weights are there."""
        ...

    def audit(self, advance: Advance) -> None:
        """Audits the network, unless that is done."""
        ...


def arm_steps(name: str, arm: Arm) -> list[Step]:
    """The steps of one arm: training, then the audit."""
    return [
        Step(title=f"train, {name}", unit="steps", run=arm.train),
        Step(title=f"audit, {name}", unit="pieces", run=arm.audit),
    ]
