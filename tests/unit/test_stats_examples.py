"""The examples in the docstrings of ``plexor.stats`` run and give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from plexor import stats

MODULES = [f"plexor.stats.{module.name}" for module in pkgutil.iter_modules(stats.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert failed == 0


@pytest.mark.parametrize("name", [name for name in stats.__all__ if name[0].islower()])
def test_every_public_function_has_an_example(name: str) -> None:
    assert ">>> " in (getattr(stats, name).__doc__ or "")
