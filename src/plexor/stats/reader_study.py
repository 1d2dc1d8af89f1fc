"""Making a ``ReaderStudy`` from readers' ratings, or from any measure with its covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import (
    Booleans,
    Floats,
    Groups,
    as_events,
    as_floats,
    check_same_length,
    group_codes,
    rows_where,
)
from plexor.stats.grouped_variance import groups_note
from plexor.stats.mrmc import ReaderStudy
from plexor.stats.resample import resampler
from plexor.stats.roc_areas import auc_covariance
from plexor.stats.roc_curve import weighted_auc

CovarianceMethod = Literal["delong", "jackknife"]

_DESIGNS = (
    "ratings: who read what is none of the designs this analysis knows (everybody everything; "
    "blocks of equally many readers with cases of their own; cases nested in treatments, or in "
    "each reader and treatment; as many readers nested in each treatment); "
    "take one_shot_difference"
)


def reader_study(
    values: ArrayLike,
    covariance: ArrayLike,
    n: int,
    *,
    n_groups: int | None = None,
    n_blocks: int = 1,
    readers_nested: bool = False,
    note: str = "",
) -> ReaderStudy:
    """A study from any measure of performance with its covariance over cases.

    Args:
        values: (treatments, readers), two readers or more. Of one treatment there is a mean over
            readers (``ReaderStudy.mean``), and no comparison.
        covariance: of the values in row order, (treatments·readers, the same); 0 for two that
            share no case.
        n: cases.
        n_groups: groups of cases, None where cases are independent.
        n_blocks: number of blocks of equally many readers, two or more in a block, in order; each
            block has its own cases.
        readers_nested: whether each treatment has its own readers.
        note: a warning that all results of the study repeat.

    Raises:
        PlanError: shapes that do not fit, fewer than two readers (of a block), or a number that is
            not finite.

    Examples:
        >>> import numpy as np
        >>> values = [[0.84, 0.88, 0.81], [0.80, 0.83, 0.79]]
        >>> study = reader_study(values, 0.0004 * np.eye(6) + 0.0003, 100)
        >>> round(study.difference(0, 1).value, 4)
        0.0367
    """
    table = as_floats("values", values)
    spread = as_floats("covariance", covariance)
    shaped = table.ndim == 2 and len(table) > 0 and table.shape[1] > 1
    if not shaped or spread.shape != (table.size, table.size):
        raise PlanError(
            "values, covariance: expected (treatments, readers), two readers or more, and a square "
            f"covariance of all, got {table.shape} and {spread.shape}"
        )
    if not (np.isfinite(table).all() and np.isfinite(spread).all()):
        raise PlanError("values, covariance: expected finite numbers, but one is NaN or infinite")
    treatments, readers = table.shape
    if (
        n_blocks < 1
        or readers % n_blocks
        or readers // n_blocks < 2
        or (readers_nested and n_blocks > 1)
    ):
        raise PlanError(
            f"n_blocks: expected blocks of equally many readers, two or more (and one block where "
            f"readers are nested), got {n_blocks} blocks of {readers} readers"
        )
    grid = spread.reshape(treatments, readers, treatments, readers)
    block = np.arange(readers) // (readers // n_blocks)
    same_t = np.eye(treatments, dtype=np.bool_)[:, None, :, None]
    same_r = np.eye(readers, dtype=np.bool_)[None, :, None, :]
    beside = (block[:, None] == block)[None, :, None, :] & ~same_r
    # Nested readers of two treatments are two readers, whatever their columns.
    neither = ~same_t & (beside | same_r if readers_nested else beside)
    each = np.stack([grid[t, :, t, :] for t in range(treatments)])
    return ReaderStudy(
        values=table,
        variance=float(grid[same_t & same_r].mean()),
        same_reader=_mean(grid[neither if readers_nested else ~same_t & same_r]),
        same_treatment=float(grid[same_t & beside].mean()),
        neither=_mean(grid[neither]),
        same_treatment_each=each[:, beside[0, :, 0, :]].mean(axis=1),
        variance_each=np.trace(each, axis1=1, axis2=2) / readers,
        n=n,
        n_groups=n_groups,
        n_blocks=n_blocks,
        readers_nested=readers_nested,
        note=note,
    )


def reader_study_proportion(events: ArrayLike, groups: Groups | None = None) -> ReaderStudy:
    """A study of proportions (e.g. of right answers), in which each reader reads each case.

    Args:
        events: (treatments, readers, n), true or false.
        groups: the group (patient) of each case; None where cases are independent.

    Raises:
        PlanError: a shape that does not fit, an event that is neither, or fewer than two cases,
            groups or readers.

    Examples:
        >>> right = [[[1, 1, 0, 1, 0], [1, 0, 0, 1, 1]], [[1, 0, 0, 0, 0], [1, 0, 0, 1, 0]]]
        >>> study = reader_study_proportion(right)
        >>> round(study.difference(0, 1).value, 3)
        0.3
    """
    table = as_floats("events", events)
    if table.ndim != 3 or not np.isin(table, (0, 1)).all():
        raise PlanError(
            f"events: expected true or false in (treatments, readers, cases), got {table.shape}"
        )
    n = table.shape[2]
    codes, n_groups = (np.arange(n), n) if groups is None else group_codes(groups, n)
    if n_groups < 2:
        raise PlanError(f"events: expected two cases or groups, or more, got {n_groups}")
    values = table.mean(axis=2)
    apart = (table - values[..., None]).reshape(-1, n) / n
    sums = np.stack([np.bincount(codes, weights=row) for row in apart])
    return reader_study(
        values,
        sums @ sums.T * n_groups / (n_groups - 1),
        n,
        n_groups=None if groups is None else n_groups,
        note=groups_note(groups, n),
    )


def _mean(covariances: Floats) -> float:
    """The mean of covariances; 0 if there is none, as with one treatment."""
    return float(covariances.mean()) if covariances.size else 0.0


def reader_study_auc(
    truth: ArrayLike,
    ratings: ArrayLike,
    groups: Groups | None = None,
    *,
    covariance: CovarianceMethod = "delong",
) -> ReaderStudy:
    """A study of areas under ROC curves, fully crossed or split-plot.

    NaN marks a case that a reader did not read. Besides fully crossed studies these designs are
    supported (Hillis, Stat Med 2014;33:330), in which two readers have either the same set of cases
    or no case in common:

    * blocks of equally many readers, each block with its own cases, which its readers read under
      every treatment (Obuchowski, Gallas & Hillis, Acad Radiol 2012;19:1508); with one reader to a
      block, cases nested in readers;
    * cases nested in treatments: each treatment has its own cases, read by all readers;
    * cases nested in each reader and treatment;
    * readers nested in treatments: equally many in each, with the same cases or with their own.

    Args:
        truth: whether each case is positive, (n,).
        ratings: (treatments, readers, n), greater is more positive, NaN where not read. Readers who
            read under one treatment only have NaN in all cases of the others.
        groups: the group (patient) of each case; None where cases are independent.
        covariance: DeLong's (with groups Obuchowski's), or the jackknife's over cases or groups,
            with which the analysis equals that of Dorfman, Berbaum & Metz (Invest Radiol
            1992;27:723) as Hillis et al. (Stat Med 2005;24:1579) show.

    Returns:
        The study, with readers ordered by block; readers nested in treatments become columns in
        order.

    Raises:
        PlanError: shapes that do not fit, one class only, a group in two sets of cases, another
            design, an unknown covariance.

    Examples:
        >>> truth = [0, 0, 0, 1, 1, 1]
        >>> first = [[1, 2, 3, 2, 4, 5], [1, 1, 2, 3, 3, 5]]
        >>> second = [[2, 2, 3, 2, 3, 5], [1, 3, 2, 3, 2, 5]]
        >>> study = reader_study_auc(truth, [first, second])
        >>> round(study.difference(0, 1).value, 3)
        0.167
    """
    if covariance not in get_args(CovarianceMethod):
        raise PlanError(unknown("covariance", covariance, get_args(CovarianceMethod)))
    positive, table = as_events("truth", truth), as_floats("ratings", ratings)
    if table.ndim != 3:
        raise PlanError(f"ratings: expected (treatments, readers, cases), got {table.shape}")
    check_same_length(truth=positive.size, ratings=table.shape[2])
    design = _design(table)
    codes, _ = (
        (np.arange(positive.size), 0) if groups is None else group_codes(groups, positive.size)
    )
    sizes = [np.unique(codes[cases]).size for cases in design.case_sets]
    if np.unique(codes[design.case_sets.any(axis=0)]).size < sum(sizes):
        raise PlanError("groups: a group is in two sets of cases, which then are not independent")
    cells = design.ratings.reshape(-1, positive.size)
    values, spread = np.zeros(len(cells)), np.zeros((len(cells), len(cells)))
    for number, cases in enumerate(design.case_sets):
        chosen = np.flatnonzero(design.set_of_cell.ravel() == number)
        values[chosen], spread[np.ix_(chosen, chosen)] = _areas(
            positive[cases],
            cells[np.ix_(chosen, np.flatnonzero(cases))].T,
            None if groups is None else rows_where(groups, cases),
            covariance,
        )
    return reader_study(
        values.reshape(design.set_of_cell.shape),
        spread,
        int(design.case_sets.sum()),
        n_groups=None if groups is None else sum(sizes),
        n_blocks=design.n_blocks,
        readers_nested=design.readers_nested,
        note=groups_note(groups, positive.size),
    )


def _areas(
    positive: Booleans, columns: Floats, groups: Groups | None, covariance: CovarianceMethod
) -> tuple[Floats, Floats]:
    areas = auc_covariance(positive, columns, groups)
    if areas.note:
        raise PlanError(f"truth: {areas.note}; a study of ROC areas needs both classes")
    if covariance == "delong":
        return areas.values, areas.covariance
    draws = resampler(positive.size, groups, seed=0)
    left_out = draws.jackknife(weighted_auc(positive, columns), at_most=draws.n_groups)
    centred = left_out - left_out.mean(axis=0)
    return areas.values, (draws.n_groups - 1) / draws.n_groups * centred.T @ centred


@dataclass(frozen=True, slots=True, kw_only=True)
class _Design:
    """Ratings (treatments, readers, n), the sets of cases (sets, n), and who read which."""

    ratings: Floats
    case_sets: Booleans
    set_of_cell: NDArray[np.intp]
    n_blocks: int
    readers_nested: bool


def _design(table: Floats) -> _Design:
    took_part = ~np.isnan(table).all(axis=2)
    nested = bool(table.shape[0] > 1 and not took_part.all())
    if nested:
        of_treatment = took_part.sum(axis=1)
        if (took_part.sum(axis=0) != 1).any() or (of_treatment != of_treatment[0]).any():
            raise PlanError(_DESIGNS)
        table = table[took_part].reshape(len(table), -1, table.shape[2])
    cells = table.shape[:2]
    sets, labels = np.unique(
        ~np.isnan(table).reshape(-1, table.shape[2]), axis=0, return_inverse=True
    )
    of_cell = labels.reshape(cells)
    if (sets.sum(axis=0) > 1).any():
        raise PlanError(_DESIGNS)
    by_treatment = bool((of_cell == of_cell[:, :1]).all())
    by_reader = bool((of_cell == of_cell[0]).all()) and not nested
    if not by_treatment and not by_reader and (nested or len(sets) < of_cell.size):
        raise PlanError(_DESIGNS)
    n_blocks = 1
    if by_reader:
        readers_of = np.bincount(of_cell[0])
        if (readers_of != readers_of[0]).any():
            raise PlanError(_DESIGNS)
        n_blocks = len(sets) if readers_of[0] > 1 else 1
        order = np.argsort(of_cell[0], kind="stable")
        table, of_cell = table[:, order], of_cell[:, order]
    return _Design(
        ratings=table,
        case_sets=sets,
        set_of_cell=of_cell,
        n_blocks=n_blocks,
        readers_nested=nested,
    )
