"""Model observer and model of an audit, on the images that the readers saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from plexor.cases.image import LOSSLESS
from plexor.core.errors import PlanError, unknown
from plexor.core.ids import digest_file
from plexor.findings.run import RunDirectory
from plexor.findings.schema import CLEAN
from plexor.findings.summary.summary import ModelSummary
from plexor.readers.design import Study
from plexor.readers.export import Unblinded
from plexor.readers.model_beside import decided
from plexor.readers.observer_beside import observed
from plexor.readers.result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What an audit says of the images read.

    Attributes:
        results: of model observer and model.
        notes: what could not be compared, and why.
    """

    results: tuple[Result, ...]
    notes: tuple[str, ...]


def beside(
    study: Study, key: Unblinded, reads: pd.DataFrame, found: list[Result], run: RunDirectory
) -> Beside:
    """Figures of model observer and model, over the images of ``reads``.

    The model observer is trained on the audit's cases of which no reader saw a case of the same
    group, and rates the images that readers saw. The model's decisions are those of the audit.

    Args:
        study: the study file; its arms name the audit's probes.
        key: which image is which.
        reads: answers, with columns as in ``plexor.readers.export``.
        found: what the readers' answers gave.
        run: the audit.

    Raises:
        PlanError: an arm of an unknown probe, or a case that the audit does not have.
    """
    rows = run.findings()
    rows = rows[(rows["stored"] == LOSSLESS) & (rows["status"] == "ok")]
    images = _images(study, reads, rows)
    notes = _traced(key, images, run)
    results: list[Result] = []
    try:
        results += observed(study, images, rows, found, run)
    except PlanError as error:
        notes.append(f"the model observer is not compared: {error}")
    provenance: Mapping[str, Any] = run.provenance()
    task = ModelSummary.of(provenance["model"]).task
    if task.kind in ("multiclass", "binary"):
        results += decided(study, images, task)
    else:
        notes.append(f"the model is not compared: its task is {task.kind}, expected classes")
    return Beside(results=tuple(results), notes=tuple(notes))


def _images(study: Study, reads: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """One row for each image read: image, case, arm, and the audit's row of it."""
    known = set(rows["probe"])
    for arm in study.arms.values():
        if arm.probe is not None and arm.probe not in known:
            raise PlanError(f"arms: {unknown('probe', arm.probe, known)} in the run")
    left = reads[["image", "case", "arm"]]
    right = reads[["image_right", "case", "arm_right"]].set_axis(left.columns, axis=1)
    shown = pd.concat([left, right[right["image"] != ""]]).drop_duplicates("image")
    probes = {name: arm.probe or CLEAN for name, arm in study.arms.items()}
    shown = shown.assign(probe=shown["arm"].map(probes))
    wanted = ["case_id", "probe", "group", "truth", "decision_before", "decision_after",
              "outputs_after", "responses"]  # fmt: skip
    joined = shown.merge(
        rows[wanted], left_on=["case", "probe"], right_on=["case_id", "probe"], how="left"
    )
    if lost := joined.loc[joined["case_id"].isna(), "case"].tolist():
        raise PlanError(
            f"run: the audit has no result for {len(lost)} of {len(joined)} images read, e.g. "
            f"{lost[0]}; give the run that the study was made of"
        )
    return joined


def _traced(key: Unblinded, images: pd.DataFrame, run: RunDirectory) -> list[str]:
    """A note on images whose file is none of the audit's."""
    kept = {
        digest_file(path)
        for example in run.examples()
        for path in (example.original, example.perturbed)
    }
    n = sum(key.rows[str(image)].sha256 not in kept for image in images["image"])
    if not n:
        return []
    note = (
        f"{n} of {len(images)} images are none of the files that the audit keeps (as with image "
        "sets that were drawn): they are matched by case and probe alone"
    )
    return [note]
