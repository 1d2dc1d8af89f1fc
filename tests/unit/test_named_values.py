"""Options given several times, each a name and its value."""

from __future__ import annotations

import pytest

from plexor.cli.named_values import named_values
from plexor.core.errors import PlanError


def test_a_value_may_contain_an_equals_sign() -> None:
    assert named_values(["image={id}=x.png", "label=dx"], "--column") == {
        "image": "{id}=x.png",
        "label": "dx",
    }
    assert named_values(None, "--column") == {}


@pytest.mark.parametrize("written", ["label", "=dx", "label="])
def test_a_name_or_value_that_is_missing_is_refused(written: str) -> None:
    with pytest.raises(PlanError, match=f"^--weights: expected ARM=FILE, got '{written}'$"):
        named_values([written], "--weights", form="ARM=FILE")


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(PlanError, match="'label' is given twice, as 'dx' and 'diagnosis'"):
        named_values(["label=dx", "label=diagnosis"], "--column")
