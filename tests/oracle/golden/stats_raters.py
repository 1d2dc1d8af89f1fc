"""Reference values for agreement of several raters, some ratings missing.

Run from this folder: python stats_raters.py (needs irrCAC 0.4.4, the port of Gwet's own R package,
and pandas).
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from irrCAC.raw import CAC

rng = np.random.default_rng(17)
truth = rng.integers(1, 5, 60)
guess = rng.integers(1, 5, (60, 4))
ratings = np.where(rng.random((60, 4)) < 0.6, truth[:, None], guess).astype(float)
ratings[rng.random((60, 4)) < 0.25] = np.nan
several = ratings[(~np.isnan(ratings)).sum(axis=1) >= 2]
# Sixty cases more with a single rating, and one with none.
lone = np.full((61, 4), np.nan)
lone[:60, 0] = rng.integers(1, 5, 60)
ratings = np.concatenate([several, lone])


def reference(given: np.ndarray) -> dict[str, object]:
    found: dict[str, dict[str, object]] = {}
    for weights in ("identity", "linear", "quadratic"):
        table = CAC(pd.DataFrame(given), weights=weights, categories=[1, 2, 3, 4], digits=15)
        results = {
            "gwet_ac": table.gwet(),
            "fleiss_kappa": table.fleiss(),
            "krippendorff_alpha": table.krippendorff(),
        }
        found[weights] = {
            name: {
                "value": result["est"]["coefficient_value"],
                "limits": result["est"]["confidence_interval"],
                "se": result["est"]["se"],
            }
            for name, result in results.items()
        }
    rows = [[None if np.isnan(x) else int(x) for x in row] for row in given]
    return {"ratings": rows, "found": found}


Path("stats_raters.json").write_text(
    json.dumps({"all": reference(ratings), "several": reference(several)})
)
