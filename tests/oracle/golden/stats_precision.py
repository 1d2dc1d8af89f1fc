"""Reference values for average precision, F1 and the Brier score.

Run from this folder: python stats_precision.py (needs scikit-learn).
"""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score

rng = np.random.default_rng(23)
rows = []
for n, digits in ((40, 1), (150, 6)):
    truth = (rng.random(n) < 0.3).astype(int)
    score = np.round(1 / (1 + np.exp(-rng.normal(2 * truth - 1, 1.2))), digits)
    called = (score > 0.5).astype(int)
    rows.append(
        {
            "truth": truth.tolist(),
            "score": score.tolist(),
            "called": called.tolist(),
            "average_precision": average_precision_score(truth, score),
            "f1": f1_score(truth, called),
            "brier": brier_score_loss(truth, score),
        }
    )
found = {"scikit-learn": sklearn.__version__, "rows": rows}
Path(__file__).with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
