"""Manifests of data sets: counts, groups and labels against pandas, pixels against numpy."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from tests.helpers import source_layouts as layouts

from plexor.cases import load_cohort, read_image
from plexor.cases.case import split_labels
from plexor.cases.sources import make_manifest
from plexor.cases.sources.chexpert import LABELS as CHEXPERT_LABELS

POSITIVE = {"negative": [1.0], "positive": [1.0, -1.0]}


@pytest.mark.parametrize("uncertain", POSITIVE)
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_chexpert_counts_as_pandas_does(tmp_path: Path, uncertain: str, ending: str) -> None:
    table = layouts.chexpert_table(60, seed=1)
    layouts.write_chexpert(tmp_path, table)
    out = tmp_path / f"made{ending}"
    _, counts = make_manifest("chexpert", tmp_path, out, {"uncertain": uncertain})
    is_positive = table[list(CHEXPERT_LABELS)].isin(POSITIVE[uncertain])
    assert counts.n_by_label == {k: n for k, n in sorted(is_positive.sum().items()) if n}
    assert counts.n_unlabelled == (~is_positive.any(axis=1)).sum()
    assert counts.n_groups == 60
    cohort = load_cohort(out, truth="findings")
    truths = {case.path.as_posix(): split_labels(str(case.truth)) for case in cohort.cases}
    assert truths == {
        (tmp_path / path).as_posix(): tuple(sorted(is_positive.columns[row]))
        for path, row in zip(table["Path"], is_positive.to_numpy(), strict=True)
    }
    ages = {case.path.as_posix(): case.metadata["age"] for case in cohort.cases}
    assert list(ages.values()) == list(table.set_index("Path").loc[_inside(ages, tmp_path)]["Age"])


def _inside(paths: dict[str, object], folder: Path) -> list[str]:
    return [path.removeprefix(f"{folder.as_posix()}/") for path in paths]


def test_chexpert_films_with_uncertain_or_blank_labels_are_left_out(tmp_path: Path) -> None:
    table = layouts.chexpert_table(200, seed=2)
    layouts.write_chexpert(tmp_path, table)
    asked = ["Edema", "Fracture"]
    options = {"uncertain": "leave-out", "blank": "leave-out", "labels": asked, "views": "frontal"}
    made, counts = make_manifest("chexpert", tmp_path, tmp_path / "m.csv", options)
    frontal = table[table["Frontal/Lateral"] == "Frontal"]
    kept = frontal[frontal[asked].isin([0.0, 1.0]).all(axis=1)]
    assert 0 < counts.n_images == len(kept)
    assert counts.n_by_label == (kept[asked] == 1).sum().to_dict()
    uncertain = frontal[asked].eq(-1).any(axis=1)
    blank = frontal[asked].isna().any(axis=1)
    assert {reason: len(names) for reason, names in made.left_out.items()} == {
        "not frontal": 200,
        "a label is uncertain": uncertain.sum(),
        "a label is blank": (blank & ~uncertain).sum(),
    }


def test_full_size_films_of_chexpert_lie_in_batches(tmp_path: Path) -> None:
    table = layouts.chexpert_table(4, seed=5)
    layouts.write_chexpert(tmp_path, table)
    train = tmp_path / "CheXpert-v1.0-small" / "train"
    for batch, patients in (("2 (train 1)", (1, 2)), ("3 (train 2)", (3, 4))):
        for patient in patients:
            place = tmp_path / "full" / f"CheXpert-v1.0 batch {batch}" / f"patient{patient:05d}"
            place.parent.mkdir(parents=True, exist_ok=True)
            (train / place.name).rename(place)
    first = tmp_path / "full" / "CheXpert-v1.0 batch 1 (validate & csv)"
    first.mkdir()
    table.iloc[:5].to_csv(first / "train.csv", index=False)
    made, counts = make_manifest("chexpert", tmp_path / "full", tmp_path / "m.csv")
    assert (counts.n_images, counts.n_groups) == (5, 3)
    assert made.left_out == {
        "a patient without a row": ["CheXpert-v1.0 batch 3 (train 2)/patient00004"]
    }
    assert len(load_cohort(tmp_path / "m.csv", truth="findings")) == 5


def test_nih_counts_as_pandas_does(tmp_path: Path) -> None:
    table = layouts.nih_table(150, seed=3)
    layouts.write_nih(tmp_path, table, n_test_patients=11)
    _, counts = make_manifest("nih", tmp_path, tmp_path / "m.parquet")
    expected = table["Finding Labels"].str.split("|").explode().value_counts().to_dict()
    assert counts.n_unlabelled == expected.pop("No Finding")
    assert counts.n_by_label == expected
    assert counts.n_groups == table["Patient ID"].nunique()
    assert counts.n_by_split == {"test": 33, "train": 117}
    _, of_two = make_manifest(
        "nih", tmp_path, tmp_path / "m.csv", {"labels": "Mass,Nodule", "views": "PA"}
    )
    frontal = table[table["View Position"] == "PA"]["Finding Labels"]
    assert of_two.n_images == len(frontal)
    assert of_two.n_by_label == {
        name: frontal.str.contains(name).sum() for name in ("Mass", "Nodule")
    }


@pytest.mark.parametrize(("readers", "least"), [("any", 1), ("majority", 2), ("all", 3)])
def test_votes_of_radiologists_are_counted_as_pandas_does(
    tmp_path: Path, readers: str, least: int
) -> None:
    draw = np.random.default_rng(4)
    names = ["Cardiomegaly", "Nodule/Mass", "No finding"]
    films = np.repeat([f"film{n:02d}" for n in range(40)], 3)
    votes = pd.DataFrame(draw.integers(0, 2, (120, 3)), columns=names)
    table = pd.concat(
        [pd.DataFrame({"image_id": films, "rad_id": ["R1", "R2", "R3"] * 40}), votes], axis=1
    )
    test = pd.DataFrame(
        {"image_id": ["t1", "t2"], "Cardiomegaly": [1, 0], "Nodule/Mass": [0, 0], "No finding": 0}
    )
    layouts.write_vindr(tmp_path / "vindr", table, test)
    made, counts = make_manifest(
        "vindr", tmp_path / "vindr", tmp_path / "m.csv", {"readers": readers}
    )
    given = table.groupby("image_id")[names[:2]].sum() >= least
    assert counts.n_by_label == {name: given[name].sum() + test[name].sum() for name in names[:2]}
    assert counts.n_by_split == {"test": 2, "train": 40}
    disputed = table.groupby("image_id")[names[:2]].nunique().gt(1).sum(axis=1)
    told = {Path(str(row["path"])).stem: row["n_disputed"] for row in made.rows}
    assert {name: told[name] for name in disputed.index} == disputed.to_dict()


def test_boxes_of_kaggle_are_votes(tmp_path: Path) -> None:
    table = pd.DataFrame(
        [
            ("a", "Cardiomegaly", "R1"), ("a", "Cardiomegaly", "R1"), ("a", "ILD", "R1"),
            ("a", "Cardiomegaly", "R2"), ("a", "No finding", "R3"),
            ("b", "No finding", "R1"), ("b", "No finding", "R2"), ("b", "ILD", "R3"),
        ],
        columns=["image_id", "class_name", "rad_id"],
    )  # fmt: skip
    for name in "ab":
        layouts.write_png(tmp_path / "train" / f"{name}.png", ord(name))
    table.to_csv(tmp_path / "train.csv", index=False)
    made, _ = make_manifest("vindr", tmp_path, tmp_path / "m.csv")
    assert {row["path"]: row["label"] for row in made.rows} == {
        "train/a.png": "Cardiomegaly",
        "train/b.png": "",
    }


@pytest.mark.parametrize(
    ("shape", "n_labels", "dtype"),
    [
        ((28, 28), 1, np.uint8),
        ((28, 30), 1, np.uint16),
        ((20, 28, 3), 1, np.uint8),
        ((9, 10, 11), 1, np.uint8),
        ((28, 28), 14, np.uint8),
    ],
)
def test_arrays_of_medmnist_are_read_as_they_are(
    tmp_path: Path, shape: tuple[int, ...], n_labels: int, dtype: type
) -> None:
    arrays = layouts.medmnist_arrays(shape, n_labels, dtype=dtype)
    name = "chestmnist" if n_labels > 1 else "pneumoniamnist"
    layouts.write_npz(tmp_path / f"{name}_64.npz", arrays)
    make_manifest("medmnist", tmp_path, tmp_path / "m.csv")
    cohort = load_cohort(tmp_path / "m.csv", truth="findings" if n_labels > 1 else "class")
    assert len(cohort) == 13
    for case in cohort.cases:
        element = str(case.metadata["element"])
        array, number = element.removesuffix("]").split("[")
        stored, image = arrays[array][int(number)], read_image(case.path)
        expected = np.moveaxis(stored, -1, 0) if shape[-1] == 3 else stored[None]
        assert image.pixels.dtype == dtype
        np.testing.assert_array_equal(image.pixels, expected)
        label = arrays[array.replace("images", "labels")][int(number)]
        if n_labels == 1:
            assert case.truth == ("normal", "pneumonia")[label[0]]
        else:
            assert len(split_labels(str(case.truth))) == label.sum()


def test_bytes_in_parquet_are_written_as_they_are(tmp_path: Path) -> None:
    images = [layouts.png(seed) for seed in range(7)]
    rows = [
        {
            "image": {"bytes": data, "path": f"{seed}.png"},
            "label": seed % 2,
            "patient": f"p{seed // 2}",
            "age": 40 + seed,
        }
        for seed, data in enumerate(images)
    ]
    data = tmp_path / "set" / "data"
    names = ("NORMAL", "PNEUMONIA")
    layouts.write_hugging_face(data / "train-00000-of-00001.parquet", rows[:4], names)
    layouts.write_hugging_face(data / "test-00000-of-00001.parquet", rows[4:], names)
    make_manifest("hf", tmp_path / "set", tmp_path / "m.parquet", {"group": "patient"})
    cohort = load_cohort(tmp_path / "m.parquet")
    assert cohort.classes == names
    assert cohort.splits == ("test", "train")
    by_age = sorted(cohort.cases, key=lambda case: float(str(case.metadata["age"])))
    assert [case.path.read_bytes() for case in by_age] == images
    assert [case.truth for case in by_age] == [names[seed % 2] for seed in range(7)]
    assert [case.group for case in by_age] == [f"p{seed // 2}" for seed in range(7)]


def test_mura_counts_as_its_folders_do(tmp_path: Path) -> None:
    layouts.write_mura(tmp_path)
    for number, folder in enumerate((tmp_path, tmp_path / "MURA-v1.1")):
        out = tmp_path / f"{number}.csv"
        _, counts = make_manifest("mura", folder, out)
        files = pd.Series([path.as_posix() for path in tmp_path.rglob("*.png")])
        assert (
            counts.n_by_label
            == files.str.extract("_(positive|negative)")[0].value_counts().to_dict()
        )
        assert counts.n_groups == files.str.extract(r"(patient\d+)")[0].nunique()
        table = pd.read_csv(out)
        assert table.groupby("split")["path"].count().to_dict() == {"train": 5, "validation": 2}
        assert table["body_part"].value_counts().to_dict() == {"XR_HAND": 4, "XR_WRIST": 3}
        assert len(load_cohort(out)) == 7


def test_bids_takes_labels_of_sessions_before_those_of_participants(tmp_path: Path) -> None:
    layouts.write_bids(
        tmp_path / "b",
        "participant_id|age|sex\nsub-01|31.5|M\nsub-02|64|F\nsub-03|n/a|F\nsub-04|20|F\n",
        "sub-01/ses-1/anat/sub-01_ses-1_T1w", "sub-01/ses-2/anat/sub-01_ses-2_T1w",
        "sub-01/ses-2/anat/sub-01_ses-2_T2w", "sub-02/anat/sub-02_run-1_T1w",
        "sub-03/anat/sub-03_T1w", "sub-09/anat/sub-09_T1w",
    )  # fmt: skip
    made, counts = make_manifest("bids", tmp_path / "b", tmp_path / "m.csv", {"label": "age"})
    assert (counts.n_images, counts.n_groups, made.truth) == (3, 2, "number")
    assert {reason: list(names) for reason, names in made.left_out.items()} == {
        "age is n/a": ["sub-03/anat/sub-03_T1w.nii"],
        "an image of nobody in participants.tsv": ["sub-09/anat/sub-09_T1w.nii"],
        "a participant without T1w": ["sub-04"],
    }
    assert "1 subject with several sessions and one age for all" in made.notes[0]
    (tmp_path / "b/sub-01/sub-01_sessions.tsv").write_text(
        "session_id\tage\nses-1\t31.5\nses-2\t33\n"
    )
    made, _ = make_manifest("bids", tmp_path / "b", tmp_path / "m.csv", {"label": "age"})
    assert made.notes == ()
    cohort = load_cohort(tmp_path / "m.csv", truth="number")
    assert {case.path.name: case.truth for case in cohort.cases} == {
        "sub-01_ses-1_T1w.nii": 31.5,
        "sub-01_ses-2_T1w.nii": 33.0,
        "sub-02_run-1_T1w.nii": 64.0,
    }


LISTED = [{"image": f"./imagesTr/s_{n}.nii", "label": f"./labelsTr/s_{n}.nii"} for n in (1, 2)]


@pytest.mark.parametrize("channels", ["decathlon", "nnU-Net 1", "nnU-Net 2"])
def test_volumes_and_masks_of_a_decathlon_are_paired(tmp_path: Path, channels: str) -> None:
    described: dict[str, object] = {
        "labels": {"0": "background", "1": "spleen"}, "modality": {"0": "CT"}, "training": LISTED,
        "file_ending": ".nii",
    }  # fmt: skip
    if channels == "nnU-Net 2":
        described = {
            "labels": {"background": 0, "spleen": 1}, "channel_names": {"0": "CT", "1": "PET"},
            "file_ending": ".nii", "numTraining": 2,
        }  # fmt: skip
    end = "" if channels == "decathlon" else "_0000"
    volumes = [f"imagesTr/s_1{end}", f"imagesTr/s_2{end}", f"imagesTs/s_3{end}"]
    others = [name.replace("_0000", "_0001") for name in volumes] if "2" in channels else []
    masks = ["labelsTr/s_1", "labelsTr/s_2"]
    layouts.write_decathlon(tmp_path / "Task", described, *volumes, *others, *masks)
    made, counts = make_manifest("msd", tmp_path / "Task", tmp_path / "m.csv")
    assert made.plan == {"classes": ["background", "spleen"]}
    assert made.left_out == {"a volume without a mask": [f"imagesTs/s_3{end}.nii"]}
    assert counts.n_by_split == {}
    cohort = load_cohort(tmp_path / "m.csv", truth="mask", classes=["background", "spleen"])
    pairs = [(case.path.name, case.truth_mask and case.truth_mask.name) for case in cohort.cases]
    assert pairs == [(f"s_1{end}.nii", "s_1.nii"), (f"s_2{end}.nii", "s_2.nii")]


def test_modalities_in_one_file_are_the_channels_of_a_case(tmp_path: Path) -> None:
    """The layout of the Decathlon's Task01_BrainTumour."""
    root = tmp_path / "Task01"
    layouts.write_decathlon(root, {"labels": {"0": "background", "1": "edema"},
                                   "modality": {"0": "FLAIR", "1": "T1w"}})  # fmt: skip
    voxels = np.random.default_rng(0).integers(0, 9, (3, 4, 5, 2)).astype(np.int16)
    kind: Any = nib.Nifti1Image
    for folder, data in (("imagesTr", voxels), ("labelsTr", (voxels[..., 0] > 4).astype("u1"))):
        (root / folder).mkdir(exist_ok=True)
        (root / folder / "BRATS_001.nii.gz").write_bytes(gzip.compress(kind(data, None).to_bytes()))
    made, _ = make_manifest("msd", root, tmp_path / "m.csv")
    assert (
        "2 modalities in each file are the channels of a case, in this order: FLAIR, T1w"
        in (made.notes[0])
    )
    (case,) = load_cohort(tmp_path / "m.csv", truth="mask", classes=["background", "edema"]).cases
    np.testing.assert_array_equal(read_image(case.path).pixels, np.moveaxis(voxels, -1, 0))


def test_masks_of_test_volumes_make_a_split(tmp_path: Path) -> None:
    described = {"labels": {"background": 0, "spleen": 1}, "channel_names": {"0": "CT"},
                 "file_ending": ".nii"}  # fmt: skip
    files = ["imagesTr/a_0000", "labelsTr/a", "imagesTs/b_0000", "labelsTs/b"]
    layouts.write_decathlon(tmp_path / "Task", described, *files)
    _, counts = make_manifest("msd", tmp_path / "Task", tmp_path / "m.csv")
    assert counts.n_by_split == {"test": 1, "train": 1}
