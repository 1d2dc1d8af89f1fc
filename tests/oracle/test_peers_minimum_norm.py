"""FMN, DDN, DeepFool and Carlini & Wagner beside Foolbox's: same network, images and steps.

Foolbox is not among Plexor's dependencies; these tests run where it is installed. It knows no
storage, so that images are taken as floating numbers here, and what is compared is the median of
the norms. Its L2 FMN is left out: it returns perturbations of the whole range.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plexor.attacks import DDN, FMN, Attack, CarliniWagner, DeepFool, Misclassify, Threat
from plexor.cases import load_cohort, read_image
from plexor.cases.phantoms import LesionConfig, write_phantoms
from plexor.models import Batch, Multiclass, TorchModel, encode
from plexor.models.architectures import build_network

# The peer's own warnings are not ours to mend.
pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(find_spec("foolbox") is None, reason="foolbox is not installed"),
]

STEPS, GREATEST = 60, 255.0


class UnitNetwork(nn.Module):
    """The model for those who want images from 0 to 1."""

    def __init__(self, model: TorchModel) -> None:
        super().__init__()
        self.network = model.network
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        return self.model.outputs(images * GREATEST)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> tuple[TorchModel, Batch]:
    """A network trained on phantoms, and two dozen floating images it is right about."""
    folder = tmp_path_factory.mktemp("phantoms")
    size = LesionConfig(height=32, width=32)
    manifest = write_phantoms("lesion", folder, n_cases=120, seed=3, file_format="png", config=size)
    cohort = load_cohort(manifest)
    task = Multiclass(classes=cohort.classes)
    images = [read_image(case.path) for case in cohort.cases]
    truth = encode(task, [case.truth for case in cohort.cases])
    batch = Batch.of([case.id for case in cohort.cases], images, truth, torch.device("cpu"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network("small-cnn", spatial_dims=2, channels=3, n_outputs=3)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(60):
        loss = nn.functional.cross_entropy(network(batch.images / GREATEST), batch.truth)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    model = TorchModel(network, task=task)
    right = torch.nonzero(task.decide(model.outputs(batch.images)) == batch.truth).flatten()[:24]
    some = batch.select(right)
    return model, replace(some, quantum=torch.zeros_like(some.quantum))


@pytest.mark.parametrize(
    ("norm", "attack", "theirs", "options"),
    [
        ("linf", FMN(steps=STEPS), "LInfFMNAttack", {"steps": STEPS}),
        ("l1", FMN(steps=STEPS), "L1FMNAttack", {"steps": STEPS}),
        ("l2", FMN(steps=STEPS), "DDNAttack", {"steps": STEPS}),
        ("l2", DDN(steps=STEPS), "DDNAttack", {"steps": STEPS}),
        ("linf", DeepFool(), "LinfDeepFoolAttack", {}),
        ("l2", DeepFool(), "L2DeepFoolAttack", {}),
        (
            "l2",
            CarliniWagner(steps=STEPS, constants=5),
            "L2CarliniWagnerAttack",
            {"steps": STEPS, "binary_search_steps": 5},
        ),
    ],
)
def test_the_median_norm_is_no_larger(
    subject: tuple[TorchModel, Batch],
    norm: Any,
    attack: Attack,
    theirs: str,
    options: dict[str, Any],
) -> None:
    model, batch = subject
    threat = Threat(norm=norm, radius=1e6, unit="value")
    foolbox: Any = importlib.import_module("foolbox")
    wrapped = foolbox.PyTorchModel(UnitNetwork(model).eval(), bounds=(0, 1))
    criterion = foolbox.criteria.Misclassification(batch.truth)
    peer = getattr(foolbox.attacks, theirs)(**options)
    found, _, _ = peer(wrapped, batch.images / GREATEST, criterion, epsilons=None)
    delta = attack(model, batch, Misclassify(), threat, seed=0).delta

    def median(perturbation: Tensor) -> float:
        outputs = model.outputs(batch.images + perturbation)
        reached = Misclassify().margin(model.task, outputs, batch.truth) > 0
        return float(torch.where(reached, threat.norms(perturbation), torch.inf).median())

    assert median(delta) <= median(Tensor(found) * GREATEST - batch.images) * 1.005
