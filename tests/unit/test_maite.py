"""MAITE's protocols: the same answers there and back, and what they cannot express."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.helpers.runs import train_briefly, write_lesions
from tests.helpers.tiny import binary, model_of
from torch import nn

from plexor.cases import load_cohort, read_case
from plexor.core.errors import PlanError
from plexor.models import ModelCard, Multiclass, Preprocess
from plexor.models.sources.maite import MaiteDataset, MaiteModel, from_maite


def test_a_cohort_and_a_model_follow_the_protocols(tmp_path: Path) -> None:
    manifest = write_lesions(tmp_path, n_cases=6)
    model, cohort = train_briefly(manifest, steps=2), load_cohort(manifest)
    data, asked = MaiteDataset(cohort), MaiteModel(model)
    image, truth, about = data[4]
    case = cohort.cases[4]
    assert np.array_equal(image, read_case(case).pixels)
    assert cohort.classes[int(truth.argmax())] == case.truth
    assert (truth.sum(), about["id"], len(data)) == (1, case.id, 6)
    images = torch.from_numpy(np.stack([data[i][0] for i in range(6)]).astype(np.float32))
    found = np.stack(asked([data[i][0] for i in range(6)]))
    np.testing.assert_allclose(found, model.outputs(images).softmax(1), rtol=1e-5, atol=1e-6)
    back = from_maite(asked, ModelCard(task=model.task, preprocess=Preprocess(window=(0, 1))))
    np.testing.assert_allclose(back.outputs(images).softmax(1), found, rtol=1e-5, atol=1e-6)
    assert back.access == "scores"


def test_maites_own_check_takes_them(tmp_path: Path) -> None:
    """``maite`` is no dependency: with it installed, its runtime protocols are asked."""
    generic: Any = pytest.importorskip("maite._internals.protocols.generic")
    manifest = write_lesions(tmp_path, n_cases=6)
    model = MaiteModel(train_briefly(manifest, steps=1))
    data = MaiteDataset(load_cohort(manifest))
    assert isinstance(model, generic.Model)
    assert isinstance(data, generic.Dataset)


def test_what_the_protocols_cannot_express_is_refused() -> None:
    with pytest.raises(PlanError, match="the model is of the task binary"):
        MaiteModel(model_of(nn.Identity(), binary()))

    other = SimpleNamespace(metadata={"id": "other", "index2label": {0: "b", 1: "a"}})
    with pytest.raises(PlanError, match="classes are b, a, and the card's a, b"):
        from_maite(other, ModelCard(task=Multiclass(classes=("a", "b"))))
