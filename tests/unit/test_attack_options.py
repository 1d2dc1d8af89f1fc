"""Options with a closed choice: an unknown one is refused when an attack is made."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from plexor.attacks.catalogue import CATALOGUE
from plexor.core.errors import PlanError

KINDS: dict[str, Any] = dict(CATALOGUE)
CHOICES = [
    (name, field.name, get_args(get_type_hints(kind)[field.name]))
    for name, kind in KINDS.items()
    for field in fields(kind)
    if get_origin(get_type_hints(kind)[field.name]) is Literal
]


def test_there_are_choices() -> None:
    assert ("pgd", "loss", ("ce", "margin", "ratio")) in CHOICES
    assert len(CHOICES) > 15


@pytest.mark.parametrize(("name", "option", "known"), CHOICES)
def test_an_unknown_choice_is_refused_with_all_that_are(
    name: str, option: str, known: tuple[str, ...]
) -> None:
    kind = KINDS[name]
    for choice in known:
        assert getattr(kind(**{option: choice}), option) == choice
    with pytest.raises(PlanError, match=f"unknown .* 'magrin'.*{min(known)}"):
        kind(**{option: "magrin"})
