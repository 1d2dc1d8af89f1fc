"""The schema of findings: one row for each case, probe and container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

Status = Literal["ok", "failed"]

NOT_FINITE = "the model's outputs are not finite"
"""The error of a case with NaN or infinite outputs."""
CLEAN = "clean"
"""Id of the probe that changes nothing, with which all others are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The judge's measurements of one case under one probe, on the stored image.

    Distances are between the original's pixels and the pixels read back, in stored numbers;
    ``l0`` counts spatial positions at which any channel changed. They are NaN, the outputs empty
    and the decisions "" where ``status`` is "failed".

    For segmentation the outputs per pixel are not stored. ``dice_*``, ``agreement`` and ``moved``
    have one number for each class except the background, in the task's order (NaN if undefined);
    ``size_*`` has one for each label, the background first. For other tasks they are empty.

    Attributes:
        case_id: the case.
        group: its group.
        truth: its class name; the labels present, or the classes in its mask, e.g.
            "effusion|nodule" ("" for none); or its number.
        probe: id of the probe, e.g. "clean", "pgd-linf-2", "noise-linf-2".
        stored: the container judged: "lossless", "recompressed-own", ...
        status: "ok", or "failed" with the reason in ``error``.
        decision_before: decision on the untouched image, in the form of ``truth``.
        decision_after: decision on the perturbed image as stored.
        outputs_before: the model's outputs (logits, or the number) for the untouched image.
        outputs_after: the same for the perturbed image as stored.
        attempted: whether the goal was open (it did not hold before); True without a goal.
        margin_after: the goal's margin on the stored image, > 0 if reached; NaN for a probe without
            goal, and if the goal does not apply to the case, which is then not attempted.
        reached: whether the goal holds on the stored image and the threat was kept. For a model
            whose outputs vary: whether it holds in most of the judge's draws.
        reached_share: share of the judge's draws in which it holds; NaN for a model whose outputs
            do not vary.
        within_threat: whether range, radius and finiteness hold in the lossless file. Other
            containers inherit the value, since the error of a lossy container is not the
            adversary's.
        linf: greatest absolute change.
        l2: Euclidean length of the change.
        l1: sum of absolute changes.
        l0: changed positions.
        n_gradients: forward-and-backward passes spent on this case. For an attack on surrogates,
            passes through these; likewise ``n_forwards``.
        n_forwards: further forward passes spent on this case by the search.
        found_by: for an attack of several stages, the stage that claims success; "" if none does.
            The judge's verdict is ``reached``.
        coefficients: number of JPEG coefficients changed by an attack that edits them; NaN for
            other containers and attacks.
        positions_tried: number of positions tried by an attack that changes them one by one; NaN
            for other attacks, and if not attempted.
        positions_reaching: number of these positions that reach the goal alone, stored losslessly,
            by the search's own count; NaN likewise.
        dice_before: Dice of the model's mask on the untouched image with the truth.
        dice_after: Dice of the model's mask on the perturbed image as stored with the truth.
        agreement: Dice of the model's masks after and before.
        size_truth: pixels of each label in the truth.
        size_before: pixels of each label on the untouched image.
        size_after: pixels of each label on the perturbed image as stored.
        moved: distance of the masks' centres before and after, in pixels.
        spacing_mm: pixel spacing along each axis; empty if the file does not give it.
        psnr: peak signal-to-noise ratio in decibels, infinite if nothing changed. This and the
            following fields are measured in the lossless file only, and NaN or empty elsewhere.
        ssim: structural similarity to the original; NaN unless the plan asks for it.
        delta_e_mean: ΔE2000, mean over the image; NaN likewise, and without colour.
        delta_e_p95: ΔE2000, 95th percentile.
        delta_e_max: ΔE2000, greatest.
        responses: of the model observer's channels to the stored image; empty without one.
        levels: number of the image's numbers changed by 0, 1, 2, 3, 4, up to 8, 16, 32 and more
            levels; empty for floating storage.
        features: given to the model with the perturbed image, in the order of the plan's
            ``cohort.features``; empty where it takes none.
        error: reason of a failure; else empty.
    """

    case_id: str
    group: str
    truth: str
    probe: str
    stored: str
    status: Status = "ok"
    decision_before: str = ""
    decision_after: str = ""
    outputs_before: tuple[float, ...] = ()
    outputs_after: tuple[float, ...] = ()
    attempted: bool = True
    margin_after: float = float("nan")
    reached: bool = False
    reached_share: float = float("nan")
    within_threat: bool = True
    linf: float = float("nan")
    l2: float = float("nan")
    l1: float = float("nan")
    l0: float = float("nan")
    n_gradients: int = 0
    n_forwards: int = 0
    found_by: str = ""
    coefficients: float = float("nan")
    positions_tried: float = float("nan")
    positions_reaching: float = float("nan")
    dice_before: tuple[float, ...] = ()
    dice_after: tuple[float, ...] = ()
    agreement: tuple[float, ...] = ()
    size_truth: tuple[int, ...] = ()
    size_before: tuple[int, ...] = ()
    size_after: tuple[int, ...] = ()
    moved: tuple[float, ...] = ()
    spacing_mm: tuple[float, ...] = ()
    psnr: float = float("nan")
    ssim: float = float("nan")
    delta_e_mean: float = float("nan")
    delta_e_p95: float = float("nan")
    delta_e_max: float = float("nan")
    responses: tuple[float, ...] = ()
    levels: tuple[int, ...] = ()
    features: tuple[float, ...] = ()
    error: str = ""


_OUTPUTS = pa.list_(pa.float32())
_BY_CLASS = pa.list_(pa.float64())
_BY_LABEL = pa.list_(pa.int64())
_BY_DISTANCE = pa.list_(pa.int64())
_BY_FEATURE = pa.list_(pa.float64())
_BY_CHANNEL = pa.list_(pa.float64())
SCHEMA = pa.schema(
    [
        ("case_id", pa.string()),
        ("group", pa.string()),
        ("truth", pa.string()),
        ("probe", pa.string()),
        ("stored", pa.string()),
        ("status", pa.string()),
        ("decision_before", pa.string()),
        ("decision_after", pa.string()),
        ("outputs_before", _OUTPUTS),
        ("outputs_after", _OUTPUTS),
        ("attempted", pa.bool_()),
        ("margin_after", pa.float32()),
        ("reached", pa.bool_()),
        ("reached_share", pa.float64()),
        ("within_threat", pa.bool_()),
        ("linf", pa.float64()),
        ("l2", pa.float64()),
        ("l1", pa.float64()),
        ("l0", pa.float64()),
        ("n_gradients", pa.int64()),
        ("n_forwards", pa.int64()),
        ("found_by", pa.string()),
        ("coefficients", pa.float64()),
        ("positions_tried", pa.float64()),
        ("positions_reaching", pa.float64()),
        ("dice_before", _BY_CLASS),
        ("dice_after", _BY_CLASS),
        ("agreement", _BY_CLASS),
        ("size_truth", _BY_LABEL),
        ("size_before", _BY_LABEL),
        ("size_after", _BY_LABEL),
        ("moved", _BY_CLASS),
        ("spacing_mm", _BY_CLASS),
        ("psnr", pa.float64()),
        ("ssim", pa.float64()),
        ("delta_e_mean", pa.float64()),
        ("delta_e_p95", pa.float64()),
        ("delta_e_max", pa.float64()),
        ("responses", _BY_CHANNEL),
        ("levels", _BY_DISTANCE),
        ("features", _BY_FEATURE),
        ("error", pa.string()),
    ],
    metadata={"plexor_findings": "7"},
)


def from_table(table: pa.Table) -> list[Finding]:
    """The findings of a table in ``SCHEMA``."""
    rows = table.to_pylist()
    lists = [column.name for column in SCHEMA if pa.types.is_list(column.type)]
    return [Finding(**row | {name: tuple(row[name] or ()) for name in lists}) for row in rows]


def to_table(findings: list[Finding]) -> pa.Table:
    """A table in ``SCHEMA``, rows in the order given."""
    # column by column: ``asdict`` copies every number of every row
    columns = [[getattr(finding, name) for finding in findings] for name in SCHEMA.names]
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)],
        schema=SCHEMA,
    )
