"""A channelised Hotelling observer of perturbed images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plexor.core.errors import PlanError
from plexor.core.wording import counted
from plexor.stats.argument import Groups, check_level
from plexor.visibility.array import Floats
from plexor.visibility.observation import Observation, learnt_from, observation, tested_groups

_ROUNDING = 1e-9
"""Relative to a channel's greatest number: what of its spread is arithmetic."""
_RANK = 1e-10
"""Directions with less of the correlation than this are taken to be arithmetic too."""


def observe(
    original: ArrayLike,
    perturbed: ArrayLike,
    groups: Groups | None = None,
    *,
    seed: int,
    internal_noise: float = 0.0,
    level: float = 0.95,
) -> Observation:
    """Trains a Hotelling template on half of the groups and tests it on the other half.

    The template is ``S⁻¹ (mean perturbed - mean original)`` (Barrett & Myers, Foundations of Image
    Science 2004, sec. 13.2.12), S the mean of both classes' covariances for one image at a time,
    and the covariance of the differences for two side by side.

    With few training pairs the template is poor and d' is too low: with k channels and n training
    pairs of independent images d' is about ``√(d'²/(d'² + 2k/n) (1 - k/(2n)))`` of its value with
    unlimited training. Intervals hold for this template over cases like those tested; they do not
    include the variation from training. The halves are not exchanged: results of both directions
    are dependent, and pooled intervals are too narrow where little can be seen.

    Args:
        original: channel outputs for the originals, (n, k): energies, or linear responses.
        perturbed: channel outputs for the perturbed images of the same cases, (n, k).
        groups: the group of each pair; None where pairs are independent.
        seed: of the halves, of internal noise, and of the coin tossed at equal ratings.
        internal_noise: variance of the observer's noise in each channel, drawn for each image, as
            a multiple of the channel's variance between images (Abbey & Barrett 2001).
        level: nominal coverage.

    Returns:
        NaN with a note where there are fewer training pairs than channels + 2, or one group.

    Raises:
        PlanError: shapes that differ, numbers that are not finite, or an invalid option.
    """
    check_level(level)
    before, after = _checked(original, perturbed, internal_noise)
    n, k = before.shape
    learn = learnt_from(n, groups, seed=seed)
    known = None if groups is None else tested_groups(groups, learn)
    n_training = int(learn.sum())
    few = ""
    if n_training < k + 2:
        few = f"{counted(n_training, 'pair')} to learn from, fewer than the {k} channels + 2 needed"
        before, after, learn = before[:0], after[:0], learn[:0]
        known = None if known is None else known[:0]
    alone, beside = _decided(before, after, learn, internal_noise, seed)
    return observation(
        alone,
        beside,
        known,
        n_training=n_training,
        seed=seed,
        level=level,
        note=few,
    )


def _checked(
    original: ArrayLike, perturbed: ArrayLike, internal_noise: float
) -> tuple[Floats, Floats]:
    before, after = np.asarray(original, np.float64), np.asarray(perturbed, np.float64)
    if before.ndim != 2 or before.shape != after.shape or not before.shape[1]:
        raise PlanError(
            "observe: expected (pairs, channels) twice, alike, got shapes "
            f"{before.shape} and {after.shape}"
        )
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        raise PlanError("observe: a response is not finite; leave that pair out, and say so")
    if not internal_noise >= 0:
        raise PlanError(f"observe: `internal_noise` must be 0 or more, got {internal_noise}")
    return before, after


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A trained observer of k channels.

    Attributes:
        alone: weights for one image at a time, (k,); a higher rating is more perturbed.
        beside: weights for the perturbed image minus the original, side by side, (k,).
        noise: standard deviation of the observer's own noise in each channel, (k,).
    """

    alone: Floats
    beside: Floats
    noise: Floats


def trained(original: ArrayLike, perturbed: ArrayLike, *, internal_noise: float = 0.0) -> Template:
    """Hotelling's templates for single images and for pairs, learnt from all pairs given.

    Args:
        original: channel outputs for the originals, (n, k).
        perturbed: channel outputs for the perturbed images of the same cases, (n, k).
        internal_noise: see ``observe``.

    Raises:
        PlanError: shapes that differ, fewer pairs than channels + 2, numbers that are not finite,
            or an invalid option.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> original = rng.normal(size=(40, 3))
        >>> template = trained(original, original + [0, 1, 0])
        >>> int(np.abs(template.alone).argmax())
        1
    """
    old, new = _checked(original, perturbed, internal_noise)
    n, k = old.shape
    if n < k + 2:
        raise PlanError(f"observer: expected {k + 2} pairs or more for {k} channels, got {n}")
    shift = (new - old).mean(axis=0)
    grain = np.square(_ROUNDING * np.abs([old, new]).max(axis=(0, 1)))
    spread = (_covariance(old) + _covariance(new)) / 2
    own = internal_noise * np.diag(spread)
    return Template(
        alone=_template(spread + np.diag(own + grain), shift),
        beside=_template(_covariance(new - old) + np.diag(2 * own + grain), shift),
        noise=np.sqrt(own),
    )


def _decided(
    before: Floats, after: Floats, learn: NDArray[np.bool_], internal_noise: float, seed: int
) -> tuple[Floats, Floats]:
    """Decision variables of the pairs tested: (m, 2) for images alone, (m,) side by side."""
    if not learn.any():
        return np.empty((0, 2)), np.empty(0)
    template = trained(before[learn], after[learn], internal_noise=internal_noise)
    old, new = before[~learn], after[~learn]
    noise = template.noise * np.random.default_rng([seed, 1]).normal(size=(2, *old.shape))
    old, new = old + noise[0], new + noise[1]
    alone = np.stack([old @ template.alone, new @ template.alone], axis=1)
    return alone, (new - old) @ template.beside


def _covariance(table: Floats) -> Floats:
    return np.atleast_2d(np.cov(table, rowvar=False))


def _template(covariance: Floats, shift: Floats) -> Floats:
    """Hotelling's template."""
    scale = np.sqrt(np.diag(covariance))
    scale = np.where(scale > 0, scale, 1.0)
    correlation = covariance / np.outer(scale, scale)
    inverse = np.linalg.pinv(correlation, rcond=_RANK, hermitian=True)
    found: Floats = inverse @ (shift / scale) / scale
    return found
