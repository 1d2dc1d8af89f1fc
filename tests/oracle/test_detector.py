"""A network taught to detect: sees what is plain, sees nothing in nothing, and learns elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from plexor.audits import detector
from plexor.audits.detector import Schedule, detect, residual
from plexor.core.errors import PlanError

Images = list[NDArray[np.uint8]]
BRIEF = Schedule(epochs=8)


def originals(n: int, rng: np.random.Generator, shape: tuple[int, ...] = (1, 24, 24)) -> Images:
    """Smooth images with some grain, 8 bits."""
    found = []
    for _ in range(n):
        smooth = gaussian_filter(rng.normal(0, 1, shape), (0, *[3] * (len(shape) - 1)))
        grain = rng.normal(0, 1.5, shape)
        found.append((128 + 200 * smooth + grain).round().clip(0, 255).astype(np.uint8))
    return found


def noisy(images: Images, rng: np.random.Generator, levels: int) -> Images:
    """Every number moved by so many levels, up or down by a coin."""
    return [
        (image + levels * rng.choice([-1, 1], image.shape)).clip(0, 255).astype(np.uint8)
        for image in images
    ]


def groups_of(n: int) -> list[str]:
    return [f"lesion-{number // 2}" for number in range(n)]


@pytest.mark.parametrize("shape", [(3, 24, 24), (1, 10, 12, 11)])
def test_what_is_plainly_visible_is_seen(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    before = originals(80, rng, shape)
    found = detect(before, noisy(before, rng, 8), groups_of(80), seed=1, schedule=BRIEF)
    assert found.auc.value > 0.99
    assert found.d_prime.value > 2
    assert found.forced_choice.value == 1
    assert (found.n_training, found.auc.n_groups, found.forced_choice.n) == (40, 20, 40)


def test_where_nothing_is_done_nothing_is_seen() -> None:
    rng = np.random.default_rng(1)
    before, after = originals(80, rng), originals(80, rng)
    found = detect(before, after, groups_of(80), seed=0, schedule=Schedule(epochs=5))
    assert found.auc.low <= 0.5 <= found.auc.high
    assert found.d_prime.low <= 0 <= found.d_prime.high
    assert found.auc.high - found.auc.low < 0.5


def test_images_that_are_alike_are_told_by_a_coin() -> None:
    before = originals(80, np.random.default_rng(2))
    found = detect(before, before, groups_of(80), seed=0, schedule=Schedule(epochs=2))
    assert found.auc.value == 0.5
    assert found.d_prime.value == 0
    assert found.forced_choice.low < 0.5 < found.forced_choice.high


def test_no_group_is_judged_that_was_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each image holds its case's number; what is taught, held back and judged is written down."""
    cases = [np.full((1, 12, 12), number, np.uint8) for number in range(100)]
    groups = [f"patient-{number % 40}" for number in range(100)]
    seen: dict[str, set[int]] = {}

    def spy(taught: Any, held_back: Any, **_: object) -> torch.nn.Module:
        for name, pairs in {"taught": taught, "held back": held_back}.items():
            assert (pairs[0] == pairs[1]).all()
            seen[name] = set(pairs[0][:, 0, 0, 0].tolist())
        return torch.nn.Identity()

    def judged(_: object, images: NDArray[Any]) -> NDArray[np.float64]:
        seen["judged"] = set(images[:, 0, 0, 0].tolist())
        return np.zeros(len(images))

    monkeypatch.setattr(detector, "trained", spy)
    monkeypatch.setattr(detector, "scores", judged)
    found = detect(cases, cases, groups, seed=4)
    parts = [{groups[number] for number in seen[name]} for name in seen]
    assert sum(map(len, seen.values())) == 100
    assert [len(part) for part in parts] == [16, 4, 20]
    assert len(set.union(*parts)) == 40
    assert found.n_training == len(seen["taught"]) + len(seen["held back"])


def test_the_seed_decides() -> None:
    rng = np.random.default_rng(3)
    before = originals(60, rng)
    after = noisy(before, rng, 1)
    first, again = (
        detect(before, after, seed=7, schedule=Schedule(epochs=2)).to_dict() for _ in range(2)
    )
    assert first == again
    state = torch.get_rng_state()
    detect(before, after, seed=8, schedule=Schedule(epochs=1))
    assert torch.equal(state, torch.get_rng_state())


def test_what_is_linear_leaves_no_residual() -> None:
    row, column, slice_ = torch.meshgrid(*[torch.arange(6.0)] * 3, indexing="ij")
    ramp = 3 * row - 2 * column + slice_ + 5
    assert residual(ramp[None, None]).abs().max() < 1e-5
    spike = torch.zeros(1, 1, 5, 5)
    spike[..., 2, 2] = 4
    assert residual(spike)[0, 0].tolist() == [[0, -1, 0], [-1, 4, -1], [0, -1, 0]]


def test_too_few_pairs_say_so_and_bad_ones_are_refused() -> None:
    rng = np.random.default_rng(5)
    few = detect(originals(30, rng), originals(30, rng), seed=0)
    assert np.isnan(few.auc.value)
    assert few.auc.note == "15 pairs to train on, expected 20 or more in several groups"
    assert np.isnan(detect(originals(90, rng), originals(90, rng), ["a"] * 45 + ["b"] * 45,
                           seed=0).d_prime.value)  # fmt: skip
    assert np.isnan(detect([], [], [], seed=0).auc.value)
    with pytest.raises(PlanError, match="of each case"):
        detect(originals(3, rng), originals(2, rng), seed=0)
    with pytest.raises(PlanError, match="all of one shape"):
        detect(originals(2, rng), originals(2, rng, (1, 24, 25)), seed=0)
    with pytest.raises(PlanError, match="at least 10 along each axis"):
        detect(originals(2, rng, (1, 8, 24)), originals(2, rng, (1, 8, 24)), seed=0)
    with pytest.raises(PlanError, match="`patience`"):
        Schedule(patience=0)
