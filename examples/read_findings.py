"""Asks a run directory a question of its own: which change was the first to fool each case?

    python examples/read_findings.py RUN

Findings are one row a case, probe and container. Reading them needs no torch.
"""

import sys
from pathlib import Path

import pandas as pd

from plexor.findings import RunDirectory

findings = RunDirectory(Path(sys.argv[1])).findings()
stored = findings[(findings["stored"] == "lossless") & (findings["status"] == "ok")]

attacked = stored[stored["probe"].str.startswith("pgd-linf-") & stored["attempted"]]
fooled = attacked[attacked["reached"]].sort_values("linf")
first = fooled.groupby("case_id")["linf"].first()

cases = attacked.drop_duplicates("case_id").set_index("case_id")[["group", "truth"]]
cases["first_linf"] = first  # NaN where no attack reached its goal
by_class = cases.groupby("truth")["first_linf"]
print(
    pd.DataFrame(
        {"attempted": by_class.size(), "fooled": by_class.count(), "median": by_class.median()}
    )
)
print(f"{cases['first_linf'].isna().sum()} cases withstood every attack that was tried")
