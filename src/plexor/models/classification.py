"""Tasks that decide between labels: multiclass, binary and multilabel.

Each has its decision, the margin of a label, the leads of its alternatives, and its cross-entropy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from plexor.cases.case import split_labels
from plexor.core.errors import PlanError
from plexor.models.classes import check_classes


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiclass:
    """One of several classes, with one logit per class.

    The greatest logit decides, and the first of equal ones.

    Attributes:
        classes: two or more names, in the order of the logits.

    Example:
        >>> import torch
        >>> task = Multiclass(classes=("keratosis", "melanoma", "naevus"))
        >>> outputs = torch.tensor([[0.5, 2.0, 1.0]])
        >>> task.decide(outputs), task.margin(outputs, torch.tensor([2]))
        (tensor([1]), tensor([-1.]))
    """

    classes: tuple[str, ...]
    kind: Literal["multiclass"] = "multiclass"

    def __post_init__(self) -> None:
        check_classes(self.kind, self.classes, at_least=2)

    @property
    def n_outputs(self) -> int:
        """One logit per class."""
        return len(self.classes)

    def decide(self, outputs: Tensor) -> Tensor:
        """Index of the greatest logit."""
        return outputs.argmax(dim=1)

    def margin(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Logit of the label minus the greatest other logit, (N,)."""
        column = label[:, None]
        others = outputs.scatter(1, column, -math.inf)
        return outputs.gather(1, column).squeeze(1) - others.amax(dim=1)

    def against(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Logit of every other class, in order, minus that of the label, (N, len(classes) - 1)."""
        column = label[:, None]
        others = torch.arange(outputs.shape[1] - 1, device=outputs.device)
        others = others + (others >= column).long()
        return outputs.gather(1, others) - outputs.gather(1, column)

    def cross_entropy(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Softmax cross-entropy, computed as softplus(log Σ exp(other logits) - label's logit).

        The gradient of the usual form contains 1 - p, which is 0 in float32 where the label leads
        by 17 logits; in this form the direction of the gradient is kept up to 100 logits.
        """
        column = label[:, None]
        others = outputs.scatter(1, column, -math.inf).logsumexp(dim=1)
        return functional.softplus(others - outputs.gather(1, column).squeeze(1))

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Softmax."""
        return outputs.softmax(dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """Two classes, from the logit of the second one.

    Attributes:
        classes: names of the negative and the positive class.
        threshold: probability above which the decision is positive.

    Example:
        >>> import torch
        >>> task = Binary(classes=("normal", "opacity"), threshold=0.2)
        >>> outputs = torch.tensor([[-1.0]])
        >>> task.probabilities(outputs)
        tensor([[0.7311, 0.2689]])
        >>> task.decide(outputs)
        tensor([1])
    """

    classes: tuple[str, ...]
    threshold: float = 0.5
    kind: Literal["binary"] = "binary"

    def __post_init__(self) -> None:
        check_classes(self.kind, self.classes, at_least=2)
        if len(self.classes) != 2:
            raise PlanError(f"binary: needs two classes, got {len(self.classes)}; use multiclass")
        if not 0 < self.threshold < 1:
            raise PlanError(f"binary: threshold must lie between 0 and 1, got {self.threshold}")

    @property
    def n_outputs(self) -> int:
        """One logit."""
        return 1

    def decide(self, outputs: Tensor) -> Tensor:
        """1 where the probability exceeds the threshold, else 0; (N,) int64."""
        return (self._excess(outputs) > 0).long()

    def margin(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Logit minus that of the threshold, with the sign turned for the negative class, (N,)."""
        return torch.where(label == 1, 1.0, -1.0) * self._excess(outputs)

    def against(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Minus the margin, since there is one alternative, (N, 1)."""
        return -self.margin(outputs, label)[:, None]

    def cross_entropy(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Logistic loss, (N,), as softplus, whose gradient keeps its precision for both classes."""
        return functional.softplus(torch.where(label == 1, -1.0, 1.0) * outputs[:, 0])

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Probabilities of the negative and the positive class, (N, 2)."""
        positive = outputs[:, 0].sigmoid()
        return torch.stack([1 - positive, positive], dim=1)

    def _excess(self, outputs: Tensor) -> Tensor:
        return outputs[:, 0] - math.log(self.threshold / (1 - self.threshold))


@dataclass(frozen=True, slots=True, kw_only=True)
class Multilabel:
    """Several labels, each absent or present, with one logit per label.

    Attributes:
        classes: names of the labels, e.g. radiological findings.
        threshold: probability above which a label is present; one for all labels, or one per label.

    Example:
        >>> import torch
        >>> task = Multilabel(classes=("effusion", "nodule"), threshold=(0.5, 0.2))
        >>> task.decide(torch.tensor([[-1.0, -1.0]]))
        tensor([[0, 1]])
    """

    classes: tuple[str, ...]
    threshold: float | tuple[float, ...] = 0.5
    kind: Literal["multilabel"] = "multilabel"

    def __post_init__(self) -> None:
        check_classes(self.kind, self.classes, at_least=1)
        if len(self._thresholds) != len(self.classes):
            raise PlanError(
                f"multilabel: `threshold` has {len(self._thresholds)} numbers, expected 1 or one "
                f"for each of the {len(self.classes)} labels"
            )
        if strange := [name for name in self.classes if split_labels(name) != (name,)]:
            raise PlanError(f"multilabel: names of labels must not contain `|`, got {strange[0]!r}")
        if not all(0 < number < 1 for number in self._thresholds):
            raise PlanError(
                f"multilabel: `threshold` must lie between 0 and 1, got {self.threshold}"
            )

    @property
    def n_outputs(self) -> int:
        """One logit per label."""
        return len(self.classes)

    def excess(self, outputs: Tensor) -> Tensor:
        """Logits minus those of the thresholds, (N, len(classes)): > 0 where a label is present."""
        logits = [math.log(number / (1 - number)) for number in self._thresholds]
        return outputs - torch.tensor(logits, dtype=outputs.dtype, device=outputs.device)

    def decide(self, outputs: Tensor) -> Tensor:
        """(N, len(classes)) int64, 1 where a label is present."""
        return (self.excess(outputs) > 0).long()

    def margin(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Smallest margin of the labels, (N,); ``label`` is (N, len(classes)), 0 or 1."""
        return -self.against(outputs, label).amax(dim=1)

    def against(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Distance of each logit beyond its threshold, on the side opposite to ``label``."""
        return torch.where(label == 1, -1.0, 1.0) * self.excess(outputs)

    def cross_entropy(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Sum of the labels' logistic losses, (N,)."""
        return functional.softplus(torch.where(label == 1, -1.0, 1.0) * outputs).sum(dim=1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Probability of each label, (N, len(classes)); the sum need not be 1."""
        return outputs.sigmoid()

    @property
    def _thresholds(self) -> tuple[float, ...]:
        if isinstance(self.threshold, tuple):
            return self.threshold
        return (self.threshold,) * len(self.classes)
