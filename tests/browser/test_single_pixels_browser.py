"""The map of single pixels in a real browser."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers.chromium import EXECUTABLE, browser

from plexor.cases.formats.png import PngCodec
from plexor.findings.example import Example
from plexor.report import write_report

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="needs Chromium")

PROBES = (
    synthetic.probe("exhaustive-pixel", "l0", (1,)),
    synthetic.probe("pgd", "linf", (1,)),
)
PANE = "document.querySelector('[data-pane=\"margins\"]')"
SEEN = f"{PANE}.getClientRects().length"
ATTACK = "document.querySelector('[data-probe]').value"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = synthetic.write(tmp_path_factory.mktemp("run"), n_cases=10, probes=PROBES)
    case_id = min(run.findings()["case_id"])
    codec, margins = PngCodec(), io.BytesIO()
    np.save(margins, np.linspace(-1, 0.1, 48, dtype=np.float32).reshape(6, 8))
    pixels = np.random.default_rng(0).integers(2, 254, (3, 6, 8), np.uint8)
    for probe, kept in (("exhaustive-pixel-l0-1", margins.getvalue()), ("pgd-linf-1", b"")):
        example = Example(
            case_id=case_id,
            probe=probe,
            original=codec.encode(pixels),
            perturbed=codec.encode(pixels + np.uint8(1)),
            suffix=".png",
            by_position=kept,
        )
        run.write_unit(f"examples-{probe}", [], [example])
    return write_report(run.path)


def test_the_map_is_seen_under_its_attack_and_no_other(report: Path, tmp_path: Path) -> None:
    seen = {}
    with browser(tmp_path) as page:
        page.open(report)
        page.evaluate("document.getElementById('viewer').focus()")
        for _ in range(2):
            page.press("p")
            seen[page.evaluate(ATTACK).split(",")[0]] = page.evaluate(SEEN)
            if page.evaluate(SEEN):
                page.wait(f"{PANE}.querySelector('img').naturalWidth === 8")
                assert "5 of 48 tried" in page.evaluate(f"{PANE}.textContent")
                factor = page.evaluate(f"{PANE}.querySelector('img').clientWidth") / 8
                page.press("-")
                assert page.evaluate(f"{PANE}.querySelector('img').clientWidth") / 8 < factor
    assert sorted(seen.values()) == [0, 1]
