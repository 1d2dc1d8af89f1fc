"""The model observer beside closed forms: known signals and random ones, in white noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage, special

from plexor.core.errors import PlanError
from plexor.visibility import (
    Channel,
    Observation,
    Visibility,
    dense_dog,
    gabor,
    log_energies,
    luminance,
    observe,
    responses,
)
from plexor.visibility.sight import look

Floats = NDArray[np.float64]
SHAPE = (48, 56)


def filters(channels: tuple[Channel, ...], shape: tuple[int, int]) -> Floats:
    """Every channel on the whole grid of frequencies, (k, rows, columns), from its definition."""
    y, x = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :]
    return np.stack(
        [
            sum(
                (
                    b.weight
                    * np.exp(-((y - b.centre[0]) ** 2 + (x - b.centre[1]) ** 2) / (2 * b.width**2))
                    for b in channel.bumps
                ),
                start=np.zeros(shape),
            )
            for channel in channels
        ]
    )


def learnt(d_prime: float, k: int, n: int) -> float:
    """What is left of d' after training on n independent images a class, see ``observe``."""
    return d_prime * math.sqrt(d_prime**2 / (d_prime**2 + 2 * k / n) * (1 - k / (2 * n)))


def test_the_channels_are_those_of_the_papers() -> None:
    frequencies = np.linspace(0, 0.5, 5001)
    for j, channel in enumerate(dense_dog()):
        sigma = 0.005 * 1.4**j
        written = np.exp(-0.5 * (frequencies / (1.67 * sigma)) ** 2) - np.exp(
            -0.5 * (frequencies / sigma) ** 2
        )
        wide, narrow = channel.bumps
        ours = np.exp(-(frequencies**2) / (2 * wide.width**2)) - np.exp(
            -(frequencies**2) / (2 * narrow.width**2)
        )
        assert ours == pytest.approx(written)
    assert len(dense_dog()) == 10
    assert len(gabor()) == 20
    # In the image: exp(-4 ln 2 r² / w²) cos(2π f x), w = 56.48 pixels for the lowest octave.
    along = np.zeros((101, 101, 101))
    along[np.arange(101), 50, np.arange(101)] = 1
    template = responses(along, gabor()[:1])
    r = np.arange(101) - 50
    written = np.exp(-4 * math.log(2) * r**2 / 56.48**2) * np.cos(2 * math.pi * 3 / 128 * r)
    assert template[:, 0] / template[50, 0] == pytest.approx(written, abs=1e-3)


@pytest.mark.parametrize("channels", [dense_dog(), gabor()], ids=["dog", "gabor"])
@pytest.mark.parametrize("shape", [(24, 30), (31, 17)])
def test_energies_are_those_of_the_filtered_image(
    channels: tuple[Channel, ...], shape: tuple[int, int]
) -> None:
    image = ndimage.gaussian_filter(np.random.default_rng(3).normal(100, 40, shape), 1)
    grid = filters(channels, shape)
    spectrum = np.fft.fft2(image - image.mean())
    filtered = np.fft.ifft2(spectrum * grid)
    assert np.abs(filtered.imag).max() < 1e-5  # even but for the highest frequency itself
    energy = np.square(filtered.real).mean(axis=(1, 2))
    grid[:, 0, 0] = 0
    white = np.square(grid).mean(axis=(1, 2))
    found = log_energies(image, channels, rounding=2.0)
    assert found == pytest.approx(np.log(energy + 4 / 12 * white), abs=1e-6)
    volume = np.stack([image, image[::-1]], axis=-1)
    both = log_energies(volume, channels, rounding=2.0)
    flipped = log_energies(image[::-1], channels, rounding=2.0)
    assert np.exp(both) == pytest.approx((np.exp(found) + np.exp(flipped)) / 2, rel=1e-6)


def test_a_flat_image_has_the_energy_of_its_rounding() -> None:
    flat = log_energies(np.full(SHAPE, 9.0), dense_dog(), rounding=1.0)
    assert np.isfinite(flat).all()
    off = np.random.default_rng(1).uniform(-0.5, 0.5, (400, *SHAPE))
    energies = np.exp([log_energies(image, dense_dog(), rounding=1e-9) for image in off])
    assert energies.mean(axis=0)[5:] == pytest.approx(np.exp(flat)[5:], rel=0.1)


