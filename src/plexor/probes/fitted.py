"""Attacks that were fitted: on a split of the audited cohort, or before, and kept in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plexor.attacks.by_shape import ByShape
from plexor.attacks.catalogue import load_fitted
from plexor.attacks.fitted import FitCard
from plexor.cases import Case
from plexor.probes.attack import Sourced
from plexor.probes.materials import Fitting, Materials, Needs
from plexor.probes.probe import plain
from plexor.threat_model import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class ToFit:
    """An attack that is fitted on a split first.

    Attributes:
        fitting: the fit.
    """

    fitting: Fitting

    @property
    def needs(self) -> Needs:
        """See ``Source``."""
        attack = self.fitting.attack
        return Needs(fitting=self.fitting, access=attack.access, layers=attack.layers)

    @property
    def settings(self) -> Mapping[str, object]:
        """See ``Source``."""
        return plain(self.fitting.attack)

    def attack(self, probe_id: str, materials: Materials) -> Sourced:
        """See ``Source``; applies to each image the attack that was fitted on its shape."""
        fits = materials.fits[probe_id]
        tied = self.fitting.threat.channels == "tied"
        shapes = {one.id: (1, *one.shape[1:]) if tied else one.shape for one in fits.results}
        parts = {shapes[one.id]: one.fitted for one in fits.results if one.fitted is not None}
        failed = {shapes[one.id]: one.error for one in fits.results if one.error}
        split = self.fitting.split
        account = _account([part.card for part in parts.values()], materials.audited) | {
            "split": split,
            "n_split": fits.n_split,
            "n_unread": fits.n_unread,
            "same_model": True,
            "errors": list(failed.values()),
            "seconds": sum(one.seconds for one in fits.results),
        }
        return Sourced(
            attack=ByShape(parts=parts, failed=failed, of=f"the {split} split"),
            made_from=tuple(one.id for one in fits.results),
            fit=account,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """An attack that was fitted before, and saved.

    Attributes:
        file: the file, as the plan names it.
        applied: what the attack sees of the model that it is applied to.
    """

    file: Path
    applied: Access

    @property
    def needs(self) -> Needs:
        """See ``Source``."""
        return Needs(files=(self.file,), access=self.applied)

    @property
    def settings(self) -> Mapping[str, object]:
        """Empty: they are in the file's card."""
        return {}

    def attack(self, probe_id: str, materials: Materials) -> Sourced:
        """See ``Source``."""
        attack = load_fitted(materials.paths[self.file])
        account = _account([attack.card], materials.audited) | {
            "file": self.file.name,
            "same_model": _same(attack.card, materials.weights_sha256),
        }
        return Sourced(attack=attack, made_from=(materials.sha256[self.file],), fit=account)


def _account(cards: Sequence[FitCard], audited: Sequence[Case]) -> dict[str, object]:
    """What a summary says of a fit, whether it was made here or read."""
    groups = {case.group for case in audited}
    known = all(card.groups for card in cards)
    return {
        "split": None,
        "file": None,
        "shapes": [list(card.shape) for card in cards],
        "settings": dict(cards[0].options) if cards else {},
        "goal": dict(cards[0].goal) if cards else None,
        "n_split": None,
        "n_unread": 0,
        "n_cases": len(set().union(*(card.seen for card in cards))),
        "n_groups": len(set().union(*(card.groups for card in cards))) if known else None,
        "cases_in_both": sum(any(card.saw(case.id) for card in cards) for case in audited),
        "groups_in_both": sum(any(card.saw_group(group) for card in cards) for group in groups)
        if known
        else None,
        "gradients": sum(card.n_gradients for card in cards),
        "forwards": sum(card.n_forwards for card in cards),
        "seconds": None,
        "errors": [],
    }


def _same(card: FitCard, weights_sha256: str) -> bool | None:
    """Whether it was fitted on this model; None where one of them is not from a file."""
    if not card.model_sha256 or not weights_sha256:
        return None
    return card.model_sha256 == weights_sha256
