"""The audited model, on the images that the readers saw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from plexor.findings.reader_results import MODEL
from plexor.findings.schema import CLEAN
from plexor.findings.summary.summary import TaskSummary
from plexor.readers.design import Study
from plexor.readers.result import Result
from plexor.stats import auc, clustered_proportion


def decided(study: Study, images: pd.DataFrame, task: TaskSummary) -> Iterator[Result]:
    """The model's decisions: for the study as a whole, and where a question asks the same.

    Args:
        study: the study file.
        images: one row for each image read, with the audit's row of it.
        task: what the model's outputs mean; "multiclass" or "binary".
    """
    level = study.analysis.level
    for arm, part in images.groupby("arm", sort=False):
        yield from _right("", str(arm), part, level)
        if (part["probe"] != CLEAN).any():
            changed = (part["decision_before"] != part["decision_after"]).to_numpy(np.bool_)
            share = clustered_proportion(changed, part["group"].tolist(), level=level)
            yield Result(question="", measure=f"decision changed in {arm}", who=MODEL, found=share)
        for question in study.questions:
            positive = study.analysis.positive.get(question.id)
            if question.type == "options":
                options = {option.id for option in question.options}
                yield from _right(question.id, str(arm), part[part["truth"].isin(options)], level)
            elif positive is not None and positive.truth in task.classes:
                if question.type == "yes-no":
                    yield from _detected(question.id, positive.truth, part, level)
                elif question.type == "rating":
                    yield _rated(question.id, positive.truth, part, task, level)


def _right(question: str, arm: str, part: pd.DataFrame, level: float) -> Iterator[Result]:
    if part.empty:
        return
    right = (part["decision_after"] == part["truth"]).to_numpy(np.bool_)
    share = clustered_proportion(right, part["group"].tolist(), level=level)
    yield Result(question=question, measure=f"correct in {arm}", who=MODEL, found=share)


def _detected(question: str, positive: str, part: pd.DataFrame, level: float) -> Iterator[Result]:
    """Sensitivity and specificity for a class."""
    truth = (part["truth"] == positive).to_numpy(np.bool_)
    said = (part["decision_after"] == positive).to_numpy(np.bool_)
    groups = np.array(part["group"].tolist())
    arm = part["arm"].iloc[0]
    for name, rows, right in (("sensitivity", truth, said), ("specificity", ~truth, ~said)):
        if rows.any():
            share = clustered_proportion(right[rows], groups[rows].tolist(), level=level)
            yield Result(question=question, measure=f"{name} in {arm}", who=MODEL, found=share)


def _rated(
    question: str, positive: str, part: pd.DataFrame, task: TaskSummary, level: float
) -> Result:
    """The area under the ROC curve of the outputs for a class."""
    truth = (part["truth"] == positive).to_numpy(np.bool_)
    outputs = np.stack(part["outputs_after"].tolist()).astype(np.float64)
    area = auc(truth, _scores(outputs, positive, task), part["group"].tolist(), level=level)
    arm = part["arm"].iloc[0]
    return Result(question=question, measure=f"AUC in {arm}", who=MODEL, found=area)


def _scores(outputs: Any, positive: str, task: TaskSummary) -> Any:
    """How much an output speaks for a class, on the scale of log odds."""
    index = task.classes.index(positive)
    if outputs.shape[1] == 1:
        return outputs[:, 0] if index == 1 else -outputs[:, 0]
    rest = np.delete(outputs, index, axis=1)
    return outputs[:, index] - special.logsumexp(rest, axis=1)
