"""Universal perturbations of a trained network: fitted on one split, judged on another.

Beside them stand the noise of the same size and, where it is installed, the universal
perturbations of the Adversarial Robustness Toolbox (ART), which is not among Plexor's dependencies.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from plexor.attacks import Become, Goal, Misclassify, Threat, judge, matched_noise
from plexor.attacks.fitted import FittedAttack
from plexor.attacks.universal import UniversalDeepFool, UniversalSGD
from plexor.cases import LOSSLESS, Cohort, Image, load_cohort, read_image
from plexor.cases.phantoms import LesionConfig, write_phantoms
from plexor.models import Batch, Model, Multiclass, TorchModel, encode
from plexor.models.architectures import build_network

needs_art = pytest.mark.skipif(find_spec("art") is None, reason="ART is not installed")
GREATEST = 255.0
THREAT = Threat(norm="linf", radius=4)


@dataclass(frozen=True, slots=True)
class Split:
    batch: Batch
    images: list[Image]

    def parts(self, size: int = 16) -> list[Batch]:
        order = torch.randperm(len(self.batch), generator=torch.Generator().manual_seed(0))
        return [self.batch.select(index) for index in torch.split(order, size)]

    def share_reached(self, model: Model, goal: Goal, delta: Tensor) -> float:
        """Among the cases not at the goal before, by the judge on stored images."""
        before = model.outputs(self.batch.images)
        open_ = goal.margin(model.task, before, self.batch.truth) <= 0
        verdicts = judge(model, self.batch, self.images, delta, goal=goal, threat=THREAT)[LOSSLESS]
        assert all(verdict.within_threat for verdict in verdicts)
        return float(np.mean([v.margin > 0 for v, one in zip(verdicts, open_, strict=True) if one]))


def loaded(cohort: Cohort, task: Multiclass) -> Split:
    images = [read_image(case.path) for case in cohort.cases]
    truth = encode(task, [case.truth for case in cohort.cases])
    ids = [case.id for case in cohort.cases]
    return Split(Batch.of(ids, images, truth, torch.device("cpu")), images)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> tuple[TorchModel, Split, Split]:
    """A network trained on a split of phantoms, that split, and another."""
    manifest = write_phantoms(
        "lesion",
        tmp_path_factory.mktemp("phantoms"),
        n_cases=180,
        seed=3,
        file_format="png",
        config=LesionConfig(height=32, width=32),
    )
    cohort = load_cohort(manifest)
    task = Multiclass(classes=cohort.classes)
    train, test = (loaded(cohort.with_split(name), task) for name in ("train", "test"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network("small-cnn", spatial_dims=2, channels=3, n_outputs=3)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(60):
        outputs = network(train.batch.images / GREATEST)
        loss = nn.functional.cross_entropy(outputs, train.batch.truth)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return TorchModel(network, task=task), train, test


@pytest.mark.parametrize("attack", [UniversalSGD(), UniversalDeepFool(epochs=2)])
@pytest.mark.parametrize("target", [0, 2])
def test_one_perturbation_turns_most_cases_it_never_saw_where_noise_turns_few(
    subject: tuple[TorchModel, Split, Split], attack: FittedAttack, target: int
) -> None:
    model, train, test = subject
    goal = Become(target=model.task.classes[target])
    fitted = attack.fit(model, train.parts(), goal, THREAT, seed=0)
    assert not any(fitted.card.saw(case_id) for case_id in test.batch.ids)
    delta = fitted(model, test.batch, goal, THREAT, seed=0).delta
    noise = matched_noise(test.batch, THREAT, seed=0)
    assert test.share_reached(model, goal, delta) > 0.8
    assert test.share_reached(model, goal, noise) < 0.2


class UnitNetwork(nn.Module):
    """The model for those who want images from 0 to 1."""

    def __init__(self, model: TorchModel) -> None:
        super().__init__()
        self.network = model.network
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        return self.model.outputs(images * GREATEST)


def art_patterns(model: TorchModel, batch: Batch, goal: Goal) -> list[Tensor]:
    """ART's universal perturbations for a goal, each (1, C, *spatial) in levels.

    Its targeted one adds up those steps of FGSM that bring a case to the target, so it is given
    several lengths of step.
    """
    evasion: Any = importlib.import_module("art.attacks.evasion")
    estimators: Any = importlib.import_module("art.estimators.classification")
    n_classes, radius = len(model.task.classes), THREAT.radius / GREATEST
    classifier = estimators.PyTorchClassifier(
        model=UnitNetwork(model),
        loss=nn.CrossEntropyLoss(),
        input_shape=tuple(batch.images.shape[1:]),
        nb_classes=n_classes,
        clip_values=(0, 1),
    )
    ball: dict[str, Any] = {"max_iter": 3, "eps": radius, "norm": np.inf}
    labels = batch.truth.numpy()
    if isinstance(goal, Become):
        labels = np.full(len(batch), model.task.classes.index(goal.target))
        attacks = [
            evasion.TargetedUniversalPerturbation(
                classifier, attacker="fgsm", attacker_params={"eps": eps, "targeted": True}, **ball
            )
            for eps in (radius, 2 * radius, 4 * radius)
        ]
    else:
        inner = {"max_iter": 10, "verbose": False}
        attacks = [
            evasion.UniversalPerturbation(
                classifier, attacker="deepfool", attacker_params=inner, verbose=False, **ball
            )
        ]
    images = (batch.images / GREATEST).numpy()
    wanted = np.eye(n_classes, dtype=np.float32)[labels]
    found = []
    for attack in attacks:
        attack.generate(images, wanted)
        found.append(torch.from_numpy(np.asarray(attack.noise, dtype=np.float32)) * GREATEST)
    return found


@needs_art
@pytest.mark.filterwarnings("ignore")  # the peer's own are not ours to mend
@pytest.mark.parametrize("target", [None, 0, 2])
def test_the_stochastic_one_turns_no_fewer_cases_than_arts(
    subject: tuple[TorchModel, Split, Split], target: int | None
) -> None:
    model, train, test = subject
    goal: Goal = Misclassify() if target is None else Become(target=model.task.classes[target])
    few = train.parts(32)[0]
    fitted = UniversalSGD().fit(model, [few], goal, THREAT, seed=0)
    delta = fitted(model, test.batch, goal, THREAT, seed=0).delta
    stored = [THREAT.store(p.expand_as(delta), test.batch) for p in art_patterns(model, few, goal)]
    theirs = max(test.share_reached(model, goal, one) for one in stored)
    assert theirs > 0.1, "ART found nothing to compare with"
    assert test.share_reached(model, goal, delta) >= theirs - 0.05
