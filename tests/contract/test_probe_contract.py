"""What every kind of probe must do, as an audit uses it."""

from __future__ import annotations

import dataclasses
import functools
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from tests.helpers import tiny

from plexor.attacks import judge
from plexor.attacks.fitted import Fitted
from plexor.attacks.proposal import Proposal
from plexor.cases import LOSSLESS, Case
from plexor.core.errors import PlanError
from plexor.findings import CLEAN
from plexor.models import Batch, Regression, TorchModel
from plexor.plans import load_plan
from plexor.probes import CATALOGUE, FitResult, Materials, PlannedProbe, Probe, SplitFits

SHAPE = (3, 24, 32)
LINF = {"norm": "linf", "radius": 3}
SAVED, STAMP, OTHER = Path("saved.safetensors"), Path("stamp.png"), Path("other.safetensors")
ATTACKS: dict[str, dict[str, Any]] = {
    "search": {"attack": "pgd", "steps": 3, "threat": LINF},
    "fitted": {"attack": "universal-sgd", "steps": 3, "threat": LINF},
    "saved": {"attack": "universal-sgd", "load": str(SAVED), "threat": LINF},
    "surrogates": {"attack": "transfer", "steps": 3, "threat": LINF, "surrogates": [str(OTHER)]},
}
TABLE = Path("tags.csv")
FILES = {"transplant": {"stamp": str(STAMP), "source_width": 32}}
FILES |= {name: {"tags": str(TABLE)} for name in ("tag-cover", "tag-isolation", "tag-transplant")}
ENTRIES = ATTACKS | {
    f"{kind}-{name}": {kind: name} | FILES.get(name, {})
    for kind, listed in CATALOGUE.items()
    for name in listed.options
}


@functools.cache
def model() -> TorchModel:
    return tiny.model_of(tiny.Curved(SHAPE, 3), tiny.multiclass(3))


def cases() -> Batch:
    """Cases that the model decides rightly, so that attacks have work."""
    stored = tiny.images(SHAPE, 3)
    with torch.no_grad():
        before = model().outputs(tiny.batch_of(stored).images, tiny.batch_of(stored).scaling)
    batch = tiny.batch_of(stored, truth=before.argmax(1).tolist())
    return dataclasses.replace(batch, before=before)


