"""A fit: a search over many cases that comes before the probe that uses it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from plexor.attacks.by_shape import Shape
from plexor.attacks.goals import Goal
from plexor.attacks.threat import Threat
from plexor.audits.execute import encoded
from plexor.cases import Case, read_case
from plexor.core.errors import DataError
from plexor.core.ids import digest
from plexor.models.task import Task
from plexor.probes.probe import Fitting, Probe


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What is done, kept and resumed as a whole: one attack, fitted on cases of one shape.

    Attributes:
        id: hash of everything it depends on, but for the versions of Plexor and torch, of which a
            run directory has one each.
        probe: whose attack it is.
        fitting: how.
        goal: the probe's.
        threat: the probe's.
        shape: of the images.
        cases: those it is fitted on, in the order of their ids.
    """

    id: str
    probe: Probe
    fitting: Fitting
    goal: Goal
    threat: Threat
    shape: Shape
    cases: tuple[Case, ...]

    @property
    def n_batches(self) -> int:
        """How many batches it takes at most."""
        per_pass = -(-len(self.cases) // self.fitting.batch_size)
        return self.fitting.attack.n_batches(per_pass)


def fits_of(
    probe: Probe,
    cases: Sequence[Case],
    *,
    shapes: Mapping[str, Shape | str],
    wanted: Collection[Shape],
    seed: int,
    model_sha256: str,
    images_sha256: Mapping[str, str],
) -> list[Fit]:
    """The fits a probe needs: one for each shape that cases of the split have and are wanted of.

    Args:
        probe: any; one whose attack is not fitted here needs none.
        cases: its split's, in the order of their ids.
        shapes: case id → shape, or why it cannot be used.
        wanted: the shapes of the cases that will be attacked.
        seed: the run's.
        model_sha256: of all that decides the model's outputs.
        images_sha256: case id → hash.
    """
    if not isinstance(probe.source, Fitting) or probe.goal is None or probe.threat is None:
        return []
    by_shape: dict[Shape, list[Case]] = defaultdict(list)
    for case in cases:
        shape = shapes[case.id]
        if not isinstance(shape, str) and shape in wanted:
            by_shape[shape].append(case)
    attack: Any = probe.source.attack
    goal: Any = probe.goal
    about = {
        "seed": seed,
        "model": model_sha256,
        "probe": probe.id,
        "attack": [type(attack).__name__, asdict(attack)],
        "batch_size": probe.source.batch_size,
        "goal": [type(goal).__name__, asdict(goal)],
        "threat": asdict(probe.threat),
    }
    found = []
    for shape, some in sorted(by_shape.items()):
        content = [[case.id, images_sha256[case.id], case.truth, case.group] for case in some]
        size = "x".join(map(str, shape))
        found.append(
            Fit(
                id=f"{probe.id}-{size}-{digest([about, list(shape), content])[:20]}",
                probe=probe,
                fitting=probe.source,
                goal=probe.goal,
                threat=probe.threat,
                shape=shape,
                cases=tuple(some),
            )
        )
    return found


def shape_of(case: Case, task: Task) -> Shape | str:
    """The shape of a case's image, or why it cannot be used: nothing to read, or no such truth."""
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
