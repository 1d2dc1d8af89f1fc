from __future__ import annotations

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers.json_schema import MismatchError, check
from tests.helpers.summary_json import SCHEMA, checked

from plexor.findings.planned import planned
from plexor.findings.schema import to_table
from plexor.findings.summary import Summary, summarise
from plexor.findings.summary.summary_file import SUMMARY


@cache
def _findings() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    cohort = synthetic.subjects(80, rng)
    units = synthetic.findings_of(cohort, rng)
    frame: pd.DataFrame = to_table([row for unit in units.values() for row in unit]).to_pandas()
    return frame


def _summary(frame: pd.DataFrame) -> Summary:
    return summarise(synthetic.plan(), synthetic.provenance(), frame)


@cache
def _written() -> bytes:
    return SUMMARY.dump(_summary(_findings()))


def test_a_summary_follows_its_schema() -> None:
    check(json.loads(_written()), SCHEMA)


def test_a_summary_of_few_and_failed_cases_follows_its_schema() -> None:
    frame = _findings()
    few = frame[frame["case_id"].isin(frame["case_id"].unique()[:3])].copy()
    few.loc[few["probe"] == "pgd-linf-1", "status"] = "failed"
    checked(_summary(few))


def test_the_clean_images_alone_make_a_summary() -> None:
    frame = _findings()
    summary = _summary(frame[frame["probe"] == "clean"])
    assert summary.probes == ()
    checked(summary)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("clean", "stored", "lossless", "accuracy", "high"), "high"),
        (("clean", "stored", "lossless", "n"), -1),
        (("clean", "surprise"), 1),
        (("probes", 0, "stored", "lossless", "success"), None),
        (("probes", 0, "stored", "lossless", "surprise"), 1),
        (("probes", 0, "kind"), "clean"),
        (("schema",), "plexor-summary/0"),
        (("flags_passed",), "none"),
    ],
)
def test_the_schema_refuses_what_is_wrong(path: tuple[str | int, ...], value: object) -> None:
    summary = json.loads(_written())
    part = summary
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(MismatchError):
        check(summary, SCHEMA)


def test_rows_may_come_in_any_order() -> None:
    frame = _findings()
    assert _summary(frame.sample(frac=1, random_state=5)) == _summary(_findings())


def test_every_case_is_in_every_count() -> None:
    for probe in json.loads(_written())["probes"]:
        for judged in probe["stored"].values():
            assert judged["n"] + judged["n_failed"] == 80
            assert sum(map(sum, judged["confusion"])) == judged["n"]


def test_a_plan_names_its_probes_as_the_findings_do() -> None:
    ids = [entry.id for entry in planned(synthetic.plan())]
    assert ids == [
        "pgd-linf-1", "pgd-linf-2", "pgd-linf-4", "pgd-l2-100", "pgd-l2-200",
        "fgsm-linf-1", "fgsm-linf-2", "fgsm-linf-4", "pgd-to-nv-linf-2",
    ]  # fmt: skip


def test_units_other_than_levels_and_own_names_are_in_the_id() -> None:
    entry = synthetic.probe("pgd", "l2", (5,))
    entry["id"] = "long"
    entry["threat"]["unit"] = "percent"
    (only,) = planned({"probes": [entry]})
    assert (only.id, only.control) == ("long-l2-5-percent", "noise-l2-5-percent")
