"""What ``plexor init`` finds in a folder: files, labels, groups and splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from plexor.cases import load_cohort
from plexor.cases.discover import discover
from plexor.core.errors import DataError


def picture(path: Path, *, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def dicom(path: Path, patient: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    dataset.PatientID = patient
    dataset.Rows = dataset.Columns = 4
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = bytes(range(16))
    dataset.save_as(path, enforce_file_format=True)


def told(found: object) -> str:
    return "\n".join(getattr(found, "notes"))  # noqa: B009


def test_sub_folders_are_labels_and_files_are_told_by_content(tmp_path: Path) -> None:
    picture(tmp_path / "normal" / "a.png")
    picture(tmp_path / "ill" / "b.png")
    (tmp_path / "ill" / "Thumbs.db").write_bytes(b"no image")
    (tmp_path / "normal" / ".hidden.png").write_bytes((tmp_path / "normal/a.png").read_bytes())
    found = discover(tmp_path)
    assert [(row["path"], row["label"]) for row in found.rows] == [
        ("ill/b.png", "ill"),
        ("normal/a.png", "normal"),
    ]
    assert "group: not found" in told(found)
    (tmp_path / "m.csv").write_text(found.manifest())
    assert len(load_cohort(tmp_path / "m.csv")) == 2


def test_split_folders_above_the_classes(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        for label in ("NORMAL", "PNEUMONIA"):
            picture(tmp_path / split / label / f"{label}-{split}.png")
    found = discover(tmp_path)
    assert {row["split"] for row in found.rows} == {"train", "validation", "test"}
    assert {row["label"] for row in found.rows} == {"NORMAL", "PNEUMONIA"}


def test_a_table_names_images_by_a_part_of_their_name(tmp_path: Path) -> None:
    for name in ("S1", "S2"):
        picture(tmp_path / "t1" / f"{name}_T1.png")
        picture(tmp_path / "masks" / f"{name}_T1.png")
    table = "MRID,Age,Sex\nS1,40.5,M\nS2,61.2,F\nS3,50.0,F\n"
    (tmp_path / "people.csv").write_text(table)
    found = discover(tmp_path)
    assert [row["path"] for row in found.rows] == ["t1/S1_T1.png", "t1/S2_T1.png"]
    assert [row["id"] for row in found.rows] == ["S1", "S2"]
    assert (found.truth, found.label_name) == ("number", "Age")
    assert "1 rows of people.csv have no image here" in told(found)
    assert "2 files look like masks" in told(found)
    chosen = discover(tmp_path, {"label": "Sex"})
    assert (chosen.truth, chosen.labels) == ("class", ["M", "F"])
    with pytest.raises(DataError, match="unknown column 'Sx'; did you mean 'Sex'"):
        discover(tmp_path, {"label": "Sx"})


def test_a_table_with_labels_is_preferred_to_the_folders(tmp_path: Path) -> None:
    picture(tmp_path / "a" / "1.png")
    picture(tmp_path / "b" / "2.png")
    (tmp_path / "sizes.csv").write_text("file,bytes\na/1.png,10\nb/2.png,11\n")
    (tmp_path / "index.csv").write_text(
        "file,dx,patient_id,fold\na/1.png,x,p,Train\nb/2.png,y,p,TEST\n"
    )
    found = discover(tmp_path)
    assert [row["label"] for row in found.rows] == ["x", "y"]
    assert [row["group"] for row in found.rows] == ["p", "p"]
    assert [row["split"] for row in found.rows] == ["train", "test"]


def test_patients_come_from_dicom_headers_and_their_ids_are_not_copied(tmp_path: Path) -> None:
    for name, patient in (("1", "HOSP-77"), ("2", "HOSP-12"), ("3", "HOSP-77")):
        dicom(tmp_path / f"IM{name}", patient)
    found = discover(tmp_path)
    groups = [row["group"] for row in found.rows]
    assert groups[0] == groups[2] != groups[1]
    assert "HOSP" not in found.manifest()
    assert "label: not found" in told(found)


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["person1_virus_6", "person1_virus_7", "person2_a_1"], ["person1", "person1", "person2"]),
        (["IM-3-0001", "IM-3-0002", "IM-4-0001"], ["IM-3", "IM-3", "IM-4"]),
        (["ISIC_001", "ISIC_002", "ISIC_003"], None),
        (["a", "b", "c"], None),
    ],
)
def test_groups_guessed_from_names(
    tmp_path: Path, names: list[str], groups: list[str] | None
) -> None:
    for n, name in enumerate(names):
        picture(tmp_path / ("x" if n else "y") / f"{name}.png")
    rows = sorted(discover(tmp_path).rows, key=lambda row: names.index(Path(row["path"]).stem))
    found = [row["group"] for row in rows] if "group" in rows[0] else None
    assert found == groups


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(DataError, match="found none"):
        discover(tmp_path)


def test_a_table_that_names_no_image_is_told(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "m.csv").write_text("name,label\nz.png,x\n")
    assert "no column of m.csv names an image" in told(discover(tmp_path))
    with pytest.raises(DataError, match="names image files"):
        discover(tmp_path / "m.csv")
