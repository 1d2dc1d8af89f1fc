"""PGD and FGSM beside Foolbox and torchattacks: the same network, images and budget.

The peers are not among Plexor's dependencies; these tests run where they are installed, as
``make benchmark`` installs them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plexor.attacks import FGSM, PGD, Misclassify, Threat, judge
from plexor.cases import Image, load_cohort, read_image
from plexor.cases.image import LOSSLESS
from plexor.cases.phantoms import LesionConfig, write_phantoms
from plexor.models import Batch, Model, Multiclass, TorchModel, encode
from plexor.models.architectures import build_network

# The peers' own warnings are not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")
needs_foolbox = pytest.mark.skipif(find_spec("foolbox") is None, reason="foolbox is not installed")
needs_torchattacks = pytest.mark.skipif(
    find_spec("torchattacks") is None, reason="torchattacks is not installed"
)

STEPS, GREATEST = 20, 255.0
Peer = Callable[[nn.Module, Batch, Threat, float], Tensor]


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
def subject(tmp_path_factory: pytest.TempPathFactory) -> tuple[TorchModel, Batch, list[Image]]:
    """A network trained on phantoms until it is right about most of them, and 90 of these."""
    folder = tmp_path_factory.mktemp("phantoms")
    manifest = write_phantoms(
        "lesion",
        folder,
        n_cases=180,
        seed=3,
        file_format="png",
        config=LesionConfig(height=32, width=32),
    )
    cohort = load_cohort(manifest)
    task = Multiclass(classes=cohort.classes)
    images = [read_image(case.path) for case in cohort.cases]
    truth = encode(task, [case.truth for case in cohort.cases])
    ids = [case.id for case in cohort.cases]
    batch = Batch.of(ids, images, truth, torch.device("cpu"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network("small-cnn", spatial_dims=2, channels=3, n_outputs=3)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(60):
        loss = nn.functional.cross_entropy(network(batch.images / GREATEST), batch.truth)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    chosen = torch.arange(0, len(batch), 2)
    return (
        TorchModel(network, task=task),
        batch.select(chosen),
        [images[i] for i in chosen.tolist()],
    )


def foolbox_pgd(network: nn.Module, batch: Batch, threat: Threat, step_size: float) -> Tensor:
    foolbox: Any = importlib.import_module("foolbox")
    kind = foolbox.attacks.LinfPGD if threat.norm == "linf" else foolbox.attacks.L2PGD
    attack = kind(abs_stepsize=step_size / GREATEST, steps=STEPS, random_start=True)
    wrapped = foolbox.PyTorchModel(network, bounds=(0, 1))
    criterion = foolbox.criteria.Misclassification(batch.truth)
    _, found, _ = attack(
        wrapped, batch.images / GREATEST, criterion, epsilons=threat.radius / GREATEST
    )
    return Tensor(found) * GREATEST - batch.images


def torchattacks_pgd(network: nn.Module, batch: Batch, threat: Threat, step_size: float) -> Tensor:
    torchattacks: Any = importlib.import_module("torchattacks")
    eps, alpha = threat.radius / GREATEST, step_size / GREATEST
    attack = torchattacks.PGD(network, eps=eps, alpha=alpha, steps=STEPS, random_start=True)
    return Tensor(attack(batch.images / GREATEST, batch.truth)) * GREATEST - batch.images


def reached(
    model: Model, batch: Batch, images: list[Image], delta: Tensor, threat: Threat
) -> list[bool]:
    """The judge's verdict on each stored image."""
    verdicts = judge(model, batch, images, delta, goal=Misclassify(), threat=threat)[LOSSLESS]
    return [verdict.within_threat and verdict.margin > 0 for verdict in verdicts]


@pytest.mark.parametrize(
    ("peer", "norm", "radius"),
    [
        pytest.param(foolbox_pgd, "linf", 1.0, marks=needs_foolbox),
        pytest.param(foolbox_pgd, "linf", 2.0, marks=needs_foolbox),
        pytest.param(foolbox_pgd, "l2", 50.0, marks=needs_foolbox),
        pytest.param(torchattacks_pgd, "linf", 1.0, marks=needs_torchattacks),
        pytest.param(torchattacks_pgd, "linf", 2.0, marks=needs_torchattacks),
    ],
)
def test_pgd_succeeds_as_often_as_peers(
    subject: tuple[TorchModel, Batch, list[Image]], peer: Peer, norm: Any, radius: float
) -> None:
    model, batch, images = subject
    threat = Threat(norm=norm, radius=radius)
    delta = PGD(steps=STEPS)(model, batch, Misclassify(), threat, seed=0).delta
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = peer(UnitNetwork(model).eval(), batch, threat, 2.5 * radius / STEPS)
    # Peers know no storage; what they found is put on the grid, inside the ball.
    stored = threat.store(theirs, batch)
    before = sum(reached(model, batch, images, torch.zeros_like(delta), threat))
    ours_reached = sum(reached(model, batch, images, delta, threat))
    theirs_reached = sum(reached(model, batch, images, stored, threat))
    assert before + 10 < ours_reached < len(batch), "the budget tells no attacks apart"
    assert abs(ours_reached - theirs_reached) <= 2


@needs_foolbox
def test_fgsm_takes_foolboxs_step(subject: tuple[TorchModel, Batch, list[Image]]) -> None:
    model, batch, _ = subject
    foolbox: Any = importlib.import_module("foolbox")
    threat = Threat(norm="linf", radius=1)
    ours = FGSM()(model, batch, Misclassify(), threat, seed=0).delta
    wrapped = foolbox.PyTorchModel(UnitNetwork(model).eval(), bounds=(0, 1))
    criterion = foolbox.criteria.Misclassification(batch.truth)
    _, found, _ = foolbox.attacks.LinfFastGradientAttack(random_start=False)(
        wrapped, batch.images / GREATEST, criterion, epsilons=threat.radius / GREATEST
    )
    theirs = (Tensor(found) * GREATEST - batch.images).round()
    assert theirs.flatten(1).any(1).all()
    # A sign is anyone's guess where the gradient is zero but for rounding.
    assert (ours != theirs).float().mean() < 1e-4
