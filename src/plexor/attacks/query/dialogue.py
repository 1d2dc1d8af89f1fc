"""Searches of single cases by decisions alone, run side by side."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import torch
from torch import Tensor

from plexor.attacks.objective import Objective

Dialogue = Generator[Tensor, Tensor, None]
"""A search: yields perturbations (k, C, *spatial), receives whether each reaches the goal, (k,)."""


def converse(objective: Objective, dialogues: Sequence[Dialogue], *, queries: int) -> None:
    """Answers every search until it ends or exceeds the queries of its case.

    Simultaneous queries of all searches go through the model together, in batches of at most as
    many images as there are cases. A search that yields more perturbations than its case has
    queries left is closed without an answer.

    Args:
        objective: of the cases; only ``reached`` is called.
        dialogues: one for each case, not yet started.
        queries: forward passes allowed for a case, including those already spent.
    """
    left = [queries - spent for spent in objective.spent().tolist()]
    asked = {
        case: trial
        for case, dialogue in enumerate(dialogues)
        if (trial := next(dialogue, None)) is not None
    }
    while asked:
        for case in [case for case, trial in asked.items() if len(trial) > left[case]]:
            dialogues[case].close()
            del asked[case]
        for case, answer in _answers(objective, asked).items():
            left[case] -= len(answer)
            try:
                asked[case] = dialogues[case].send(answer)
            except StopIteration:
                del asked[case]


def _answers(objective: Objective, asked: dict[int, Tensor]) -> dict[int, Tensor]:
    """Case → whether each of its perturbations reaches the goal."""
    if not asked:
        return {}
    cases = [case for case, trial in asked.items() for _ in range(len(trial))]
    rows = torch.tensor(cases, device=objective.batch.images.device)
    trials = torch.cat(list(asked.values()))
    size = len(objective)
    answers = torch.cat(
        [
            objective.select(rows[start : start + size]).reached(trials[start : start + size])
            for start in range(0, len(rows), size)
        ]
    )
    sizes = [len(trial) for trial in asked.values()]
    return dict(zip(asked, torch.split(answers, sizes), strict=True))
