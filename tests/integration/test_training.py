"""Training: the same weights every time, however often it was stopped; and what it refuses."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.helpers.tiny import batch_of, multiclass
from torch import Tensor

from plexor.cases import Cohort, load_cohort, read_image
from plexor.cases.phantoms import LesionConfig, RadiographConfig, write_phantoms
from plexor.core.errors import DataError, PlanError, RunDirectoryError
from plexor.models import ModelSource, Preprocess, encode, load_model, read_weights
from plexor.models import save_weights as save
from plexor.models.architectures.small_cnn import SmallCNN
from plexor.models.card import ModelCard
from plexor.models.task import task_from
from plexor.models.training import Augmentation, Training
from plexor.models.training.dataset import CaseDataset
from plexor.models.training.fit import TrainingProgress, TrainingResult, train
from plexor.models.training.module import TrainingModule, class_weights
from plexor.models.weights import group_hash, read_card, read_training_groups

AUGMENT = Augmentation(flip=(0, 1), rotate_degrees=10, zoom=0.1, brightness=0.1, contrast=0.1)
CONFIG = Training(
    architecture="small-cnn",
    preprocess=Preprocess(size=(32, 32)),
    epochs=3,
    batch_size=8,
    learning_rate=3e-3,
    augment=AUGMENT,
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """48 phantom lesions: 24 to train on, 12 to validate, three classes."""
    folder = tmp_path_factory.mktemp("lesions")
    config = LesionConfig(height=32, width=32)
    return load_cohort(write_phantoms("lesion", folder, n_cases=48, seed=0, config=config))


@pytest.fixture(scope="module")
def reference(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """Trained in one go."""
    return train(cohort, CONFIG, tmp_path_factory.mktemp("reference") / "w.safetensors", seed=0)


def assert_same(one: Path, other: Path) -> None:
    """Both the epoch that was kept and the last one, whichever it was."""
    last_ones = [path.with_suffix(".checkpoints") / "last.ckpt" for path in (one, other)]
    ours, theirs = (read_weights(path) | read_weights(last)
                    for path, last in zip((one, other), last_ones, strict=True))  # fmt: skip
    assert sorted(ours) == sorted(theirs)
    assert len(ours) > len(read_weights(one))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def stop_at(epoch: int, step: int) -> Callable[[TrainingProgress], None]:
    def stop(news: TrainingProgress) -> None:
        if (news.epoch, news.step) == (epoch, step):
            raise KeyboardInterrupt

    return stop


def test_the_same_seed_gives_the_same_weights(
    cohort: Cohort, reference: TrainingResult, tmp_path: Path
) -> None:
    torch.rand(5)
    np.random.default_rng().random(5)
    again = train(cohort, CONFIG, tmp_path / "w.safetensors", seed=0)
    assert_same(again.weights, reference.weights)
    assert again.weights.read_bytes() == reference.weights.read_bytes()
    assert dataclasses.replace(again, weights=reference.weights) == reference
    other = train(cohort, CONFIG, tmp_path / "other.safetensors", seed=1)
    with pytest.raises(AssertionError):
        assert_same(other.weights, reference.weights)


def test_a_training_stopped_twice_ends_with_the_same_weights(
    cohort: Cohort, reference: TrainingResult, tmp_path: Path
) -> None:
    """In the middle of the second epoch and at the end of the third; what was whole is kept."""
    path, handler = tmp_path / "w.safetensors", signal.getsignal(signal.SIGINT)
    for stop in (stop_at(2, 5), stop_at(3, 9)):
        with pytest.raises(KeyboardInterrupt):
            train(cohort, CONFIG, path, seed=0, on_progress=stop)
        assert not path.exists()
        assert signal.getsignal(signal.SIGINT) is handler
    seen: list[TrainingProgress] = []
    resumed = train(cohort, CONFIG, path, seed=0, on_progress=seen.append)
    assert [(news.epoch, news.step) for news in seen] == [(3, 7), (3, 8), (3, 9)]
    assert {news.n_steps for news in seen} == {9}
    assert_same(resumed.weights, reference.weights)
    assert dataclasses.replace(resumed, weights=reference.weights) == reference


@pytest.mark.parametrize("config", [CONFIG, dataclasses.replace(CONFIG, epochs=9, patience=1)])
def test_a_training_that_is_over_is_not_gone_on_with(
    cohort: Cohort, tmp_path: Path, config: Training
) -> None:
    path = tmp_path / "w.safetensors"
    first = train(cohort, config, path, seed=0)
    before, seen = read_weights(path), list[TrainingProgress]()
    for _ in range(2):
        again = train(cohort, config, path, seed=0, on_progress=seen.append)
        assert again == first
        assert all(torch.equal(before[name], t) for name, t in read_weights(path).items())
    assert seen == []
    if config.patience == 1:
        assert first.epochs == first.epoch + 1 < 9


def test_checkpoints_of_something_else_are_refused(
    cohort: Cohort, reference: TrainingResult
) -> None:
    longer = dataclasses.replace(CONFIG, epochs=4)
    fewer = cohort.select(lambda case: case.id != cohort.cases[0].id)
    for args, seed in (((cohort, longer), 0), ((fewer, CONFIG), 0), ((cohort, CONFIG), 1)):
        with pytest.raises(RunDirectoryError, match="of another configuration, cohort or seed"):
            train(*args, reference.weights, seed=seed)


def test_the_card_says_what_was_trained_and_the_model_does_what_it_says(
    cohort: Cohort, reference: TrainingResult
) -> None:
    card = read_card(reference.weights)
    assert card is not None
    assert card.task.classes == cohort.classes
    assert card.training["cohort_sha256"] == cohort.digest
    assert card.training["n_training"] == 24
    seen = {case.group for case in cohort.cases if case.split in ("train", "validation")}
    assert read_training_groups(reference.weights) == {group_hash(group) for group in seen}

    validation = cohort.with_split("validation").cases
    model = load_model(ModelSource(weights=reference.weights))
    labels = encode(model.task, [case.truth for case in validation])
    batch = batch_of([read_image(case.path) for case in validation], labels.tolist())
    right = model.task.decide(model.outputs(batch.images, batch.scaling)) == labels
    assert float(right.float().mean()) == pytest.approx(reference.figures["accuracy"])
    recalls = [float(right[labels == label].float().mean()) for label in range(3)]
    assert np.mean(recalls) == pytest.approx(reference.figures["balanced_accuracy"])


def test_training_begins_with_the_weights_it_is_given(cohort: Cohort, tmp_path: Path) -> None:
    """A step of next to nothing leaves them, but for the head, which is of another task."""
    start = tmp_path / "start.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = SmallCNN(2, 3, 10)
    save(start, network, ModelCard(task=multiclass(10), preprocess=Preprocess()))
    config = dataclasses.replace(CONFIG, start=start, epochs=1, learning_rate=1e-12)
    weights = read_weights(train(cohort, config, tmp_path / "w.safetensors").weights)
    convolutions = [name for name, t in network.state_dict().items() if t.ndim == 4]
    for name in convolutions:
        torch.testing.assert_close(weights[name], network.state_dict()[name])
    assert weights["head.weight"].shape == (3, 128)


def test_a_binary_classifier_of_grey_images(tmp_path: Path) -> None:
    config = RadiographConfig(height=32, width=32)
    manifest = write_phantoms("radiograph", tmp_path, n_cases=24, seed=0, config=config)
    films = load_cohort(manifest)
    setting = dataclasses.replace(CONFIG, task="binary", epochs=1, label_smoothing=0.1)
    train(films, setting, tmp_path / "w.safetensors")
    model = load_model(ModelSource(weights=tmp_path / "w.safetensors"))
    assert model.task.kind == "binary"
    assert model.card.channels == 1
    assert read_weights(tmp_path / "w.safetensors")["head.weight"].shape == (1, 128)


@pytest.mark.parametrize("missing", ["train", "validation"])
def test_a_split_that_is_not_there(cohort: Cohort, tmp_path: Path, missing: str) -> None:
    some = cohort.select(lambda case: case.split != missing)
    with pytest.raises(DataError, match=f"unknown split '{missing}'"):
        train(some, CONFIG, tmp_path / "w.safetensors")


def test_a_class_that_is_not_there(cohort: Cohort, tmp_path: Path) -> None:
    some = cohort.select(lambda case: case.split != "train" or case.truth != "naevus")
    with pytest.raises(DataError, match="the training split has no case of naevus"):
        train(some, CONFIG, tmp_path / "w.safetensors")


def test_images_of_other_channels(cohort: Cohort, tmp_path: Path) -> None:
    config = RadiographConfig(height=32, width=32)
    films = load_cohort(write_phantoms("radiograph", tmp_path, n_cases=2, seed=0, config=config))
    task = task_from("binary", ("normal", "opacity"))
    dataset = CaseDataset(films.cases, task, CONFIG.preprocess, channels=3)
    with pytest.raises(DataError, match="has 1 channels, expected 3"):
        dataset[0]


@pytest.mark.parametrize(
    ("kind", "weights"),
    [
        ("none", [1, 1, 0, 1]),
        ("sqrt", [1, 1 / 2, 0, 1 / 3]),
        ("balanced", [1, 1 / 4, 0, 1 / 9]),
    ],
)
def test_class_weights(kind: str, weights: list[float]) -> None:
    """2, 8 and 18 cases, and a class without any. Proportional to 1, n^-1/2 and n^-1, with mean 1
    over the cases: Σ n·w = 28."""
    counts = [2, 8, 0, 18]
    labels = torch.repeat_interleave(torch.arange(4), torch.tensor(counts))
    found = class_weights(labels, 4, kind)
    proportions = torch.tensor(weights)
    expected = proportions * 28 / sum(n * w for n, w in zip(counts, weights, strict=True))
    torch.testing.assert_close(found, expected)
    assert float(found[labels].mean()) == pytest.approx(1.0)


class Told(torch.nn.Module):
    """Gives the outputs it was told, whatever it sees."""

    def __init__(self, outputs: Tensor) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, _: Tensor) -> Tensor:
        return self.outputs


def module_of(cohort: Cohort, outputs: Tensor, config: Training = CONFIG) -> TrainingModule:
    """The training module around such a network, for as many classes as there are outputs."""
    names = cohort.classes[: max(2, outputs.shape[1])]
    some = dataclasses.replace(cohort.select(lambda case: case.truth in names), classes=names)
    return TrainingModule(
        Told(outputs), task=task_from(config.task, names), config=config, training=some,
        validation=some, channels=3, seed=0,
    )  # fmt: skip


def test_the_binary_loss_is_a_weighted_smoothed_logistic_loss(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand: a share of the truth is spread over both classes; a case weighs by its class."""
    labels = torch.tensor([0, 1, 1])
    logits = torch.tensor([[0.3], [1.2], [-0.4]])
    module = module_of(
        cohort, logits, dataclasses.replace(CONFIG, task="binary", label_smoothing=0.2)
    )
    module.class_weight = torch.tensor([1.0, 3.0])
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    loss = module.training_step((torch.zeros(3, 3, 4, 4), torch.empty(3, 0), labels), 0)

    p = torch.sigmoid(logits[:, 0])
    target = torch.tensor([0.1, 0.9, 0.9])
    each = -(target * p.log() + (1 - target) * (1 - p).log())
    weight = torch.tensor([1.0, 3.0, 3.0])
    torch.testing.assert_close(loss, (weight * each).sum() / weight.sum())


