"""Small run directories made by hand, to be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.helpers import synthetic_run

from plexor.findings.planned import planned
from plexor.findings.run import RunDirectory
from plexor.findings.schema import CLEAN, Finding

PGD_2 = synthetic_run.probe("pgd", "linf", (2,), settings=synthetic_run.PGD)
ATTACK = "pgd-linf-2"
FAILED = "(failed)"


def write(
    path: Path,
    decisions: Mapping[str, Sequence[str]],
    *,
    truth: Sequence[str],
    groups: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    hashes: Sequence[str] | None = None,
    probes: tuple[Mapping[str, Any], ...] = (PGD_2,),
    packages: Mapping[str, str] | None = None,
) -> RunDirectory:
    """A run of a classifier of lesions.

    Args:
        path: the directory.
        decisions: probe → the decision for each case, ``FAILED`` for one that was not judged.
        truth: of each case.
        groups: of each case; its own if not given.
        names: ids; "case-0" and so on if not given.
        hashes: of the images; "hash of" the number if not given.
        probes: of the plan.
        packages: versions.
    """
    n = len(truth)
    names = [f"case-{i}" for i in range(n)] if names is None else names
    about = synthetic_run.provenance(tuple(names))
    about["images"] = dict(zip(names, hashes or [f"hash of {i}" for i in range(n)], strict=True))
    about["packages"] = dict(packages or about["packages"])
    run = RunDirectory(path)
    run.open(synthetic_run.plan(probes), {"model": str(path)})
    for probe, decided in decisions.items():
        rows = [
            _row(probe, names[i], (groups or names)[i], truth[i], decided[i], decisions[CLEAN][i])
            for i in range(n)
        ]
        run.write_unit(probe, rows, [])
    run.write_provenance(about)
    assert {one.id for one in planned({"probes": probes})} <= {*decisions}
    return run


def _row(  # noqa: PLR0917
    probe: str, name: str, group: str, truth: str, after: str, before: str
) -> Finding:
    if after == FAILED:
        return Finding(
            case_id=name, group=group, truth=truth, probe=probe, stored="lossless",
            status="failed", error="the file is damaged",
        )  # fmt: skip
    logits = tuple(float(after == one) for one in synthetic_run.CLASSES)
    before = truth if before == FAILED else before
    attacked = probe != CLEAN
    return Finding(
        case_id=name, group=group, truth=truth, probe=probe, stored="lossless",
        decision_before=before, decision_after=after,
        outputs_before=tuple(float(before == one) for one in synthetic_run.CLASSES),
        outputs_after=logits,
        attempted=not attacked or before == truth,
        margin_after=float(after != truth) - 0.5 if attacked else float("nan"),
        reached=attacked and after != truth,
        linf=2.0 * attacked, l2=2.0 * attacked, l1=2.0 * attacked, l0=1.0 * attacked,
    )  # fmt: skip
