"""A search on a JPEG's coefficients beside PGD in pixels, both stored as JPEG with its own tables.

PGD's perturbation is within the radius before compression only; what is read back from its JPEG
files is further away, as the distances say. The other is within it as read back.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from measuring import write_result
from subject import decided_rightly, ham10000

from plexor.attacks import PGD, Attack, JPEGCoefficients, Misclassify, Threat, judge
from plexor.cases.image import OWN
from plexor.models import ModelSource, load_model

_THREATS = [
    *(Threat(norm="linf", radius=radius) for radius in (1, 2, 4)),
    *(Threat(norm="l2", radius=radius) for radius in (220, 490)),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="HAM10000_metadata.csv")
    parser.add_argument("--weights", type=Path, required=True, help="plexor trained them on it")
    parser.add_argument("--n", type=int, default=24, help="images decided rightly")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    model = load_model(ModelSource(weights=options.weights))
    batch, images = decided_rightly(model, ham10000(options.manifest, "test"), options.n)
    attacks: dict[str, Attack] = {
        "pgd": PGD(steps=options.steps, loss="margin"),
        "jpeg": JPEGCoefficients(steps=options.steps),
    }
    rows: list[dict[str, object]] = []
    for threat in _THREATS:
        for name, attack in attacks.items():
            start = time.process_time()
            found = attack(model, batch, Misclassify(), threat, seed=0)
            seconds = time.process_time() - start
            verdicts = judge(
                model,
                batch,
                images,
                found.delta,
                goal=Misclassify(),
                threat=threat,
                coefficients=found.coefficients,
            )
            row: dict[str, object] = {"threat": threat.name, "attack": name}
            for container in ("lossless", OWN):
                those = verdicts[container]
                row[container] = {
                    "success": statistics.mean(one.margin > 0 for one in those),
                    "margin": statistics.mean(one.margin for one in those),
                    "unmoved": sum(one.distances.linf == 0 for one in those),
                    "linf": statistics.median(one.distances.linf for one in those),
                    "l2": statistics.median(one.distances.l2 for one in those),
                }
            moved = None
            if found.coefficients:
                moved = statistics.median(one.coefficients for one in verdicts[OWN])
            rows.append(row | {"moved": moved, "seconds": seconds})
            print(rows[-1], flush=True)
    settings = {"images": len(batch), "steps": options.steps, "weights": options.weights.name}
    write_result("jpeg", settings, rows)


if __name__ == "__main__":
    main()
