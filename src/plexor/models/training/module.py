"""The LightningModule that trains a network."""

from __future__ import annotations

from collections.abc import Sequence

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from monai.losses.dice import DiceCELoss
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from plexor.cases import Cohort
from plexor.core.seeds import seed_for
from plexor.models.classification import Binary, Multiclass, Multilabel
from plexor.models.features import Feature
from plexor.models.segmentation import Segmentation
from plexor.models.task import Regression, Task
from plexor.models.training.config import Training
from plexor.models.training.dataset import CaseDataset, Example
from plexor.models.training.score import score_of
from plexor.models.truth import encode


class TrainingModule(pl.LightningModule):
    """A network with its loss, schedule and two data loaders.

    For a regression the network learns standard scores; ``spread`` and ``centre``, the standard
    deviation and mean of the training split, convert them to the task's unit.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        task: Task,
        config: Training,
        training: Cohort,
        validation: Cohort,
        channels: int,
        seed: int,
        features: Sequence[Feature] = (),
    ) -> None:
        super().__init__()
        self.network = network
        self.task = task
        self.config = config
        self.training_cohort = training
        self.validation_cohort = validation
        self.channels = channels
        self.features = features
        self.seed = seed
        self.score = score_of(task)
        self.class_weight: Tensor
        self.centre, self.spread = 0.0, 1.0
        weights = None
        if isinstance(task, Regression):
            ages = encode(task, [case.truth for case in training.cases])
            self.centre, self.spread = float(ages.mean()), float(ages.std(correction=0)) or 1.0
        elif isinstance(task, Multiclass | Binary):
            labels = encode(task, [case.truth for case in training.cases])
            weights = class_weights(labels, len(task.classes), config.class_weights)
        self.register_buffer("class_weight", weights, persistent=False)
        self._seen: list[tuple[Tensor, Tensor]] = []

    def train_dataloader(self) -> DataLoader[Example]:
        """Training split with the order and augmentation of this epoch, also after a resume."""
        epoch = self.current_epoch
        dataset = CaseDataset(
            self.training_cohort.cases,
            self.task,
            self.config.preprocess,
            channels=self.channels,
            features=self.features,
            augment=self.config.augment,
            seed=self.seed,
            epoch=epoch,
        )
        draw = torch.Generator().manual_seed(seed_for(self.seed, "order", str(epoch)))
        # a shuffling sampler would draw another order after a resume, when it is iterated once more
        order = torch.randperm(len(dataset), generator=draw).tolist()
        return DataLoader(
            dataset,
            batch_size=min(self.config.batch_size, len(dataset)),
            sampler=order,
            drop_last=True,
            num_workers=self.config.workers,
        )

    def val_dataloader(self) -> DataLoader[Example]:
        """Validation split, unchanged."""
        dataset = CaseDataset(
            self.validation_cohort.cases,
            self.task,
            self.config.preprocess,
            channels=self.channels,
            features=self.features,
        )
        return DataLoader(dataset, batch_size=self.config.batch_size)

    def training_step(self, batch: Example, _index: int) -> Tensor:
        """The loss of one batch."""
        inputs, features, labels = batch
        loss = self._loss(self._outputs(inputs, features), labels)
        self.log("loss", loss, batch_size=len(labels))
        return loss

    def validation_step(self, batch: Example, _index: int) -> None:
        """Collects outputs in the task's unit for the epoch's figures; for masks their Dice."""
        inputs, features, labels = batch
        outputs = self._outputs(inputs, features)
        if isinstance(self.task, Segmentation):
            outputs = self.task.dice(self.task.decide(outputs), labels)
            labels = labels.flatten(1)[:, :0]
        self._seen.append((outputs * self.spread + self.centre, labels))

    def on_validation_epoch_end(self) -> None:
        """Logs the task's figures."""
        outputs = torch.cat([output for output, _ in self._seen])
        labels = torch.cat([label for _, label in self._seen])
        self._seen.clear()
        for name, value in self.score.figures(self.task, outputs, labels).items():
            self.log(name, value, prog_bar=name == self.score.name)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """AdamW with a one-cycle schedule over all steps."""
        config = self.config
        optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=config.learning_rate,
            total_steps=int(self.trainer.estimated_stepping_batches),
            pct_start=0.2,
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _outputs(self, inputs: Tensor, features: Tensor) -> Tensor:
        """The network's outputs in float32; it gets features only where there are any."""
        beside = (features,) if features.shape[1] else ()
        outputs: Tensor = self.network(_channels_last(inputs), *beside)
        return outputs.float()

    def _loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        smoothing = self.config.label_smoothing
        if isinstance(self.task, Segmentation):
            return _dice_and_cross_entropy(outputs, labels)
        if isinstance(self.task, Regression):
            measure = {"mse": functional.mse_loss, "l1": functional.l1_loss}[self.config.loss]
            return measure(outputs[:, 0], (labels - self.centre) / self.spread)
        if isinstance(self.task, Multiclass):
            return functional.cross_entropy(
                outputs, labels, weight=self.class_weight, label_smoothing=smoothing
            )
        target = labels.float() * (1 - smoothing) + smoothing / 2
        if isinstance(self.task, Multilabel):
            return functional.binary_cross_entropy_with_logits(outputs, target)
        losses = functional.binary_cross_entropy_with_logits(
            outputs[:, 0], target, reduction="none"
        )
        weight = self.class_weight[labels]
        return (weight * losses).sum() / weight.sum()


def _dice_and_cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    """MONAI's Dice loss plus cross-entropy, of logits (N, n_outputs, *size), masks (N, *size)."""
    several = outputs.shape[1] > 1
    loss = DiceCELoss(to_onehot_y=several, softmax=several, sigmoid=not several)
    found: Tensor = loss(outputs, labels[:, None] if several else labels[:, None].float())
    return found


def in_unit(network: nn.Module, *, centre: float, spread: float) -> None:
    """Scales the last linear layer, so that outputs are in the unit instead of standard scores."""
    *_, last = (layer for layer in network.modules() if isinstance(layer, nn.Linear))
    with torch.no_grad():
        last.weight.mul_(spread)
        last.bias.mul_(spread).add_(centre)


def class_weights(labels: Tensor, n_classes: int, kind: str) -> Tensor:
    """Loss weight of each class, (n_classes,), with mean 1 over the cases; 0 without cases.

    Example:
        >>> import torch
        >>> class_weights(torch.tensor([0, 0, 0, 1]), 2, "balanced")
        tensor([0.6667, 2.0000])
    """
    counts = torch.bincount(labels, minlength=n_classes).float()
    power = {"none": 0.0, "sqrt": 0.5, "balanced": 1.0}[kind]
    weights = torch.where(counts > 0, counts.clamp_min(1).pow(-power), 0.0)
    return weights * counts.sum() / (weights * counts).sum()


def _channels_last(inputs: Tensor) -> Tensor:
    return inputs.contiguous(memory_format=torch.channels_last) if inputs.ndim == 4 else inputs