def test_balanced_accuracy_is_the_mean_recall_of_the_classes_there_are(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of class 0 three in four are right, of class 2 none in one; class 1 is absent."""
    logged: dict[str, float] = {}
    monkeypatch.setattr(
        TrainingModule, "log", lambda _, name, value, **__: logged.update({name: float(value)})
    )
    module = module_of(cohort, torch.eye(3))
    for _ in range(2):  # what one epoch saw does not count in the next
        for decided, labels in (([0, 0, 1], [0, 0, 0]), ([0, 0], [0, 2])):
            module.network = Told(torch.eye(3)[decided])
            n = len(labels)
            images, features = torch.zeros(n, 3, 4, 4), torch.empty(n, 0)
            module.validation_step((images, features, torch.tensor(labels)), 0)
        module.on_validation_epoch_end()
        assert logged == pytest.approx({"accuracy": 3 / 5, "balanced_accuracy": (3 / 4 + 0) / 2})


def test_every_epoch_has_an_order_of_its_own(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = module_of(cohort, torch.zeros(1, 3))

    def order(epoch: int) -> list[int]:
        monkeypatch.setattr(TrainingModule, "current_epoch", epoch)
        loader = module.train_dataloader()
        assert loader.batch_size == 8
        first = list(loader.sampler)
        assert list(loader.sampler) == first, "asked again, it is another order"
        return first

    assert sorted(order(0)) == list(range(48))
    assert order(0) == order(0) != order(1)


@pytest.mark.parametrize("augment", [None, AUGMENT])
def test_draws_are_named_by_seed_epoch_and_case(
    cohort: Cohort, augment: Augmentation | None
) -> None:
    cases = cohort.cases[:4]
    task = task_from("multiclass", cohort.classes)

    def dataset(seed: int, epoch: int, order: list[int]) -> dict[str, Tensor]:
        some = [cases[i] for i in order]
        items = CaseDataset(
            some, task, CONFIG.preprocess, channels=3, augment=augment, seed=seed, epoch=epoch
        )
        return {case.id: items[i][0] for i, case in enumerate(some)}

    one = dataset(0, 0, [0, 1, 2, 3])
    for other in (dataset(0, 0, [3, 1, 0, 2]), dataset(0, 0, [2])):
        assert all(torch.equal(one[name], inputs) for name, inputs in other.items())
    for other in (dataset(1, 0, [0, 1, 2, 3]), dataset(0, 1, [0, 1, 2, 3])):
        same = [torch.equal(one[name], inputs) for name, inputs in other.items()]
        assert all(same) if augment is None else not any(same)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epochs": 0}, "`epochs` must be at least 1, got 0"),
        ({"batch_size": 0}, "`batch_size` must be at least 1, got 0"),
        ({"patience": -1}, "`patience` must be at least 1, got -1"),
        ({"preprocess": Preprocess()}, r"`preprocess.size` is needed, e.g. \[96, 96\]"),
    ],
)
def test_settings_that_make_no_sense(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        dataclasses.replace(CONFIG, **fields)
