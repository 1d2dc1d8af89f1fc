"""Batches of cases, read from disk again in each pass."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from plexor.audits.ahead import Images, read_ahead, read_images
from plexor.audits.execute import encoded
from plexor.cases import Case, Image
from plexor.core.errors import DataError
from plexor.core.seeds import seed_for
from plexor.models import Batch, Model
from plexor.models.features import Features


@dataclass(slots=True, kw_only=True)
class CaseStream:
    """Batches of cases in a random order, drawn again for each pass; at most two are in memory.

    The order depends only on the seed, the cases and the number of the pass.

    Attributes:
        cases: cases with images of one shape.
        model: the model that takes the batches; it decides labels and device.
        batch_size: cases per batch; the last of a pass may be smaller.
        seed: seed of the orders.
        on_batch: called after each batch.
    """

    cases: Sequence[Case]
    model: Model
    batch_size: int
    seed: int
    on_batch: Callable[[], None]
    _n_passes: int = field(init=False, default=0)

    def __iter__(self) -> Iterator[Batch]:
        """Yields the batches of one pass.

        Raises:
            DataError: an image cannot be read, or some images have whole levels and others floats.
        """
        seed = seed_for(self.seed, "pass", str(self._n_passes))
        self._n_passes += 1
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(self.cases), generator=generator).tolist()
        parts = [
            [self.cases[i] for i in order[start : start + self.batch_size]]
            for start in range(0, len(order), self.batch_size)
        ]
        with contextlib.closing(read_ahead(parts, read_images)) as ahead:
            for part, images in zip(parts, ahead, strict=True):
                yield self._batch(part, images)
                self.on_batch()

    def _batch(self, cases: Sequence[Case], images: Images) -> Batch:
        read: list[Image] = []
        labels: list[Tensor] = []
        for case in cases:
            image = images[case.id]
            label = encoded(self.model.task, case, image) if isinstance(image, Image) else image
            if not isinstance(image, Image) or not isinstance(label, Tensor):
                raise DataError(f"{case.id} was readable before, but now: {label}")
            read.append(image)
            labels.append(label)
        if len({image.intensity.quantum > 0 for image in read}) > 1:
            raise DataError(
                "some images of one shape are stored in whole levels and some as floating numbers; "
                "store them alike"
            )
        ids = [case.id for case in cases]
        device = self.model.device
        features = Features.of(cases, device)
        batch = Batch.of(ids, read, torch.stack(labels), device, features=features)
        return replace(batch, groups=tuple(case.group for case in cases))
