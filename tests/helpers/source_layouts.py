"""Miniatures of data sets, in the layouts that these are distributed in."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from plexor.cases.formats.png import PngCodec
from plexor.cases.sources.chexpert import LABELS as CHEXPERT_LABELS
from plexor.cases.sources.nih import LABELS as NIH_LABELS

Array = npt.NDArray[Any]
NIFTI_1: Any = nib.Nifti1Image


def png(seed: int, shape: tuple[int, int] = (12, 10)) -> bytes:
    """A grey image."""
    pixels = np.random.default_rng(seed).integers(0, 256, (1, *shape), dtype=np.uint8)
    return PngCodec().encode(pixels)


def write_png(path: Path, seed: int) -> None:
    """A grey image, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(seed))


def write_volume(path: Path, numbers: Array) -> None:
    """A volume, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(NIFTI_1(numbers, np.eye(4)).to_bytes())


def write_mura(folder: Path) -> Path:
    """Seven radiographs of four patients."""
    root = folder / "MURA-v1.1"
    for seed, name in enumerate(
        (
            "train/XR_WRIST/patient00001/study1_positive/image1",
            "train/XR_WRIST/patient00001/study1_positive/image2",
            "train/XR_HAND/patient00001/study1_negative/image1",
            "train/XR_HAND/patient00002/study1_negative/image1",
            "train/XR_HAND/patient00002/study2_positive/image1",
            "valid/XR_HAND/patient11200/study1_negative/image1",
            "valid/XR_WRIST/patient11201/study1_positive/image1",
        )
    ):
        write_png(root / f"{name}.png", seed)
    return folder


def chexpert_table(n_patients: int, seed: int) -> pd.DataFrame:
    """Two films of each patient, with labels positive, negative, uncertain and blank."""
    draw = np.random.default_rng(seed)
    rows = []
    for patient in range(1, n_patients + 1):
        cells = draw.choice([1.0, 0.0, -1.0, np.nan], len(CHEXPERT_LABELS), p=[0.2, 0.1, 0.1, 0.6])
        for view, projection in (("frontal", "AP"), ("lateral", None)):
            path = f"CheXpert-v1.0-small/train/patient{patient:05d}/study1/view1_{view}.jpg"
            rows.append(
                {
                    "Path": path, "Sex": "Female", "Age": int(draw.integers(18, 90)),
                    "Frontal/Lateral": view.title(), "AP/PA": projection,
                    "No Finding": np.nan, **dict(zip(CHEXPERT_LABELS, cells, strict=True)),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def write_chexpert(folder: Path, table: pd.DataFrame, *, name: str = "train.csv") -> Path:
    """The table with an empty file for each film."""
    for path in table["Path"]:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    table.to_csv(folder / "CheXpert-v1.0-small" / name, index=False)
    return folder


def nih_table(n: int, seed: int) -> pd.DataFrame:
    """Films with up to three findings each, three to a patient."""
    draw = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        found = sorted(draw.choice(NIH_LABELS, draw.integers(0, 4), replace=False))
        rows.append(
            {
                "Image Index": f"{number // 3:08d}_{number % 3:03d}.png",
                "Finding Labels": "|".join(found) or "No Finding",
                "Follow-up #": number % 3, "Patient ID": number // 3,
                "Patient Age": int(draw.integers(1, 90)), "Patient Gender": "F",
                "View Position": str(draw.choice(["PA", "AP"])),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def write_nih(folder: Path, table: pd.DataFrame, *, n_test_patients: int = 0) -> Path:
    """The table, films in two folders, and lists if there are test patients."""
    for number, name in enumerate(table["Image Index"]):
        file = folder / f"images_{number % 2 + 1:03d}" / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    table.to_csv(folder / "Data_Entry_2017.csv", index=False)
    if n_test_patients:
        is_test = table["Patient ID"] < n_test_patients
        for name, rows in (("test_list", table[is_test]), ("train_val_list", table[~is_test])):
            (folder / f"{name}.txt").write_text("\n".join(rows["Image Index"]) + "\n")
    return folder


def write_vindr(folder: Path, table: pd.DataFrame, test: pd.DataFrame) -> Path:
    """PhysioNet's layout: a row for each film and radiologist, one for each test film."""
    (folder / "annotations").mkdir(parents=True)
    for part, rows in (("train", table), ("test", test)):
        (folder / part).mkdir()
        for name in rows["image_id"].unique():
            (folder / part / f"{name}.dicom").touch()
        rows.to_csv(folder / "annotations" / f"image_labels_{part}.csv", index=False)
    return folder


