"""Features written as text: codes of a plan, and what is said without them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from plexor.cases import Cohort, load_cohort
from plexor.cases.formats.png import PngCodec
from plexor.core.errors import DataError


def load(folder: Path, codes: Mapping[str, Mapping[str, float]] | None = None) -> Cohort:
    table = "path;label;sex;icv\na.png;38,5;F;1650,5\nb.png;40;M;1500\n"
    (folder / "table.csv").write_text(table)
    for value, name in enumerate("ab"):
        pixels = np.full((1, 4, 4), value, dtype=np.uint8)
        (folder / f"{name}.png").write_bytes(PngCodec().encode(pixels))
    features = ["sex", "icv"]
    return load_cohort(folder / "table.csv", truth="number", features=features, codes=codes)


def test_codes_say_what_a_text_stands_for(tmp_path: Path) -> None:
    cohort = load(tmp_path, {"sex": {"F": 0, "M": 1}})
    assert [case.truth for case in cohort.cases] == [38.5, 40.0]
    assert [dict(case.features) for case in cohort.cases] == [
        {"sex": 0.0, "icv": 1650.5},
        {"sex": 1.0, "icv": 1500.0},
    ]


def test_a_text_without_a_code_is_refused_with_the_line_to_write(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"`cohort.codes: \{sex: \{F: ...\}\}`"):
        load(tmp_path)
    with pytest.raises(DataError, match="'M', expected a finite number or 'F'"):
        load(tmp_path, {"sex": {"F": 0}})
    with pytest.raises(DataError, match="codes: unknown feature 'sx'; did you mean 'sex'"):
        load(tmp_path, {"sx": {"F": 0}})
