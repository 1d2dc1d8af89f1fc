"""How visible changes are, and where that begins."""

from __future__ import annotations

from dataclasses import dataclass

from plexor.findings.summary.counts import Count
from plexor.findings.summary.estimate import StoredEstimate
from plexor.visibility.observation import Observation
from plexor.visibility.settings import Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObservation:
    """How well perturbed images were told from originals.

    Attributes:
        n_training: pairs that were learnt from.
        auc: one image at a time: how often a perturbed one looks more perturbed than an original.
        d_prime: the same as a distance of means in standard deviations.
        forced_choice: both images of a case side by side: how often the perturbed one is picked.
        d_prime_forced_choice: the d' that ``forced_choice`` stands for.
    """

    n_training: Count
    auc: StoredEstimate
    d_prime: StoredEstimate
    forced_choice: StoredEstimate
    d_prime_forced_choice: StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserverResult(StoredObservation):
    """What the model observer made of a probe.

    Attributes:
        n_channels: numbers it sees of each image.
        n_left_out: changed images that it cannot see, since they have too few pixels for its
            channels, or another number of channels than most.
    """

    n_channels: Count
    n_left_out: Count = 0

    @classmethod
    def of(cls, found: Observation, *, n_channels: int, n_left_out: int = 0) -> ObserverResult:
        """From what the observer found."""
        return cls(
            n_channels=n_channels,
            n_left_out=n_left_out,
            n_training=found.n_training,
            auc=StoredEstimate.of(found.auc),
            d_prime=StoredEstimate.of(found.d_prime),
            forced_choice=StoredEstimate.of(found.forced_choice),
            d_prime_forced_choice=StoredEstimate.of(found.d_prime_forced_choice),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelShare:
    """Numbers of an image that moved by some levels.

    Attributes:
        up_to: greatest number of levels in this class; None for all beyond the last.
        share: of an image's numbers, averaged over cases.
    """

    up_to: int | None
    share: StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeVisibility:
    """How visible a probe's changes are, lossless, over the cases that it changed.

    Attributes:
        n_changed: those cases.
        psnr: peak signal-to-noise ratio in dB, median; None where not measured.
        ssim: structural similarity, median; None where not measured.
        delta_e_mean: ΔE2000, each image's mean, median over cases; None where not measured.
        delta_e_p95: likewise, each image's 95th percentile.
        delta_e_max: likewise, each image's greatest.
        levels: the image's numbers by how many levels they moved; None for images without levels.
        observer: what the model observer made of it; None where there was none, or too few cases.
        detector: what a trained network made of it; None where the plan has none.
    """

    n_changed: Count
    psnr: StoredEstimate | None
    ssim: StoredEstimate | None
    delta_e_mean: StoredEstimate | None
    delta_e_p95: StoredEstimate | None
    delta_e_max: StoredEstimate | None
    levels: tuple[LevelShare, ...] | None
    observer: ObserverResult | None
    detector: StoredObservation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Where attacks that differ in radius alone begin to be seen, and the model begins to fail.

    Attributes:
        probes: their ids, in order of radius.
        d_prime: radius at which d' of the observer passes 1, one image at a time.
        d_prime_forced_choice: likewise, side by side.
        accuracy: radius at which accuracy falls below a half; None for tasks without accuracy.
    """

    probes: tuple[str, ...]
    d_prime: StoredEstimate
    d_prime_forced_choice: StoredEstimate
    accuracy: StoredEstimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisibilitySummary:
    """What was measured of how visible changes are, and where it begins.

    Attributes:
        settings: the plan's.
        crossings: one for each family of attacks tried at two radii or more.
    """

    settings: Visibility
    crossings: tuple[Crossing, ...]
