"""The number of passes that a plan's check announces is kept by every attack."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tests.helpers.tiny import Curved, batch_of, images, model_of, multiclass

from plexor.attacks import Misclassify, Threat
from plexor.attacks.catalogue import SEARCHES
from plexor.audits.pass_time import in_words
from plexor.audits.passes import passes_of
from plexor.plans import load_plan

SMALL: dict[str, dict[str, Any]] = {
    "apgd": {"steps": 12, "restarts": 2},
    "apgd-t": {"steps": 8, "n_targets": 2},
    "carlini-wagner": {"steps": 8, "constants": 3},
    "ddn": {"steps": 8},
    "deepfool": {"steps": 6},
    "fab": {"steps": 5},
    "fmn": {"steps": 8},
    "hop-skip-jump": {"queries": 300, "starts": 20},
    "lattice": {"steps": 6},
    "mi-fgsm": {"samples": 3},
    "nes": {"queries": 100, "samples": 20},
    "one-pixel": {"queries": 60, "population": 20},
    "pgd": {"steps": 5, "restarts": 3},
    "rays": {"queries": 60, "starts": 10},
    "sigma-zero": {"steps": 9},
    "simba": {"queries": 30},
    "sparse-rs": {"queries": 30},
    "square": {"queries": 24},
}
A_FEW = 25
"""Passes beside the search: to begin, to confirm, to rank the ways."""


@pytest.mark.parametrize("name", [name for name in SEARCHES if name not in ("jpeg", "cascade")])
def test_no_attack_takes_many_more_than_announced(name: str) -> None:
    norm: Any = SEARCHES[name].norms[0]
    options = SMALL.get(name, {})
    threat = {"norm": norm, "radius": 1}
    entry = {"attack": name, "threat": threat} | options
    (probe,) = load_plan({"cohort": {"manifest": "m.csv"}, "probes": [entry]}).probes[0].probes()
    announced = passes_of(probe)
    task = multiclass(4)
    torch.manual_seed(0)
    model = model_of(Curved((3, 6, 5), 4), task)
    batch = batch_of(images((3, 6, 5), 2))
    found = SEARCHES[name](**options)(
        model, batch, Misclassify(), Threat(norm=norm, radius=1), seed=0
    )
    taken = (found.n_gradients + found.n_forwards).max().item()
    if math.isnan(announced):
        assert name in ("exhaustive-pixel", "greedy-pixel")
    else:
        assert taken <= announced + A_FEW, (taken, announced)


def test_times_in_words() -> None:
    assert in_words(61) == "about 2 minutes"
