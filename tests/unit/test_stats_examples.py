"""Every public function of ``plexor.stats`` has an example, which test_docstring_examples runs."""

from __future__ import annotations

import pytest

from plexor import stats


@pytest.mark.parametrize("name", [name for name in stats.__all__ if name[0].islower()])
def test_every_public_function_has_an_example(name: str) -> None:
    assert ">>> " in (getattr(stats, name).__doc__ or "")
