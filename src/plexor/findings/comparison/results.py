"""What a comparison of two runs holds, as ``comparison.json`` has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from plexor.findings.json_format import JsonFormat
from plexor.findings.summary.counts import Count
from plexor.findings.summary.estimate import McNemarTests, PairedTest, StoredEstimate
from plexor.findings.summary.summary import TaskSummary

Verdict = Literal["worse", "better", "within margin", "undecided", "equal", "undefined"]
Figure = Literal["accuracy", "mean error", "Dice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not the same in both runs.

    Attributes:
        kind: "plan", "data", "model", "versions" or "machine".
        what: a key of the plan, the name of a package, or what it is.
        a: its value in the first run, as text; "" where the run does not have it.
        b: its value in the second.
    """

    kind: Literal["plan", "data", "model", "versions", "machine"]
    what: str
    a: str
    b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Which cases of the two runs are the same, by the hash of their images.

    Attributes:
        n: pairs.
        n_groups: their groups, those of the first run.
        n_only_a: cases of the first run without a partner.
        n_only_b: cases of the second run without a partner.
        n_ambiguous: cases whose image occurs several times and under other names, so that no
            partner can be told; they are in no pair.
        n_truth_differs: cases with the same image and another truth; they are in no pair.
        n_group_differs: pairs whose group is not the same in both runs.
    """

    n: Count
    n_groups: Count
    n_only_a: Count
    n_only_b: Count
    n_ambiguous: Count
    n_truth_differs: Count
    n_group_differs: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedCase:
    """A case whose outcome changed from right to wrong, or back.

    Attributes:
        case_id: as the first run names it.
        case_id_b: as the second run names it.
        truth: its truth.
        a: the decision, or the figure of the case, in the first run.
        b: the same in the second.
    """

    case_id: str
    case_id_b: str
    truth: str
    a: str
    b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeDifference:
    """One probe in both runs, on the same cases, stored losslessly.

    Attributes:
        id: of the probe.
        kind: "clean", "attack", "shortcut" or "control".
        same_settings: whether threat, goal and options are equal; False for an attack of the same
            id and another configuration.
        figure: what is compared.
        n_failed_a: pairs without a verdict in the first run; they are in no estimate.
        n_failed_b: the same in the second.
        n_undefined: pairs with verdicts whose figure is undefined in one run, e.g. a Dice without a
            class.
        a: the figure in the first run, over the pairs compared.
        b: the same in the second.
        difference: the second minus the first, paired; a positive number is better for accuracy and
            Dice, and worse for an error.
        test: of no difference: McNemar's for accuracy, else a paired t test.
        n_broken: cases right in the first run and wrong in the second; None for a number or Dice.
        n_mended: the other way round.
        broken: these cases, or, for a number or Dice, those that grew worse by most.
        mended: the other way round.
        verdict: "worse" or "better" by the test corrected for the number of probes; "within margin"
            if the interval lies above the loss that the margin allows; "equal" if no pair differs
            and no margin was given; else "undecided"; "undefined" without a difference.
    """

    id: str
    kind: str
    same_settings: bool
    figure: Figure
    n_failed_a: Count
    n_failed_b: Count
    n_undefined: Count
    a: StoredEstimate
    b: StoredEstimate
    difference: StoredEstimate
    test: McNemarTests | PairedTest
    n_broken: Count | None
    n_mended: Count | None
    broken: tuple[ChangedCase, ...]
    mended: tuple[ChangedCase, ...]
    verdict: Verdict

    @property
    def p_holm(self) -> float | None:
        """The p-value after correction for the number of probes."""
        return self.test.p_holm


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """Two runs on the same cases.

    Attributes:
        schema: version of the form.
        plexor: version that made the comparison.
        name_a: the first plan's name.
        name_b: the second's.
        run_a: the first directory, as it was given.
        run_b: the second.
        task: of both models.
        same_model: whether both runs audited the same model.
        margin: loss that was stated beforehand as small; None where none was.
        differences: everything else that is not the same, the plan first.
        paired: which cases are compared.
        probes: those that both runs have, in the first plan's order.
        only_a: ids of probes that only the first run has.
        only_b: ids of probes that only the second has.
        flags_a: errors and warnings raised in the first run, by id.
        flags_b: the same in the second.
    """

    schema: Literal["plexor-comparison/1"] = "plexor-comparison/1"
    plexor: str
    name_a: str
    name_b: str
    run_a: str
    run_b: str
    task: TaskSummary
    same_model: bool
    margin: float | None
    differences: tuple[Difference, ...]
    paired: Paired
    probes: tuple[ProbeDifference, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    flags_a: tuple[str, ...]
    flags_b: tuple[str, ...]

    @property
    def names(self) -> dict[str, object]:
        """The names available to a condition; probes are looked up by id."""
        plain = COMPARISON.plain(self)
        probes: dict[str, object] = {probe["id"]: probe for probe in plain["probes"]}
        return plain | {"probes": probes}


COMPARISON = JsonFormat(RunComparison)
"""The form: plexor-comparison/1."""
