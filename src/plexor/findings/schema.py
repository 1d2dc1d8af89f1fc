"""The row that everything after an audit reads: one case under one probe, as stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

Status = Literal["ok", "failed"]

NOT_FINITE = "the model's outputs are not finite"
"""The error of a case for which the model answered NaN or infinity."""
CLEAN = "clean"
"""The probe that changes nothing; every other one is compared with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one probe did to one case, as the judge measured it on the stored image.

    Distances are between the original's pixels and the pixels read back, in stored numbers;
    ``l0`` counts spatial positions at which any channel changed. They are NaN, the outputs empty
    and the decisions "" where ``status`` is "failed".

    What a segmentation gives each pixel is not kept. Its rows have no outputs; they have one number
    for each class that is not the background, in the task's order, in what is called ``dice``,
    ``agreement`` and ``moved`` (NaN where not defined), and one for each label, the background
    first, in what is called ``size``. Of other tasks all these are empty.

    Attributes:
        case_id: the case.
        group: its group.
        truth: its class name; the findings present, or the classes its mask has, e.g.
            "effusion|nodule" ("" for none); or its number.
        probe: id of the probe, e.g. "clean", "pgd-linf-2", "noise-linf-2".
        stored: the container judged: "lossless", "recompressed-own", ...
        status: "ok", or "failed" with ``error`` saying why.
        decision_before: decided for the untouched image, written like ``truth``.
        decision_after: decided for the perturbed image as stored.
        outputs_before: the model's outputs (logits, or the number) for the untouched image.
        outputs_after: the same for the perturbed image as stored.
        attempted: the goal could be counted here (it did not hold before); True without a goal.
        margin_after: the goal's margin as stored, > 0 when reached; NaN for a probe without goal,
            and where the goal has no meaning for the case, which was then not attempted.
        reached: the goal holds on the stored image and the threat was kept. Of a model whose
            outputs vary, it holds in most of the judge's draws.
        reached_share: share of the judge's draws in which it holds; NaN for a model whose outputs
            do not vary.
        within_threat: range, radius and finiteness held on the lossless file. A lossy container
            may add its own error; that is not the adversary's, so it inherits this from lossless.
        linf: greatest absolute change.
        l2: Euclidean length of the change.
        l1: sum of absolute changes.
        l0: changed positions.
        n_gradients: forward-and-backward passes spent on this case; of an attack on surrogates,
            through these, and so are ``n_forwards``.
        n_forwards: further forward passes spent on this case by the search.
        found_by: of an attack made of several stages, the one that says it reached the goal; ""
            where none does. The judge's word on that is ``reached``.
        coefficients: of a JPEG file written with other coefficients, as an attack found them, how
            many differ from the original file's; NaN for any other container or attack.
        positions_tried: of an attack that changes positions one by one, how many it tried for this
            case; NaN for other attacks, and where it was not attempted.
        positions_reaching: how many of them reach the goal alone, stored losslessly, as the search
            saw it; NaN likewise.
        dice_before: Dice of what is outlined on the untouched image with the truth.
        dice_after: Dice of what is outlined on the perturbed image as stored with the truth.
        agreement: Dice of what is outlined after with what is outlined before.
        size_truth: pixels of each label in the truth.
        size_before: pixels of each label on the untouched image.
        size_after: pixels of each label on the perturbed image as stored.
        moved: pixels from the centre of what is outlined before to that of what is outlined after.
        spacing_mm: from pixel to pixel along each axis; empty where the file does not say.
        psnr: peak signal-to-noise ratio in decibels, infinite where nothing changed; this and what
            follows, of the lossless file only, NaN or empty elsewhere.
        ssim: structural similarity to the original; NaN where the plan does not ask for it.
        delta_e_mean: ΔE2000, mean over the image; NaN likewise, and without colour.
        delta_e_p95: ΔE2000, 95th percentile.
        delta_e_max: ΔE2000, greatest.
        responses: of the model observer's channels to the stored image; empty without one.
        levels: how many of the image's numbers were moved by 0, 1, 2, 3, 4, up to 8, 16, 32 and
            more levels; empty where storage is floating.
        error: empty, or why the case failed.
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
    error: str = ""


_OUTPUTS = pa.list_(pa.float32())
_BY_CLASS = pa.list_(pa.float64())
_BY_LABEL = pa.list_(pa.int64())
_BY_DISTANCE = pa.list_(pa.int64())
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
        ("error", pa.string()),
    ],
    metadata={"plexor_findings": "7"},
)


def from_table(table: pa.Table) -> list[Finding]:
    """The findings of a table in ``SCHEMA``."""
    rows = table.to_pylist()
    lists = [column.name for column in SCHEMA if pa.types.is_list(column.type)]
    return [Finding(**row | {name: tuple(row[name]) for name in lists}) for row in rows]


def to_table(findings: list[Finding]) -> pa.Table:
    """A table in ``SCHEMA``, rows in the order given."""
    # column by column: ``asdict`` copies every number of every row
    columns = [[getattr(finding, name) for finding in findings] for name in SCHEMA.names]
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)],
        schema=SCHEMA,
    )