def known_signal(
    n: int, contrast: float, *, seed: int, internal_noise: float = 0.0
) -> tuple[Observation, float]:
    """A blob in the middle of white noise of σ = 2: what is found, and the closed form."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    blob = contrast * np.exp(-((y - 23.5) ** 2 + (x - 27.5) ** 2) / (2 * 4**2))
    channels = dense_dog()[2::2]
    absent = responses(rng.normal(0, 2, (n, *SHAPE)), channels)
    present = responses(rng.normal(0, 2, (n, *SHAPE)) + blob, channels)
    templates = responses(np.eye(blob.size).reshape(-1, *SHAPE), channels)  # (pixels, k)
    covariance = 4 * templates.T @ templates
    covariance[np.diag_indices_from(covariance)] *= 1 + internal_noise
    shift = templates.T @ blob.ravel()
    closed = math.sqrt(shift @ np.linalg.solve(covariance, shift))
    found = observe(absent, present, seed=seed, internal_noise=internal_noise)
    return found, closed


@pytest.mark.parametrize(("contrast", "internal_noise"), [(0.25, 0.0), (0.5, 0.0), (0.5, 1.0)])
def test_a_known_signal_in_white_noise(contrast: float, internal_noise: float) -> None:
    found, closed = known_signal(1000, contrast, seed=5, internal_noise=internal_noise)
    expected = learnt(closed, 4, 500)
    assert 0.5 < closed < 3
    assert found.d_prime.low < expected < found.d_prime.high
    assert found.d_prime.high - found.d_prime.low < 0.4
    area = special.ndtr(expected / math.sqrt(2))
    assert found.auc.low < area < found.auc.high
    # Images of a pair have nothing in common here, so that seeing both is no easier.
    assert found.forced_choice.low < area < found.forced_choice.high
    assert found.d_prime_forced_choice.low < expected < found.d_prime_forced_choice.high
    assert found.n_training == 500


def test_few_pairs_teach_less_by_the_known_amount() -> None:
    """Responses of eight channels, as normal as those to a signal in noise, d' = 1."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(8, 8))
    shift = mixing @ np.full(8, 1 / math.sqrt(8))
    values = []
    for seed in range(400):
        before, after = rng.normal(size=(2, 60, 8)) @ mixing.T
        values.append(observe(before, after + shift, seed=seed).d_prime.value)
    expected = learnt(1.0, 8, 30)
    assert expected < 0.8
    assert np.mean(values) == pytest.approx(expected, abs=0.04)


def random_signal(n: int, share: float, *, seed: int) -> tuple[Floats, Floats]:
    """Log energies of white noise of variance 1, and of the same with other noise on it."""
    rng = np.random.default_rng(seed)
    channels = dense_dog()[5:]
    noise = rng.normal(0, 1, (n, *SHAPE))
    signal = rng.normal(0, math.sqrt(share), (n, *SHAPE))
    return tuple(  # type: ignore[return-value]
        np.stack([log_energies(image, channels, rounding=1e-6) for image in images])
        for images in (noise, noise + signal)
    )


def test_a_random_signal_is_told_by_its_energy() -> None:
    """For log energies of white noise, Δ = log(1 + share), cov = 2 ΣH²H'² / (ΣH² ΣH'²)."""
    share = 0.06
    before, after = random_signal(900, share, seed=2)
    power = np.square(filters(dense_dog()[5:], SHAPE)).reshape(5, -1)
    power[:, 0] = 0
    covariance = 2 * power @ power.T / np.outer(power.sum(axis=1), power.sum(axis=1))
    shift = np.full(5, math.log(1 + share))
    closed = math.sqrt(shift @ np.linalg.solve(covariance, shift))
    found = observe(before, after, seed=2)
    assert found.d_prime.value == pytest.approx(closed, abs=0.12)
    area = special.ndtr(found.d_prime.value / math.sqrt(2))
    assert found.auc.value == pytest.approx(area, abs=0.015)
    # Side by side, the noise that both share cancels.
    assert found.d_prime_forced_choice.low > 2 * found.d_prime.high


def test_nothing_changed_looks_alike() -> None:
    before, _ = random_signal(60, 0.01, seed=4)
    found = observe(before, before, seed=4)
    assert found.auc.value == 0.5
    assert math.isnan(found.d_prime.value)
    assert found.forced_choice.low < 0.5 < found.forced_choice.high


