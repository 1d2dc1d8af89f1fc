"""The stages of a cascade."""

from __future__ import annotations

from dataclasses import dataclass

from plexor.attacks.gradient import APGD, APGDT, FGSM, PGD
from plexor.attacks.minimum_norm import FAB, FMN, SigmaZero
from plexor.attacks.proposal import Attack
from plexor.attacks.query import HopSkipJump, RayS, Square
from plexor.attacks.sparse import SparseRS


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One attack of a cascade.

    Attributes:
        name: reported as ``Proposal.found_by``.
        attack: with its settings.
        norms: norms of the threats the stage is used for.
        flat_only: use the stage only for cases whose score does not change under noise.
        raised_only: use the stage only for cases whose margin the stage before raised.
        several_ways: use the stage only where there are several ways to the goal, see ``Goal``.
    """

    name: str
    attack: Attack
    norms: tuple[str, ...]
    flat_only: bool = False
    raised_only: bool = False
    several_ways: bool = False

    @property
    def sees_gradients(self) -> bool:
        """Whether the attack needs the model's gradients."""
        return getattr(self.attack, "access", "gradients") == "gradients"


_ROUND = ("linf", "l2")
_DENSE = (*_ROUND, "l1")
_ANY_WAY = Stage(
    name="apgd-margin",
    attack=APGD(steps=100, loss="margin", stop_at_success=True),
    norms=("linf", "l1"),
    several_ways=True,
)
"""Reaches about one in a hundred of the cases that withstand each way by itself, as it may turn to
another way meanwhile; under L2 none of 455 was reached."""
_FIRST_QUERIES = 200
"""Queries after which a case that gradients brought further than queries is left as it is."""

STAGES = (
    Stage(name="step", attack=FGSM(loss="margin"), norms=(*_DENSE, "l0")),
    Stage(name="pgd", attack=PGD(steps=20, stop_at_success=True), norms=("l0",)),
    Stage(name="apgd-ce", attack=APGD(steps=50, stop_at_success=True), norms=_ROUND),
    Stage(name="apgd-ce", attack=APGD(steps=100, stop_at_success=True), norms=("l1",)),
    Stage(
        name="apgd-targeted",
        attack=APGDT(steps=50, n_targets=9, stop_at_success=True),
        norms=_ROUND,
    ),
    Stage(
        name="apgd-targeted",
        attack=APGDT(steps=100, n_targets=9, stop_at_success=True),
        norms=("l1",),
    ),
    _ANY_WAY,
    Stage(name="fmn", attack=FMN(steps=50), norms=_DENSE),
    Stage(name="sigma-zero", attack=SigmaZero(steps=100), norms=("l0",)),
    Stage(name="square", attack=Square(queries=_FIRST_QUERIES), norms=_DENSE),
    Stage(name="square", attack=Square(queries=1000), norms=_DENSE, raised_only=True),
    Stage(name="sparse-rs", attack=SparseRS(queries=2000), norms=("l0",)),
    Stage(
        name="rays",
        attack=RayS(queries=5000, stop_at_success=True),
        norms=("linf",),
        flat_only=True,
    ),
    Stage(
        name="hop-skip-jump",
        attack=HopSkipJump(queries=5000, stop_at_success=True),
        norms=("l2",),
        flat_only=True,
    ),
)
"""Cheap and strong stages first. The last ones see no gradient, and then no score, so that they
also find perturbations of a model that merely hides these. Queries are most of the cost of a case
that withstands; they go on only where they beat the gradients."""

THOROUGH = (
    Stage(name="step", attack=FGSM(loss="margin"), norms=(*_DENSE, "l0")),
    Stage(name="pgd", attack=PGD(steps=100, restarts=5, stop_at_success=True), norms=("l0",)),
    Stage(name="apgd-ce", attack=APGD(steps=100, restarts=5, stop_at_success=True), norms=_DENSE),
    Stage(
        name="apgd-targeted",
        attack=APGDT(steps=100, n_targets=9, stop_at_success=True),
        norms=_DENSE,
    ),
    _ANY_WAY,
    Stage(name="fab", attack=FAB(steps=100, ways=9, targeted=True), norms=_DENSE),
    Stage(name="sigma-zero", attack=SigmaZero(steps=1000), norms=("l0",)),
    Stage(name="square", attack=Square(queries=5000), norms=_DENSE),
    Stage(name="sparse-rs", attack=SparseRS(queries=10_000), norms=("l0",)),
    Stage(
        name="rays",
        attack=RayS(queries=25_000, stop_at_success=True),
        norms=("linf",),
        flat_only=True,
    ),
    Stage(
        name="hop-skip-jump",
        attack=HopSkipJump(queries=25_000, stop_at_success=True),
        norms=("l2",),
        flat_only=True,
    ),
)
"""One step, then the stages, targets, restarts and queries of AutoAttack's standard version, and
Auto-PGD on the margin."""
