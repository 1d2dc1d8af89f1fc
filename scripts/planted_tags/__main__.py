"""``python -m scripts.planted_tags``: trains the networks; what is measured already is kept."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from scripts.planted_tags.films import ASPECTS, Pool, phantoms, real_films, with_drawn_labels
from scripts.planted_tags.network import Setting, measured
from scripts.planted_tags.page import results

PHIS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
_NULLS = 3
"""Networks at an association of 0 for each of another association."""
_PHANTOMS = 700


def settings(films: str, rounds: int) -> Iterator[Setting]:
    """Every network, so that whatever is finished is spread over all associations."""
    for round_ in range(rounds):
        for aspect in (*ASPECTS, "stratum"):
            for phi in PHIS:
                n = _NULLS if phi == 0 else 1
                for seed in range(round_ * n, (round_ + 1) * n):
                    yield Setting(films=films, aspect=aspect, phi=phi, seed=seed)


def main() -> None:
    """Trains and measures; a line of JSON for each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--manifest", type=Path, help="tag-free films; phantoms where not given")
    parser.add_argument("--only", nargs="+", help="of phantoms, films and drawn, these")
    parser.add_argument("--aspects", nargs="+", help="of what is planted, these")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stops after these")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    pools: dict[str, Pool] = {"phantoms": phantoms(_PHANTOMS)}
    if asked.manifest is not None:
        real = real_films(asked.manifest)
        pools = {"films": real, "drawn": with_drawn_labels(real)}
    begun = time.monotonic()
    for films, pool in pools.items():
        if asked.only is not None and films not in asked.only:
            continue
        _measure_all(films, pool, asked, begun)


def _measure_all(films: str, pool: Pool, asked: argparse.Namespace, begun: float) -> None:
    table = asked.out / f"{films}.jsonl"
    table.parent.mkdir(parents=True, exist_ok=True)
    known = {row["name"] for row in results(asked.out)}
    for setting in settings(films, asked.rounds):
        if setting.name in known or setting.aspect not in (asked.aspects or [setting.aspect]):
            continue
        if time.monotonic() - begun > 60 * asked.minutes:
            break
        found = {"name": setting.name} | measured(setting, pool)
        with table.open("a") as lines:
            lines.write(json.dumps(found) + "\n")
        print(setting.name, flush=True)


if __name__ == "__main__":
    main()