def test_where_there_is_nothing_to_see_chance_is_found() -> None:
    rng = np.random.default_rng(8)
    areas, chosen, covered = [], [], 0
    for seed in range(200):
        before, after = rng.normal(size=(2, 60, 4))
        found = observe(before, after, seed=seed)
        areas.append(found.auc.value)
        chosen.append(found.forced_choice.value)
        covered += found.d_prime.low <= 0 <= found.d_prime.high
    assert np.mean(areas) == pytest.approx(0.5, abs=0.015)
    assert np.mean(chosen) == pytest.approx(0.5, abs=0.015)
    assert covered / 200 > 0.9


def test_no_group_is_learnt_from_and_tested() -> None:
    """Groups that each have a signature of their own, learnt by heart if a group were cut."""
    rng = np.random.default_rng(9)
    groups = np.repeat(np.arange(30), 4)
    signature = rng.normal(0, 1, (30, 12))[groups]
    before = rng.normal(0, 0.05, (120, 12)) - signature
    after = rng.normal(0, 0.05, (120, 12)) + signature
    whole = observe(before, after, groups, seed=1)
    cut = observe(before, after, seed=1)
    assert whole.forced_choice.n_groups == 15
    assert whole.forced_choice.value < 0.75
    assert cut.forced_choice.value > whole.forced_choice.value + 0.05


def test_too_few_pairs_are_undefined_with_a_reason() -> None:
    before, after = np.random.default_rng(1).normal(size=(2, 12, 10))
    found = observe(before, after, seed=0)
    for estimate in (found.auc, found.d_prime, found.forced_choice, found.d_prime_forced_choice):
        assert math.isnan(estimate.value)
        assert estimate.note == "6 pairs to learn from, fewer than the 10 channels + 2 needed"
    one = observe(np.ones((40, 2)), np.zeros((40, 2)), ["a"] * 40, seed=0)
    assert one.auc.note == "0 pairs to learn from, fewer than the 2 channels + 2 needed"
    none = observe(np.empty((0, 3)), np.empty((0, 3)), seed=0)
    assert math.isnan(none.auc.value)


def test_the_seed_alone_decides() -> None:
    before, after = random_signal(40, 0.1, seed=6)
    assert observe(before, after, seed=3, internal_noise=0.5) == observe(
        before, after, seed=3, internal_noise=0.5
    )
    assert observe(before, after, seed=3).auc != observe(before, after, seed=4).auc


def test_what_makes_no_sense_is_refused() -> None:
    good = np.ones((20, 2))
    with pytest.raises(PlanError, match="alike"):
        observe(good, good[:, :1], seed=0)
    with pytest.raises(PlanError, match="not finite"):
        observe(good, good * np.nan, seed=0)
    with pytest.raises(PlanError, match="internal_noise"):
        observe(good, good, seed=0, internal_noise=-1)
    with pytest.raises(PlanError, match="internal_noise"):
        Visibility(internal_noise=-1)
    with pytest.raises(PlanError, match="rounding"):
        log_energies(np.zeros(SHAPE), dense_dog(), rounding=0)
    with pytest.raises(PlanError, match="rows"):
        responses(np.zeros(SHAPE), dense_dog())


def test_what_is_kept_of_one_image() -> None:
    rng = np.random.default_rng(12)
    image = rng.integers(0, 250, (3, 40, 44)).astype(np.uint8)
    other = image + rng.integers(0, 3, image.shape).astype(np.uint8)

    def seen(settings: Visibility) -> tuple[bool, bool, int]:
        sight = look(image, other, settings, low=0, span=255, quantum=1)
        assert sum(sight.levels[:3]) == image.size
        assert 40 < sight.psnr < 60
        return math.isnan(sight.ssim), math.isnan(sight.delta_e.mean), len(sight.responses)

    assert seen(Visibility()) == (True, True, 10)
    assert seen(Visibility(observer="gabor", colour="each")) == (True, True, 60)
    assert seen(Visibility(similarity=True, observer="none")) == (False, False, 0)
    expected = log_energies(luminance(other), dense_dog(), rounding=1)
    assert look(image, other, Visibility(), low=0, span=255, quantum=1).responses == pytest.approx(
        expected.tolist()
    )
    grey = look(image[:1], other[:1], Visibility(similarity=True), low=0, span=255, quantum=1)
    assert math.isnan(grey.delta_e.max)
    assert grey.ssim < 1
