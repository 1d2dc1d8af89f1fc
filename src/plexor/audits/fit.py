"""A fit: a search over many cases, made before the probe that uses it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from plexor.attacks.by_shape import Shape
from plexor.audits.execute import encoded
from plexor.cases import Case, read_case
from plexor.core.errors import DataError
from plexor.core.ids import digest
from plexor.models.task import Task
from plexor.probes import Fitting, PlannedProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One attack fitted on cases of one shape; executed, stored and resumed as a whole.

    Attributes:
        id: hash of everything the fit depends on, except the versions of Plexor and torch, which
            are the same throughout a run directory.
        probe_id: the probe whose attack it is.
        fitting: attack, goal, threat, and batch size.
        shape: shape of the images.
        cases: the cases it is fitted on, in the order of their ids.
    """

    id: str
    probe_id: str
    fitting: Fitting
    shape: Shape
    cases: tuple[Case, ...]

    @property
    def n_batches(self) -> int:
        """Maximum number of batches."""
        per_pass = -(-len(self.cases) // self.fitting.batch_size)
        return self.fitting.attack.n_batches(per_pass)


def fits_of(
    probe: PlannedProbe,
    fitting: Fitting,
    cases: Sequence[Case],
    *,
    shapes: Mapping[str, Shape | str],
    wanted: Collection[Shape],
    seed: int,
    model_sha256: str,
    images_sha256: Mapping[str, str],
) -> list[Fit]:
    """Lists the fits of a probe: one for each shape in both the split and the audited cases.

    Args:
        probe: the probe.
        fitting: one of the probe's fittings.
        cases: the cases of the split, in the order of their ids.
        shapes: case id → shape, or the error that makes the case unusable.
        wanted: shapes of the cases that will be attacked.
        seed: the run's.
        model_sha256: hash of everything that determines the model's outputs.
        images_sha256: case id → hash.
    """
    by_shape: dict[Shape, list[Case]] = defaultdict(list)
    for case in cases:
        shape = shapes[case.id]
        if not isinstance(shape, str) and shape in wanted:
            by_shape[shape].append(case)
    attack: Any = fitting.attack
    goal: Any = fitting.goal
    about = {
        "seed": seed,
        "model": model_sha256,
        "probe": probe.id,
        "attack": [type(attack).__name__, asdict(attack)],
        "batch_size": fitting.batch_size,
        "goal": [type(goal).__name__, asdict(goal)],
        "threat": asdict(fitting.threat),
    }
    found = []
    for shape, some in sorted(by_shape.items()):
        content = [[case.id, images_sha256[case.id], case.truth, case.group] for case in some]
        size = "x".join(map(str, shape))
        found.append(
            Fit(
                id=f"{probe.id}-{size}-{digest([about, list(shape), content])[:20]}",
                probe_id=probe.id,
                fitting=fitting,
                shape=shape,
                cases=tuple(some),
            )
        )
    return found


def shape_of(case: Case, task: Task) -> Shape | str:
    """The shape of a case's image, or the error if the image or the truth cannot be used."""
    try:
        image = read_case(case)
    except DataError as error:
        return str(error)
    label = encoded(task, case, image)
    return tuple(image.pixels.shape) if isinstance(label, Tensor) else str(label)


def shapes_of(cases: Sequence[Case], task: Task) -> dict[str, Shape | str]:
    """``shape_of`` for several, on several threads."""
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda case: shape_of(case, task), cases)
        return {case.id: shape for case, shape in zip(cases, found, strict=True)}
