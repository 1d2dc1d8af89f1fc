"""Out of memory: smaller batches, every case once, in order; and nothing else is swallowed."""

from __future__ import annotations

import pytest
import torch
from tests.helpers.tiny import binary, model_of
from torch import nn

from plexor.attacks.engine import halving
from plexor.core.errors import ModelError
from plexor.models.device import is_out_of_memory

OUT_OF_MEMORY = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
@pytest.mark.parametrize("n_cases", [1, 7, 64, 100])
@pytest.mark.parametrize("most", [1, 3, 1000])
def test_batches_are_halved_until_they_fit(error: Exception, n_cases: int, most: int) -> None:
    done: list[int] = []
    sizes: list[int] = []
    refused: list[int] = []

    def work(part: slice) -> list[int]:
        cases = list(range(n_cases))[part]
        if len(cases) > most:
            refused.append(len(cases))
            raise error
        sizes.append(len(cases))
        done.extend(cases)
        return cases

    found, size = halving(work, n_cases, 64)
    assert done == list(range(n_cases))
    assert [case for part in found for case in part] == done
    assert max(sizes) <= min(most, size)
    tried = min(64, n_cases)
    halves = [tried := tried // 2 for _ in range(7) if tried > most]
    assert refused == [min(64, n_cases), *halves][: len(halves)]
    assert size == (halves[-1] if halves else 64)


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_a_single_case_that_does_not_fit_ends_it(error: Exception) -> None:
    def work(_: slice) -> None:
        raise error

    with pytest.raises(ModelError, match="out of memory with a single case"):
        halving(work, 5, 4)


def test_a_single_case_that_does_not_fit_is_tried_with_activations_computed_twice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    block = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    model = model_of(nn.Sequential(block, nn.Linear(3, 1)), binary())

    def work(part: slice) -> list[int]:
        if part.stop - part.start > 1 or "forward" not in vars(block):
            raise OUT_OF_MEMORY[1]
        return list(range(5))[part]

    assert halving(work, 5, 2, model=model) == ([[0], [1], [2], [3], [4]], 1)
    assert "forward" not in vars(block)
    assert caplog.messages == [
        "out of memory; continuing with batches of 1",
        "out of memory with a single case; recomputing activations",
    ]

    def never(_: slice) -> None:
        raise OUT_OF_MEMORY[1]

    with pytest.raises(ModelError, match="out of memory with a single case"):
        halving(never, 5, 2, model=model)
    assert "forward" not in vars(block)


def test_other_errors_pass() -> None:
    for error in (RuntimeError("shapes cannot be multiplied"), ModelError("no"), KeyError("x")):
        assert not is_out_of_memory(error)

        def work(_: slice, error: Exception = error) -> None:
            raise error

        with pytest.raises(type(error)):
            halving(work, 5, 4)


def test_no_cases_are_no_work() -> None:
    assert halving(lambda part: part, 0, 4) == ([], 4)
