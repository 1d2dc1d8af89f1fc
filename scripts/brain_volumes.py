"""How regional brain volumes tell age: in people, in phantoms, and by a network of volumes only.

    python scripts/brain_volumes.py FOLDER --phantoms COHORT [--picture FILE]

FOLDER holds the tables that ``derive_ageing_norms.py`` reads; COHORT is ``cohort.csv`` of a run of
the study li2020. Prints the regression of each region's share of the cranial cavity on age, for
people and for phantoms; then the error of the network ``features-only`` on people, in five-fold
cross-validation, trained by ``plexor.models.train`` with blank images, which it does not look at.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import torch
from derive_ageing_norms import REGIONS

from plexor.cases import load_cohort
from plexor.models import Features, ModelSource, Preprocess, load_model
from plexor.models.training.config import Training
from plexor.models.training.fit import train
from plexor.stats import mean_absolute_error
from plexor.studies.li2020.layout import FEATURES

FOLDS, SEED = 5, 0
EPOCHS = 60


def people(folder: Path) -> pd.DataFrame:
    """Age and ``FEATURES`` of every subject in the tables, by subject."""
    codes = pd.read_csv(folder / "nichart_muse_dict.csv").set_index("Name")["Index"].astype(str)
    ages = pd.read_csv(folder / "nichart_participants.csv").set_index("MRID")["Age"]
    table = pd.read_csv(folder / "nichart_dlmuse_vol.csv").set_index("MRID")
    regions = REGIONS | {"intracranial": ("ICV",)}
    found = {
        f"{region}_ml": table[[codes[name] for name in names]].sum(axis=1) / 1000
        for region, names in regions.items()
    }
    return pd.DataFrame(found).join(ages.rename("age"), how="inner")


def phantoms(cohort: Path) -> pd.DataFrame:
    """The same of a study's phantom people."""
    rows = pd.read_csv(cohort).drop_duplicates("group").set_index("group")
    return rows[[*FEATURES, "label"]].rename(columns={"label": "age"})


def print_regressions(tables: dict[str, pd.DataFrame]) -> None:
    """Log of each region's share of the cavity on age: slope, and spread about a parabola."""
    print("| region | " + " | ".join(f"{name}, % a decade | spread, %" for name in tables) + " |")
    for region in FEATURES[:-1]:
        cells = [region.removesuffix("_ml").replace("_", " ")]
        for table in tables.values():
            age = table["age"].to_numpy()
            share = np.log(table[region] / table["intracranial_ml"]).to_numpy()
            slope = np.polyfit(age, share, 1)[0]
            about = share - np.polyval(np.polyfit(age, share, 2), age)
            cells += [f"{1000 * slope:+.1f}", f"{100 * about.std(ddof=3):.0f}"]
        print("| " + " | ".join(cells) + " |")


def cross_validated(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Predicted ages, each by a model that did not see the subject: the network's, and simpler."""
    order = np.random.default_rng(SEED).permutation(len(table))
    fold = np.empty(len(table), int)
    fold[order] = np.arange(len(table)) % FOLDS
    names = ("network of the volumes", "linear in the logs of the shares", "mean age")
    found = {name: np.empty(len(table)) for name in names}
    shares = np.log(table[list(FEATURES[:-1])].div(table["intracranial_ml"], axis=0)).to_numpy()
    design, age = np.column_stack([shares, np.ones(len(table))]), table["age"].to_numpy()
    for test in range(FOLDS):
        out, inside = fold == test, fold != test
        coefficients = np.linalg.lstsq(design[inside], age[inside], rcond=None)[0]
        found[names[0]][out] = network_of_a_fold(table, fold, test)
        found[names[1]][out] = design[out] @ coefficients
        found[names[2]][out] = age[inside].mean()
    return found


def network_of_a_fold(table: pd.DataFrame, fold: np.ndarray, test: int) -> np.ndarray:
    """Ages that a network predicts for one fold; the next fold chooses its epoch."""
    splits = np.select([fold == test, fold == (test + 1) % FOLDS], ["test", "validation"], "train")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for subject in table.index:
            blank = nib.Nifti1Image(np.zeros((8, 8, 8), np.uint8), np.eye(4))
            blank.to_filename(root / f"{subject}.nii")
        rows = table.rename(columns={"age": "label"}).assign(split=splits)
        rows = rows.assign(path=[f"{name}.nii" for name in rows.index], group=rows.index)
        rows.to_csv(root / "people.csv", index=False)
        cohort = load_cohort(root / "people.csv", truth="number", features=FEATURES)
        training = Training(
            architecture="features-only", task="regression", unit="years", loss="l1",
            preprocess=Preprocess(size=(8, 8, 8), window=(0, 1)), epochs=EPOCHS, batch_size=16,
            learning_rate=0.004, patience=EPOCHS,
        )  # fmt: skip
        weights = root / "network.safetensors"
        train(cohort, training, weights, seed=SEED)
        model = load_model(ModelSource(weights=weights))
        cases = cohort.with_split("test").cases
        given = Features.of(cases, torch.device("cpu"))
        with torch.no_grad():
            ages = model.outputs(torch.zeros(len(cases), 1, 8, 8, 8), None, given)
    return ages[:, 0].double().numpy()


def picture(path: Path) -> None:
    """Three slices of phantoms of three ages, of one seed, from three sides."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    from plexor.cases.phantoms import AgeingConfig
    from plexor.cases.phantoms.ageing import draw_person, scan

    config, ages = AgeingConfig(spacing_mm=2), (25, 55, 85)
    figure, axes = plt.subplots(len(ages), 3, figsize=(6.6, 7.2), facecolor="black")
    for row, age in zip(axes, ages, strict=True):
        draw = np.random.default_rng(SEED)
        volume = scan(draw, draw_person(draw, age, config), config).pixels[0]
        x, y, z = (n // 2 for n in volume.shape)
        for place, plane in zip(row, (volume[:, y], volume[:, :, z], volume[x + 2]), strict=True):
            place.imshow(plane.T, origin="lower", cmap="gray", vmin=0, vmax=950)
            place.set_axis_off()
        row[0].set_title(f"{age} years", color="white", loc="left", fontsize=10)
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=100, facecolor="black")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--phantoms", type=Path, required=True)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    if options.picture:
        picture(options.picture)
    table = people(options.folder)
    print_regressions({"people": table, "phantoms": phantoms(options.phantoms)})
    for name, ages in cross_validated(table).items():
        error = mean_absolute_error(table["age"].to_numpy(), ages, table.index.to_numpy(str))
        print(f"{name}: mean absolute error {error.value:.2f} ({error.low:.2f} to {error.high:.2f})"
              f" years, n {len(table)}")  # fmt: skip


if __name__ == "__main__":
    main()
