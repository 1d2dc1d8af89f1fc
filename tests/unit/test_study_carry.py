from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plexor.audits import Ray
from plexor.studies import carry


@pytest.mark.parametrize(
    ("workers", "device", "executor"),
    [(None, None, None), (2, None, Ray(workers=2)), (2, "cpu", Ray(workers=2, gpu=False))],
)
def test_an_arm_is_audited_by_as_many_workers_as_asked_for(
    workers: int | None, device: str | None, executor: Ray | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr(carry, "load_plan", lambda file: file)
    monkeypatch.setattr(carry, "audit", lambda _, **how: told.update(how))
    carry.audit_arm(Path("arm/plan.yaml"), lambda *_, **__: None, device=device, workers=workers)
    assert told["executor"] == executor
    assert told["out"] == Path("arm/run")
