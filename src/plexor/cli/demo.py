"""``plexor demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plexor.cli.audit import audit
from plexor.cli.output import console
from plexor.cli.train import train

PLAN = """\
name: phantom lesions
seed: 0
cohort:
  manifest: phantoms/manifest.csv
model:
  weights: small-cnn.safetensors
train:
  architecture: small-cnn
  preprocess: {size: [64, 64]}
  epochs: 12
  batch_size: 32
  learning_rate: 0.003
  augment: {flip: [0, 1]}
probes:
  - attack: pgd
    steps: 20
    threat: {norm: linf, radius: [1, 2, 4]}
  - attack: pgd
    steps: 20
    threat: {norm: l2, radius: 200}
"""


def demo(
    out: Annotated[Path, typer.Option(help="Folder for phantoms, plan, weights and run.")] = Path(
        "demo"
    ),
    cases: Annotated[int, typer.Option(min=60, help="Phantom images.")] = 900,
) -> None:
    """Draw phantoms, train a small model on them, attack it, write the report; needs no data.

    The commands it runs are printed; each can also be typed by hand. A demo that was stopped is
    resumed by the same command.
    """
    from plexor.cases.phantoms import write_phantoms
    from plexor.core.files import write_atomic

    plan = out / "plan.yaml"
    console.print(f"drawing {cases} phantom skin lesions in {out / 'phantoms'}")
    write_phantoms("lesion", out / "phantoms", n_cases=cases, seed=0)
    write_atomic(plan, PLAN.encode())
    console.print(f"$ plexor train {plan}")
    train(plan)
    console.print(f"$ plexor audit {plan} --out {out / 'run'}")
    audit(plan, out=out / "run")
