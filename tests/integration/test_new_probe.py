"""A new kind of probe is one file and one line: CONTRIBUTING's example, typed as it stands."""

from __future__ import annotations

import importlib.util
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tests.helpers.runs import LINF_2, Setup, audited

from plexor.cases import read_image
from plexor.core.errors import PlanError
from plexor.findings import CLEAN, RunDirectory
from plexor.findings.summary import summarise
from plexor.plans import load_plan, plan_schema
from plexor.plans.kind_plan import kind_adapter
from plexor.probes import CATALOGUE, Kind
from plexor.report import write_report

ROOT = Path(__file__).parents[2]


def example() -> tuple[str, str]:
    """The file of the section on probes, and the line that enters it in the catalogue."""
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## Add a probe\n")[1].split("\n## ")[0]
    (file,) = re.findall(r"^   ```py [^\n]*\n(.*?)^   ```", section, re.DOTALL | re.MULTILINE)
    (line,) = re.findall(r"^   \+( *\"corruption\": .*)$", section, re.MULTILINE)
    return textwrap.dedent(file), line


@pytest.fixture
def corruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The example's file, imported, and its line, entered."""
    file, line = example()
    path = tmp_path / "corruption.py"
    path.write_text(file)
    spec = importlib.util.spec_from_file_location("corruption", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "corruption", module)
    spec.loader.exec_module(module)
    entered: dict[str, Kind] = eval(f"{{{line}}}", {"Kind": Kind, **vars(module)})  # noqa: S307
    monkeypatch.setitem(CATALOGUE, "corruption", entered["corruption"])
    yield module
    kind_adapter.cache_clear()


@pytest.mark.usefixtures("corruption")
def test_a_plan_knows_it_and_its_options() -> None:
    def plan(entry: dict[str, Any]) -> Any:
        return load_plan({"cohort": {"manifest": "m.csv"}, "probes": [entry]})

    resolved = plan({"corruption": "brightness"}).resolved()
    assert resolved["probes"] == [
        {"kind": "corruption", "id": None, "corruption": "brightness", "percent": 10.0}
    ]
    assert load_plan(resolved).all_probes() == plan({"corruption": "brightness"}).all_probes()
    with pytest.raises(PlanError, match="unknown key 'percnt'; did you mean 'percent'"):
        plan({"corruption": "brightness", "percnt": 3})
    with pytest.raises(PlanError, match="unknown corruption 'brigtness'; did you mean"):
        plan({"corruption": "brigtness"})
    with pytest.raises(PlanError, match="unknown kind 'corrupton'; did you mean 'corruption'"):
        plan({"kind": "corrupton", "corruption": "brightness"})
    schema: Any = plan_schema()
    assert "percent" in schema["$defs"]["BrightnessProbe"]["properties"]


@pytest.mark.usefixtures("corruption")
def test_an_audit_carries_it_out_and_says_what_it_is(lesions: Setup, tmp_path: Path) -> None:
    probes = [LINF_2, {"corruption": "brightness", "percent": 20, "id": "bright"}]
    findings = audited(lesions.plan_with(probes=probes), tmp_path / "run")
    run = RunDirectory(tmp_path / "run")
    assert set(findings["probe"]) == {CLEAN, "pgd-linf-2", "noise-linf-2", "bright"}
    rows = findings[findings["probe"] == "bright"]
    assert (rows["status"] == "ok").all()
    assert rows["attempted"].all()
    assert rows["linf"].max() == 51  # 20 % of 255
    kept = [one for one in run.examples() if one.probe == "bright"]
    assert len(kept) == 2
    for one in kept:
        before, after = (read_image(file).pixels for file in (one.original, one.perturbed))
        np.testing.assert_array_equal(after, np.minimum(before.astype(int) + 51, 255))
    listed: Any = run.provenance()["probes"]
    (about,) = (one for one in listed if one["id"] == "bright")
    assert (about["kind"], about["title"], about["control"]) == ("corruption", "Brightness", None)
    assert about["settings"] == {"percent": 20.0}
    summary = summarise(run.plan(), run.provenance(), findings)
    assert "pgd-linf-2" in {one.id for one in summary.probes}
    (change,) = summary.changes
    assert (change.id, change.of, change.settings) == ("bright", "corruption", {"percent": 20.0})
    assert change.distance.linf.max == 51
    page = write_report(run.path).read_text(encoding="utf-8")
    assert 'href="#changes"' in page
    assert ">bright" in page
