"""Attacks that a plan fits on one split and judges on another, or takes from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image as Pillow
from tests.helpers.runs import CLASSES, Setup, plexor, set_up, train_briefly
from tests.helpers.summary_json import flat, read_flat

from plexor.attacks.universal import UniversalSGD
from plexor.audits import Progress, audit
from plexor.core.errors import DataError, RunDirectoryError
from plexor.findings import RunDirectory
from plexor.findings.summary import summarise
from plexor.models import save_weights

SGD = {"attack": "universal-sgd", "held_back": 0.25, "steps": 12, "fit_batch": 8}
RADII = {"threat": {"norm": "linf", "radius": [2, 4]}}


@pytest.fixture
def split(tmp_path: Path) -> Setup:
    """Twenty-four phantoms: twelve to fit on, twelve to judge, no group in both."""
    setup = set_up(tmp_path, n_cases=24)
    rows = setup.rows()
    for number, row in enumerate(rows):
        row["split"] = "train" if number % 4 < 2 else "test"
    setup.write_rows(rows)
    return setup


def plan(setup: Setup, *probes: dict[str, Any]) -> dict[str, Any]:
    cohort = {"manifest": str(setup.manifest), "audit": "test"}
    return setup.plan_with(cohort=cohort, probes=list(probes))


def summary(run: RunDirectory) -> Any:
    return flat(summarise(run.plan(), run.provenance(), run.findings()))


def kept(run: Path) -> dict[str, bytes]:
    files = [*run.glob("units/*.parquet"), *run.glob("artifacts/*.safetensors")]
    return {file.name: file.read_bytes() for file in files}


def raised(summary: Any) -> list[tuple[str, str | None]]:
    return [(flag["id"], flag["probe"]) for flag in summary["flags"] if flag["id"] == "fit-overlap"]


def test_fitted_on_one_split_judged_on_another_and_resumed(split: Setup, tmp_path: Path) -> None:
    news: list[Progress] = []
    run = audit(plan(split, SGD | RADII), out=split.out, on_progress=news.append)
    findings = run.findings()
    assert (findings["status"] == "ok").all()
    assert set(findings["probe"]) == {
        "clean",
        *(f"{name}-linf-{r}" for name in ("universal-sgd", "noise") for r in (2, 4)),
    }
    attacked = findings[findings["probe"] == "universal-sgd-linf-4"]
    noise = findings[findings["probe"] == "noise-linf-4"]
    assert attacked["linf"].max() == 4
    assert (attacked["n_gradients"] == 0).all()
    assert attacked["reached"].sum() > noise["reached"].sum()
    assert {one.stage for one in news} == {"read", "fit", "audit"}
    fitting = [one for one in news if one.stage == "fit"]
    assert fitting[-1].done == fitting[-1].total == 2 * (2 + 1 + 12)
    whole = kept(split.out)
    assert sum(name.endswith(".safetensors") for name in whole) == 2
    for name in whole:  # as if killed in the midst of it: a fit and some units are missing
        if "linf-2" in name:
            next(split.out.rglob(name)).unlink()
    news.clear()
    audit(plan(split, SGD | RADII), out=split.out, on_progress=news.append)
    assert kept(split.out) == whole
    assert next(one for one in news if one.stage == "fit").resumed == 15
    attack = summary(run)["probes"][0]
    assert attack["fit"]["split"] == "train"
    assert (attack["fit"]["n_cases"], attack["fit"]["n_groups"]) == (12, 6)
    assert (attack["fit"]["cases_in_both"], attack["fit"]["groups_in_both"]) == (0, 0)
    assert attack["fit"]["gradients"] > 0
    assert attack["fit"]["seconds"] > 0
    assert attack["cost"] == {"gradients_per_case": 0, "forwards_per_case": 0}
    assert raised(summary(run)) == []
    assert "fit-overlap" in summary(run)["flags_passed"]


def test_judged_on_what_it_was_fitted_on_raises_a_flag(split: Setup) -> None:
    probe = SGD | {"fit": "test", "threat": {"norm": "linf", "radius": 2}}
    run = audit(plan(split, probe), out=split.out)
    assert raised(summary(run)) == [("fit-overlap", "universal-sgd-linf-2")]
    assert summary(run)["probes"][0]["fit"]["cases_in_both"] == 12


def test_another_case_of_a_group_raises_the_flag_too(split: Setup) -> None:
    rows = split.rows()
    left_out = rows.pop(0)  # the other case of its group is fitted on
    split.write_rows(rows)
    probe = SGD | {"threat": {"norm": "linf", "radius": 2}}
    audit(plan(split, probe), out=split.out)
    (file,) = split.out.glob("artifacts/*.safetensors")
    judged = [row for row in rows if row["split"] == "test"]
    split.write_rows([left_out | {"split": "test"}, *judged])
    load = {"attack": "universal-sgd", "load": str(file)}
    run = audit(plan(split, load), out=split.folder / "again")
    fit = summary(run)["probes"][0]["fit"]
    assert (fit["cases_in_both"], fit["groups_in_both"]) == (0, 1)
    assert raised(summary(run)) == [("fit-overlap", "universal-sgd-linf-2")]


def test_a_saved_one_is_used_again_on_this_model_and_on_another(split: Setup) -> None:
    first = audit(plan(split, SGD | RADII), out=split.out)
    (file,) = split.out.glob("artifacts/universal-sgd-linf-4-*.safetensors")
    load = {"attack": "universal-sgd", "load": str(file)}
    again = audit(plan(split, load), out=split.folder / "again")
    columns = ["case_id", "outputs_after", "reached"]
    old, new = (
        run.findings().query("probe == 'universal-sgd-linf-4'")[columns].reset_index(drop=True)
        for run in (first, again)
    )
    pd.testing.assert_frame_equal(old, new, check_exact=True)
    attack = summary(again)["probes"][0]
    assert attack["fit"]["file"] == file.name
    assert attack["settings"]["steps"] == 12
    assert attack["about"]["access"] == "gradients"
    other = train_briefly(split.manifest, steps=15)
    weights = split.folder / "other.safetensors"
    save_weights(weights, other.network, other.card)
    blind = load | {"threat": {"norm": "linf", "radius": 4, "access": "none"}}
    moved = audit(
        plan(split, blind) | {"model": {"weights": str(weights)}}, out=split.folder / "other"
    )
    attack = summary(moved)["probes"][0]
    assert attack["fit"]["same_model"] is False
    assert attack["about"]["access"] == "none"
    assert (moved.findings()["status"] == "ok").all()


def test_shapes_on_which_nothing_was_fitted_fail_with_a_record(split: Setup) -> None:
    odd = split.images()[3]  # of the audited split
    Pillow.fromarray(np.zeros((40, 32, 3), np.uint8)).save(odd)
    threat = {"norm": "linf", "radius": 2}
    probes = [SGD | {"goal": {"become": name}, "threat": threat} for name in CLASSES]
    run = audit(plan(split, *probes), out=split.out)
    findings = run.findings()
    failed = findings[findings["status"] == "failed"]
    assert len(set(failed["case_id"])) == 1
    assert len(set(failed["probe"])) == 2  # it is of the third class already, without any change
    assert failed["error"].str.contains(r"train split has no image of shape \(3, 40, 32\)").all()
    assert (findings.groupby("probe").size() == 12).all()


def test_a_fit_that_fails_is_a_record_for_its_cases(
    split: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise DataError("nothing was learnt")

    monkeypatch.setattr(UniversalSGD, "fit", fails)
    run = audit(plan(split, SGD | RADII), out=split.out)
    failed = run.findings().query("status == 'failed'")
    assert len(failed) == 2 * 12
    assert failed["error"].str.contains("nothing was learnt").all()
    assert summary(run)["probes"][0]["fit"]["errors"] == ["nothing was learnt"]


def test_what_cannot_be_fitted_from_is_refused(split: Setup) -> None:
    with pytest.raises(DataError, match="unknown split 'trian'; did you mean 'train'"):
        audit(plan(split, SGD | RADII | {"fit": "trian"}), out=split.out)
    audit(plan(split, SGD | RADII), out=split.out)
    rows = split.rows()
    assert rows[0]["split"] == "train"
    rows[0]["label"] = next(name for name in CLASSES if name != rows[0]["label"])
    split.write_rows(rows)
    with pytest.raises(RunDirectoryError, match="other cases, or another file, that probes"):
        audit(plan(split, SGD | RADII), out=split.out)


def test_the_report_says_what_was_fitted_where(split: Setup) -> None:
    split.plan.write_text(yaml.safe_dump(plan(split, SGD | RADII)))
    done = plexor("audit", split.plan, "--out", split.out)
    assert done.status == 0, done.err
    page = (split.out / "report.html").read_text()
    assert "fitted on 12 images in 6 groups of the train split" in page
    found = read_flat(split.out)
    assert found["probes"][0]["fit"]["n_split"] == 12