def padchest_table(n: int, seed: int) -> pd.DataFrame:
    """Films with the oddities of the published table: blanks, empty labels, `nan`, mixtures."""
    draw = np.random.default_rng(seed)
    names = ["pneumonia", "atypical pneumonia", "nodule", "Chilaiditi's sign", "COPD signs"]
    others = ["normal", "exclude", "suboptimal study", "unchanged", ""]
    rows = []
    for number in range(n):
        by_network = bool(draw.random() < 0.6)
        found = list(draw.choice([*names, *others], draw.integers(1, 4), replace=False))
        labels = [f" {name}" if by_network and draw.random() < 0.5 else str(name) for name in found]
        device, bits = [("ImagingDynamicsCompanyLtd", 12), ("PhilipsMedicalSystems", 10)][
            number % 2
        ]
        rows.append(
            {
                "ImageID": f"{number // 2:06d}_{number:04d}.png", "ImageDir": number % 55,
                "StudyDate_DICOM": 20140915, "StudyID": f"s{number // 2}",
                "PatientID": f"p{number // 3}",
                "PatientBirth": np.nan if number % 7 == 0 else float(1930 + number % 60),
                "PatientSex_DICOM": draw.choice(["F", "M", "nan"]),
                "Projection": draw.choice(["PA", "L", "AP_horizontal", "EXCLUDE"]),
                "Manufacturer_DICOM": device, "BitsStored_DICOM": bits,
                "Report": "cambi pulmonar, sin hallazg .",
                "MethodLabel": "RNN_model" if by_network else "Physician",
                "Labels": "nan" if number % 11 == 0 else str(labels),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def write_padchest(folder: Path, table: pd.DataFrame, *, ending: str = ".csv") -> Path:
    """The table, whose first column has no name, and an empty file for each film."""
    for place, name in zip(table["ImageDir"], table["ImageID"], strict=True):
        file = folder / str(place) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    table.to_csv(folder / f"PADCHEST_chest_x_ray_images_labels_160K_01.02.19{ending}")
    return folder


def write_bids(folder: Path, participants: str, *images: str) -> Path:
    """A table as given, with tabs for bars, and volumes named without ending."""
    for seed, name in enumerate(images):
        numbers = np.random.default_rng(seed).integers(0, 999, (5, 6, 7))
        write_volume(folder / f"{name}.nii", numbers.astype(np.int16))
    (folder / "participants.tsv").write_text(participants.replace("|", "\t"))
    return folder


def write_decathlon(folder: Path, described: Mapping[str, object], *files: str) -> Path:
    """``dataset.json``, and volumes or masks named without ending."""
    for seed, name in enumerate(files):
        most = 2 if name.startswith("labels") else 999
        numbers = np.random.default_rng(seed).integers(0, most, (5, 6, 7))
        kind = np.uint8 if name.startswith("labels") else np.int16
        write_volume(folder / f"{name}.nii", numbers.astype(kind))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps(described))
    return folder


def medmnist_arrays(
    shape: Sequence[int], n_labels: int, *, seed: int = 0, dtype: type = np.uint8
) -> dict[str, Array]:
    """Images and labels of three splits; one column of classes, or several of 0 and 1."""
    draw = np.random.default_rng(seed)
    arrays: dict[str, Array] = {}
    for split, n in (("train", 6), ("val", 3), ("test", 4)):
        arrays[f"{split}_images"] = draw.integers(
            0, np.iinfo(dtype).max, (n, *shape), dtype, endpoint=True
        )
        columns = (n, n_labels) if n_labels > 1 else (n, 1)
        arrays[f"{split}_labels"] = draw.integers(0, 2, columns)
    return arrays


def write_npz(path: Path, arrays: Mapping[str, Any]) -> None:
    """An archive of arrays, compressed as MedMNIST's are."""
    save: Any = np.savez_compressed
    save(path, **arrays)


def write_hugging_face(
    file: Path, rows: Sequence[Mapping[str, object]], names: Sequence[str] = ()
) -> Path:
    """A Parquet file as the library writes it, with the names of its classes in the schema."""
    table = pa.Table.from_pylist(list(rows))
    if names:
        feature = {"names": list(names), "_type": "ClassLabel"}
        info = {"info": {"features": {"image": {"_type": "Image"}, "label": feature}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file)
    return file


def npy(array: Array) -> bytes:
    """An array as a ``.npy`` file."""
    sink = io.BytesIO()
    np.save(sink, array)
    return sink.getvalue()