def planned(name: str) -> list[PlannedProbe]:
    """The clean probe, the entry's, and its control."""
    return list(
        load_plan({"cohort": {"manifest": "m.csv"}, "probes": [ENTRIES[name]]}).all_probes()
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    Pillow.new("RGB", (8, 3), (20, 20, 20)).save(folder / STAMP)
    fitted(planned("fitted")[1]).save(folder / SAVED)
    ids = cases().ids
    rows = [f"{case},{4 + i},3,{10 + i},9,laterality" for i, case in enumerate(ids)]
    (folder / TABLE).write_text("\n".join(["path,x0,y0,x1,y1,kind", *rows]) + "\n")
    for case_id, image in zip(ids, cases().stored, strict=True):
        Pillow.fromarray(image.pixels.transpose(1, 2, 0)).save(folder / f"{case_id}.png")
    return folder


def fitted(probe: PlannedProbe) -> Fitted:
    asked = probe.needs.fitting
    assert asked is not None
    return asked.attack.fit(model(), [cases()], asked.goal, asked.threat, seed=1)


def materials(probe: PlannedProbe, folder: Path) -> Materials:
    """Everything the probe says it needs, and nothing else."""
    needs, fits = probe.needs, {}
    if needs.fitting:
        result = FitResult(id="fit-1", shape=SHAPE, fitted=fitted(probe), error="", seconds=1.0)
        fits[probe.id] = SplitFits(results=(result,), n_split=3, n_unread=0)
    return Materials(
        paths={file: folder / file for file in (*needs.files, *needs.models)},
        sha256={file: f"hash of {file}" for file in (*needs.files, *needs.models)},
        models=dict.fromkeys(needs.models, model()),
        fits=fits,
        audited=tuple(
            Case(id=case, path=folder / f"{case}.png", truth=str(i % 2), group=case)
            for i, case in enumerate(cases().ids)
        ),
        weights_sha256="",
    )


@pytest.fixture(params=ENTRIES)
def probes(request: pytest.FixtureRequest, folder: Path) -> list[Probe]:
    """As ``planned``, ready."""
    return [probe.ready(materials(probe, folder)).probe for probe in planned(request.param)]


def proposed(probe: Probe, batch: Batch) -> Proposal:
    return probe.propose(model(), batch, seed=5)


def test_proposals_can_be_stored_and_lie_within_the_threat(probes: list[Probe]) -> None:
    batch = cases()
    for probe in probes:
        proposal = proposed(probe, batch)
        assert proposal.delta.shape == batch.images.shape
        assert proposal.n_gradients.shape == proposal.n_forwards.shape == (len(batch),)
        verdicts = judge(
            model(),
            batch,
            batch.stored,
            proposal.delta,
            goal=probe.goal,
            threat=probe.threat,
        )[LOSSLESS]
        assert all(verdict.within_threat for verdict in verdicts)
        changed = [verdict.distances.l0 > 0 for verdict in verdicts]
        if probe.kind == "attack":  # a search may find nothing better than the image itself
            assert any(changed)
        else:
            assert changed == [probe.id != CLEAN] * len(batch)


def test_the_same_seed_gives_the_same_proposal_and_leaves_all_as_it_was(
    probes: list[Probe],
) -> None:
    batch, weights = cases(), [one.clone() for one in model().network.parameters()]
    for probe in probes:
        one, other = (proposed(probe, batch).delta for _ in range(2))
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert torch.equal(batch.images, cases().images)
    assert all(map(torch.equal, weights, model().network.parameters()))


def test_a_case_does_not_depend_on_its_neighbours(probes: list[Probe]) -> None:
    batch = cases()
    for probe in probes:
        together = proposed(probe, batch).delta
        for i in range(len(batch)):
            alone = proposed(probe, batch.select(torch.tensor([i]))).delta
            torch.testing.assert_close(alone[0], together[i], rtol=0, atol=0)


def test_a_probe_reaches_workers(probes: list[Probe]) -> None:
    for probe in probes:
        there: Probe = pickle.loads(pickle.dumps(probe))  # noqa: S301
        assert (there.id, there.kind, there.name) == (probe.id, probe.kind, probe.name)
        torch.testing.assert_close(
            proposed(there, cases()).delta, proposed(probe, cases()).delta, rtol=0, atol=0
        )


@pytest.mark.parametrize("name", ENTRIES)
def test_it_is_ready_as_planned_and_says_what_it_is(name: str, folder: Path) -> None:
    clean, probe, *rest = planned(name)
    assert [clean.id, clean.kind, clean.control] == [CLEAN, "clean", None]
    assert probe.kind == ("attack" if name in ATTACKS else name.partition("-")[0])
    assert rest == ([probe.control] if probe.control else [])
    for one in (clean, probe, *rest):
        ready = one.ready(materials(one, folder))
        for shared in ("id", "kind", "name", "goal", "threat", "about"):
            assert getattr(ready.probe, shared) == getattr(one, shared)
        assert one.about.title
        assert one.about.summary
        assert one.about.access in ("gradients", "scores", "decisions", "none")
        assert json.loads(json.dumps(one.about.settings)) == one.about.settings
        made_of = one.needs.files or one.needs.models or one.needs.fitting
        assert bool(ready.made_from) == bool(made_of)
        assert (ready.fit is not None) == (name in ("fitted", "saved") and one is probe)
    for control in rest:
        assert (control.kind, control.control, control.threat) == ("control", None, probe.threat)


@pytest.mark.parametrize("name", ENTRIES)
def test_a_control_changes_as_much(name: str, folder: Path) -> None:
    _, planned_probe, *controls = planned(name)
    batch = cases()
    for control in controls:
        one, other = (
            proposed(probe.ready(materials(probe, folder)).probe, batch).delta
            for probe in (planned_probe, control)
        )
        assert not torch.equal(one, other)
        if name.startswith("shortcut-tag-"):  # as many pixels, with other numbers
            if name != "shortcut-tag-transplant":
                assert int((one != 0).sum()) == pytest.approx(int((other != 0).sum()), rel=0.05)
        elif planned_probe.threat is None:  # the same numbers at other places
            for before, after in zip(one, other, strict=True):
                np.testing.assert_array_equal(np.sort(before.flatten()), np.sort(after.flatten()))
        else:
            radii = planned_probe.threat.radii(batch).flatten()
            norms = planned_probe.threat.norms(other)
            assert bool((norms <= radii * (1 + 1e-5)).all())
            assert bool((norms > radii * 0.9).all())


@pytest.mark.parametrize("name", [name for name in ENTRIES if name not in ATTACKS])
def test_a_task_without_decisions_is_refused_by_the_probe_and_its_control(name: str) -> None:
    _, probe, *controls = planned(name)
    for one in (probe, *controls):
        one.check(tiny.multiclass(3))
        one.check_images(cases())
        if probe.kind == "shortcut":
            with pytest.raises(PlanError, match="not for regression"):
                one.check(Regression(unit="years"))


def test_every_option_of_the_catalogue_has_a_default() -> None:
    for listed in CATALOGUE.values():
        for options in listed.options.values():
            assert all(
                one.default is not dataclasses.MISSING for one in dataclasses.fields(options)
            )
