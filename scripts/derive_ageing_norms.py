"""Prints the constants of plexor.cases.phantoms.ageing.norms, derived from published tables.

    python scripts/derive_ageing_norms.py FOLDER

FOLDER holds four tables of regional brain volumes in mm3, in the layout of NiChart's DLMUSE
reports: ``nichart_dlmuse_vol.csv`` (rows of subjects), ``nichart_participants.csv`` (age, sex),
``nichart_muse_dict.csv`` (code and name of each region) and ``nichart_dlmuse_centiles_CN.csv``
(centiles by age).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

REGIONS = {
    "ventricles": ("Ventricles",),
    "hippocampi": ("Hippocampus_L", "Hippocampus_R"),
    "frontal_grey": ("Frontal_GM",),
    "parietal_grey": ("Parietal_GM",),
    "temporal_grey": ("Temporal_GM",),
    "occipital_grey": ("Occipital_GM",),
    "white_matter": ("WM",),
    "cerebellum": ("Cerebellum",),
}
KNOTS = range(20, 91, 10)
YOUNG = 50
"""Below the centiles' first age, 40, the trend is that of the subjects younger than this."""


def main(folder: Path) -> None:
    codes = pd.read_csv(folder / "nichart_muse_dict.csv").set_index("Name")["Index"].astype(str)
    people = pd.read_csv(folder / "nichart_participants.csv").set_index("MRID")
    volumes = pd.read_csv(folder / "nichart_dlmuse_vol.csv").set_index("MRID")
    volumes = volumes.join(people, how="inner")
    centiles = pd.read_csv(folder / "nichart_dlmuse_centiles_CN.csv")
    medians = centiles.pivot_table(index="Age", columns="VarName", values="centile_50")
    age, cavity = volumes["Age"].to_numpy(), volumes[codes["ICV"]].to_numpy()
    residuals = []
    print("LOG_RATIO = {")
    for region, names in REGIONS.items():
        fraction = np.log(volumes[[codes[name] for name in names]].sum(axis=1).to_numpy() / cavity)
        slope = np.polyfit(age[age < YOUNG], fraction[age < YOUNG], 1)[0]
        median = medians[list(names)].sum(axis=1)
        ratio = [
            slope * (knot - 40) if knot < 40 else float(np.log(median[knot] / median[40]))
            for knot in KNOTS
        ]
        print(f'    "{region}": ({", ".join(f"{number:.3f}" for number in ratio)}),')
        residuals.append(fraction - np.polyval(np.polyfit(age, fraction, 2), age))
    print("}\nSPREAD = (")
    robust = np.clip(residuals, *np.quantile(residuals, [0.01, 0.99], axis=1)[..., None])
    for row in np.cov(robust):
        print(f"    ({', '.join(f'{number:.5f}' for number in row)}),")
    print(")")
    for sex, some in volumes.groupby("Sex"):
        ml = some[codes["ICV"]] / 1000
        print(f"cavity, {sex}: {ml.mean():.0f} ml, SD {ml.std():.0f} ml, n {len(ml)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
