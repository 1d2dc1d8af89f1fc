"""The pages on statistics: every function listed, every figure current."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from tests.helpers.oracles import COMPARISONS, Comparison

from plexor import stats
from plexor.stats import PairedAucPlan

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate_statistics.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_public_function_is_in_the_reference() -> None:
    page = (DOCS / "reference" / "statistics-functions.md").read_text()
    assert sorted(re.findall(r"^::: plexor\.stats\.(\w+)$", page, re.MULTILINE)) == sorted(
        stats.__all__
    )


@pytest.mark.parametrize("row", COMPARISONS, ids=lambda row: f"{row.functions[0]}-{row.figures}")
def test_other_programs_agree_as_the_table_says(row: Comparison) -> None:
    page = (DOCS / "reference" / "statistics-oracles.md").read_text()
    n, largest = row.largest()
    ends = rf"\[`{row.functions[0]}`\].* \| {re.escape(row.figures)} \| .* \| {n} \| (.*) \|"
    found = re.search(ends, page)
    assert found is not None, "run: .venv/bin/python docs/generate_statistics.py"
    # Tenfold: what the last digits are depends on the processor's libraries.
    assert largest <= 10 * float(found[1])
    assert float(found[1]) <= (1e-7 if row.closed else 1e-5)


def test_the_page_on_two_areas_is_current(generator: ModuleType) -> None:
    name = "concepts/paired-areas.md"
    assert (DOCS / name).read_text(encoding="utf-8") == generator.pages()[name]


def test_cases_for_two_areas_give_the_printed_p(generator: ModuleType) -> None:
    for correlation in (0.0, 0.9):
        n = generator.positives(correlation, ratio=2.0)
        plan = PairedAucPlan(
            auc_a=0.844,
            auc_b=0.857,
            correlation_positive=correlation,
            correlation_negative=correlation,
            negatives_per_positive=2.0,
        )
        least, most = (0.013 / plan.variance(int(n) + more) ** 0.5 for more in (0, 1))
        assert least <= 2.3263478740408408 <= most
