"""Cases that a fit holds back from its data, to see whether it still progresses."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from plexor.attacks.fitted import Stream
from plexor.core.seeds import seed_for
from plexor.models.batch import Batch


@dataclass(slots=True)
class HeldBack:
    """Cases held back from a fit.

    Attributes:
        ids: their ids.
        batches: the cases, kept in memory.
    """

    ids: set[str] = field(default_factory=set)
    batches: list[Batch] = field(default_factory=list)

    def others(self, batch: Batch) -> Batch:
        """The cases of a batch that are fitted on."""
        index = [i for i, case_id in enumerate(batch.ids) if case_id not in self.ids]
        return (
            batch
            if len(index) == len(batch)
            else batch.select(torch.tensor(index, dtype=torch.int64))
        )


def hold_back(stream: Stream, share: float, *, most: int, seed: int, fewest: int = 1) -> HeldBack:
    """Draws cases of a stream by their ids; reads it until there are enough.

    Args:
        stream: the cases of the fit.
        share: of the cases to hold back; at 0 the stream is not read.
        most: greatest number of cases.
        seed: of the draws.
        fewest: with fewer cases, or without one that is left to fit on, none is held back.
    """
    found, n_read = HeldBack(), 0
    for batch in stream if share else ():
        n_read += len(batch)
        drawn = [
            i
            for i, case_id in enumerate(batch.ids)
            if seed_for(seed, stream.method, "held-back", case_id) < share * 2**63
        ][: most - len(found.ids)]
        found.ids.update(batch.ids[i] for i in drawn)
        some = batch.select(torch.tensor(drawn, dtype=torch.int64))
        found.batches += [some] if drawn else []
        if len(found.ids) >= most:
            break
    return found if fewest <= len(found.ids) < n_read else HeldBack()
