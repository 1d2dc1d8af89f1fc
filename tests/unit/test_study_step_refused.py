"""What a study says when a step's run directory is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from plexor.core.errors import RunDirectoryError
from plexor.studies import carry


def test_a_step_of_another_version_says_what_becomes_of_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RunDirectoryError(f"{tmp_path / 'run'} holds a run with another plan")

    monkeypatch.setattr(carry, "load_plan", lambda path: path)
    monkeypatch.setattr(carry, "audit", refuse)
    with pytest.raises(RunDirectoryError, match=r"run holds a run with another plan\. .* report"):
        carry.audit_arm(tmp_path / "plan.yaml", lambda *_, **__: None)
