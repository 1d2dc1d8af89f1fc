"""What a plan's probes come from beside itself: cases of a split, or files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plexor.cases import Case, Cohort
from plexor.core.ids import digest, digest_file
from plexor.plans.plan import Plan
from plexor.probes.probe import Fitting, Piece, Saved, Surrogates
from plexor.shortcuts import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """All that is fitted on, or read.

    Attributes:
        splits: split → its cases, in the order of their ids.
        files: file as the plan has it, of a saved attack, of a surrogate or of a piece of a
            photograph → hash.
        templates: such a piece → what it does to light.
    """

    splits: Mapping[str, tuple[Case, ...]]
    files: Mapping[str, str]
    templates: Mapping[Piece, Template]

    @classmethod
    def of(cls, plan: Plan, cohort: Cohort) -> Sources:
        """Those of the plan.

        Raises:
            DataError: the cohort has no such split, or a piece of a photograph cannot be read.
        """
        splits: dict[str, tuple[Case, ...]] = {}
        files: dict[str, str] = {}
        templates: dict[Piece, Template] = {}
        for probe in plan.all_probes():
            match probe.source:
                case Fitting(split=name):
                    cases = cohort.with_split(name).cases
                    splits[name] = tuple(sorted(cases, key=lambda case: case.id))
                case Saved(file=file):
                    files[str(file)] = digest_file(plan.path(file))
                case Surrogates(files=some):
                    files |= {str(file): digest_file(plan.path(file)) for file in some}
                case Piece() as piece:
                    templates[piece] = _template(piece, plan)
                    files |= {str(file): digest_file(plan.path(file)) for file in piece.files}
        return cls(splits=splits, files=files, templates=templates)

    @property
    def cases(self) -> list[Case]:
        """All that attacks are fitted on, each once."""
        found = {case.id: case for cases in self.splits.values() for case in cases}
        return list(found.values())

    @property
    def sha256(self) -> str:
        """One hash of what they are; "" if there is nothing to fit or to read."""
        if not self.splits and not self.files:
            return ""
        rows = {
            name: [[case.id, case.truth, case.group] for case in cases]
            for name, cases in self.splits.items()
        }
        return digest([rows, dict(self.files)])


def _template(piece: Piece, plan: Plan) -> Template:
    paths = [plan.path(file) for file in piece.files]
    return Template.of_pair(*paths) if piece.pair else Template.of_stamp(*paths)
