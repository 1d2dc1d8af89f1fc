"""Batches of cases that are read from disk again in each pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from tests.helpers.tiny import Linear, model_of, multiclass

from plexor.audits.stream import CaseStream
from plexor.cases import Case
from plexor.core.errors import DataError
from plexor.core.seeds import seed_for

N = 5


@pytest.fixture
def stream(tmp_path: Path) -> CaseStream:
    cases = []
    for i in range(N):
        path = tmp_path / f"{i}.png"
        Pillow.fromarray(np.full((4, 4), i, np.uint8)).save(path)
        cases.append(Case(id=f"case-{i}", path=path, truth="b", group=f"{i}"))
    model = model_of(Linear(torch.ones(2, 1, 4, 4)), multiclass(2))
    return CaseStream(cases=cases, model=model, batch_size=2, seed=3, on_batch=lambda: None)


def test_each_pass_has_the_order_of_its_number(stream: CaseStream) -> None:
    for number in range(3):
        batches = list(stream)
        assert [len(batch) for batch in batches] == [2, 2, 1]
        generator = torch.Generator().manual_seed(seed_for(3, "pass", str(number)))
        order = torch.randperm(N, generator=generator).tolist()
        assert [name for batch in batches for name in batch.ids] == [f"case-{i}" for i in order]
        assert torch.cat([batch.images[:, 0, 0, 0] for batch in batches]).tolist() == order
        assert all(batch.truth.tolist() == [1] * len(batch) for batch in batches)


def test_an_image_that_was_readable_before_ends_the_pass(stream: CaseStream) -> None:
    assert len(list(stream)) == 3
    stream.cases[2].path.write_bytes(b"")
    with pytest.raises(DataError, match="case-2 was readable before, but now: "):
        list(stream)
