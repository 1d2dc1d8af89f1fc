"""Damaged, incomplete and hostile data sets: one clear line each, and nothing left over."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.helpers import source_layouts as layouts

from plexor.cases import load_cohort
from plexor.cases.sources import make_manifest
from plexor.core.errors import DataError, PlanError, PlexorError


def refused(name: str, folder: Path, out: Path, **options: object) -> str:
    """The message with which a source refuses its data; no manifest may be left."""
    with pytest.raises(PlexorError) as caught:
        make_manifest(name, folder, out / "m.csv", options)
    assert not (out / "m.csv").exists()
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mura", "MURA-v1.1/train/XR_WRIST"),
        ("chexpert", "train.csv or valid.csv"),
        ("nih", "Data_Entry_2017.csv"),
        ("vindr", "image_labels_train.csv"),
        ("padchest", "PADCHEST_chest_x_ray_images_labels_160K_"),
        ("bids", "participants.tsv"),
        ("msd", "dataset.json, imagesTr and labelsTr"),
        ("medmnist", "expected one .npz file, found none"),
        ("hf", "holds no .parquet file"),
    ],
)
def test_another_folder_is_refused_with_the_layout_expected(
    tmp_path: Path, name: str, expected: str
) -> None:
    (tmp_path / "other").mkdir()
    assert expected in refused(name, tmp_path / "other", tmp_path)
    missing = refused(name, tmp_path / "nowhere", tmp_path)
    assert "nowhere" in missing


def test_options_are_checked(tmp_path: Path) -> None:
    def of(name: str, **options: object) -> str:
        return refused(name, tmp_path, tmp_path, **options)

    assert "did you mean 'uncertain'" in of("chexpert", uncertan="positive")
    assert "unknown value 'ones'" in of("chexpert", uncertain="ones")
    assert "expected a whole number, got 'one'" in of("msd", channel="one")
    layouts.write_chexpert(tmp_path, layouts.chexpert_table(2, seed=0))
    assert "unknown label 'Oedema'; did you mean 'Edema'" in of("chexpert", labels="Oedema")
    with pytest.raises(PlanError, match=r"unknown source 'chexprt'; did you mean 'chexpert'"):
        make_manifest("chexprt", tmp_path, tmp_path / "m.csv")
    with pytest.raises(PlanError, match=r"m.txt: a manifest's name ends in .csv or .parquet"):
        make_manifest("chexpert", tmp_path, tmp_path / "m.txt")


def test_missing_columns_and_strange_cells_are_named(tmp_path: Path) -> None:
    table = layouts.chexpert_table(3, seed=0)
    layouts.write_chexpert(tmp_path, table.drop(columns="Edema"))
    assert "unknown column 'Edema'" in refused("chexpert", tmp_path, tmp_path)
    layouts.write_chexpert(tmp_path, table.assign(Edema=2))
    message = refused("chexpert", tmp_path, tmp_path)
    assert "patient00001/study1/view1_frontal.jpg: Edema is '2', expected 1, 0, -1" in message
    nih = layouts.nih_table(3, seed=0).assign(**{"Finding Labels": "Mass|Lump"})
    layouts.write_nih(tmp_path / "nih", nih)
    assert "the finding 'Lump' is none of the fourteen" in refused(
        "nih", tmp_path / "nih", tmp_path
    )
    layouts.write_chexpert(tmp_path, table)
    file = tmp_path / "CheXpert-v1.0-small" / "train.csv"
    file.write_text(file.read_text() + "only,three,cells\n")
    assert "row 8 has 3 cells, expected 19" in refused("chexpert", tmp_path, tmp_path)


def test_rows_without_files_and_files_without_rows_are_counted(tmp_path: Path) -> None:
    table = layouts.nih_table(9, seed=0)
    layouts.write_nih(tmp_path, table)
    (tmp_path / "images_001/images/00000000_000.png").unlink()
    (tmp_path / "images_001/images/99999999_000.png").touch()
    made, counts = make_manifest("nih", tmp_path, tmp_path / "m.csv")
    assert counts.n_images == 8
    assert made.left_out == {
        "no file": ["00000000_000.png"],
        "a film without a row": ["images_001/images/99999999_000.png"],
    }
    for file in tmp_path.rglob("*.png"):
        file.unlink()
    (tmp_path / "m.csv").unlink()
    message = refused("nih", tmp_path, tmp_path)
    assert message.endswith("no image is left; 9 left out: no file, e.g. 00000000_000.png")


def test_repeated_rows_become_one_and_contradictions_none(tmp_path: Path) -> None:
    table = layouts.nih_table(6, seed=0).assign(**{"Finding Labels": "Mass"})
    other = table.iloc[:1].assign(**{"Finding Labels": "Nodule"})
    layouts.write_nih(tmp_path, table)
    listed = pd.concat([table, table.iloc[3:5], other])
    listed.to_csv(tmp_path / "Data_Entry_2017.csv", index=False)
    made, counts = make_manifest("nih", tmp_path, tmp_path / "m.csv")
    assert counts.n_images == 5
    assert {reason: len(names) for reason, names in made.left_out.items()} == {
        "listed more than once, with different labels": 1,
        "a repeated row of an image": 2,
    }
    assert len(load_cohort(tmp_path / "m.csv", truth="findings")) == 5


def test_a_patient_on_both_sides_of_a_split_is_told(tmp_path: Path) -> None:
    layouts.write_mura(tmp_path)
    layouts.write_png(
        tmp_path / "MURA-v1.1/valid/XR_HAND/patient00002/study3_negative/image1.png", 9
    )
    made, _ = make_manifest("mura", tmp_path, tmp_path / "m.csv")
    assert made.notes[0].startswith("1 group in more than one split (patient00002)")
    with pytest.raises(DataError, match=r"patient00002: this group is in train and validation"):
        load_cohort(tmp_path / "m.csv")


def test_a_film_in_both_lists_is_refused(tmp_path: Path) -> None:
    layouts.write_nih(tmp_path, layouts.nih_table(9, seed=0), n_test_patients=1)
    (tmp_path / "train_val_list.txt").write_text("00000000_000.png")
    assert "00000000_000.png is in both lists" in refused("nih", tmp_path, tmp_path)


@pytest.mark.parametrize("path", ["../../etc/secret.png", "/etc/secret.png", "C:\\secret.png"])
def test_paths_that_leave_the_folder_are_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.png").write_bytes(layouts.png(0))
    table = layouts.nih_table(3, seed=0)
    layouts.write_nih(tmp_path / "nih", table)
    hostile = table.assign(**{"Image Index": [path, *table["Image Index"][1:]]})
    hostile.to_csv(tmp_path / "nih" / "Data_Entry_2017.csv", index=False)
    assert "leaves the folder of the data" in refused("nih", tmp_path / "nih", tmp_path)
    described = {"labels": {"0": "background", "1": "x"},
                 "training": [{"image": path, "label": path}]}  # fmt: skip
    layouts.write_decathlon(tmp_path / "Task", described)
    assert "leaves the folder of the data" in refused("msd", tmp_path / "Task", tmp_path)


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    layouts.write_mura(tmp_path)
    (tmp_path / "MURA-v1.1/train/XR_HAND/again").symlink_to(tmp_path / "MURA-v1.1")
    (tmp_path / "MURA-v1.1/train/XR_HAND/dangling.png").symlink_to(tmp_path / "nowhere")
    _, counts = make_manifest("mura", tmp_path, tmp_path / "m.csv")
    assert counts.n_images == 7


class _Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, (str(self.file),)


def _zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def test_pickles_in_arrays_are_not_unpickled(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    images = np.empty(2, object)
    images[:] = _Payload(ran)
    np.savez(tmp_path / "a.npz", train_images=images, train_labels=np.zeros((2, 1), np.uint8))
    assert "holds Python objects, which would be unpickled" in refused(
        "medmnist", tmp_path, tmp_path
    )
    bare = pickle.dumps(_Payload(ran))
    _zipped(tmp_path / "a.npz", train_images=bare, train_labels=bare)
    assert "not an array of numpy" in refused("medmnist", tmp_path, tmp_path)
    assert not ran.exists()


def _declared(shape: tuple[int, ...], data: bytes = b"") -> bytes:
    sink = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(sink, header)
    return sink.getvalue() + data


def test_arrays_that_declare_what_they_do_not_hold_are_refused(tmp_path: Path) -> None:
    labels = layouts.npy(np.zeros((4, 1), np.uint8))
    file = tmp_path / "a.npz"
    _zipped(file, train_images=_declared((10**12, 28, 28), bytes(99)), train_labels=labels)
    assert "declares 784,000,000,000,000 bytes and holds 99" in refused("medmnist", file, tmp_path)
    _zipped(file, train_images=_declared((4, 70_000, 70_000)), train_labels=labels)
    assert "declares" in refused("medmnist", file, tmp_path)
    _zipped(file, train_images=layouts.npy(np.zeros((4, 9, 9), np.uint8)), train_labels=labels)
    whole = file.read_bytes()
    for cut in (30, len(whole) // 2, len(whole) - 30):
        file.write_bytes(whole[:cut])
        refused("medmnist", file, tmp_path)
    assert list(tmp_path.glob("m-images/*")) == []


def test_arrays_of_another_kind_are_refused(tmp_path: Path) -> None:
    labels = np.zeros((4, 1), np.uint8)
    for images, said in (
        (np.zeros((4, 9, 9), np.float32), "expected uint8 or uint16"),
        (np.zeros((4, 9), np.uint8), "of shape (4, 9)"),
        (np.zeros((5, 9, 9), np.uint8), "5 train images and 4 labels"),
        (np.asfortranarray(np.zeros((4, 9, 9), np.uint8)), "stored by columns"),
    ):
        np.savez(tmp_path / "a.npz", train_images=images, train_labels=labels)
        assert said in refused("medmnist", tmp_path, tmp_path)
    np.savez(tmp_path / "a.npz", images=labels)
    assert "found images" in refused("medmnist", tmp_path, tmp_path)
    images = np.zeros((4, 9, 9), np.uint8)
    np.savez(tmp_path / "a.npz", train_images=images, train_labels=labels + 7)
    assert "label 7 has no name" in refused("medmnist", tmp_path, tmp_path, names="a,b")
    np.savez(tmp_path / "a.npz", train_images=images, train_labels=np.full((4, 3), 2))
    assert "labels of several columns are 0 or 1" in refused("medmnist", tmp_path, tmp_path)


def test_parquet_without_images_or_labels_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "set" / "train.parquet"
    layouts.write_hugging_face(file, [{"text": "a", "label": 1}])
    assert "no column of images" in refused("hf", tmp_path / "set", tmp_path)
    row = {"image": {"bytes": layouts.png(0), "path": None}, "dx": "mel"}
    layouts.write_hugging_face(file, [row])
    assert "unknown column of labels 'label'" in refused("hf", tmp_path / "set", tmp_path)
    layouts.write_hugging_face(file, [row | {"mask": {"bytes": b"x", "path": None}}])
    assert "several columns of images, image, mask" in refused(
        "hf", tmp_path / "set", tmp_path, label="dx"
    )
    whole = file.read_bytes()
    for data in (b"version https://git-lfs.github.com/spec/v1\n", whole[:-20], whole[:50]):
        file.write_bytes(data)
        assert "not a readable Parquet file" in refused("hf", tmp_path / "set", tmp_path)


def test_rows_of_parquet_without_an_image_are_counted(tmp_path: Path) -> None:
    names = ("NORMAL", "SICK")
    cells: list[tuple[bytes | None, int | None]] = [
        (layouts.png(0), 0), (None, 1), (b"GIF89a no image", 1), (layouts.png(1), -1),
        (layouts.png(2), None),
    ]  # fmt: skip
    rows = [
        {"image": {"bytes": data, "path": "../../x.png"}, "label": label} for data, label in cells
    ]
    layouts.write_hugging_face(tmp_path / "set/train.parquet", rows, names)
    made, counts = make_manifest("hf", tmp_path / "set", tmp_path / "m.csv")
    assert counts.n_by_label == {"NORMAL": 1}
    assert {reason: len(found) for reason, found in made.left_out.items()} == {
        "no image in the row": 1,
        "not PNG, JPEG, TIFF, DICOM or NIfTI": 1,
        "no label": 2,
    }
    assert not list(tmp_path.parent.glob("x.png"))


def test_what_was_extracted_once_is_not_written_again(tmp_path: Path) -> None:
    arrays = layouts.medmnist_arrays((8, 8), 1)
    layouts.write_npz(tmp_path / "a.npz", arrays)
    first, _ = make_manifest("medmnist", tmp_path, tmp_path / "m.csv")
    written = {path: path.stat().st_mtime_ns for path in first.root.rglob("*.png")}
    again, _ = make_manifest("medmnist", tmp_path, tmp_path / "m.csv")
    assert {path: path.stat().st_mtime_ns for path in again.root.rglob("*.png")} == written
    assert len(written) == 13
    layouts.write_npz(tmp_path / "a.npz", layouts.medmnist_arrays((8, 8), 1, seed=1))
    other, _ = make_manifest("medmnist", tmp_path, tmp_path / "m.csv")
    assert other.root != first.root


def test_labels_of_a_decathlon_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    for described, said in (
        ({"labels": {"background": 0, "whole": [1, 2]}}, "regions of several numbers are not read"),
        ({"labels": {"background": 0, "tumour": 2}}, "numbered 0, 1, 2, …, found 0, 2"),
        ({"name": "Task"}, "expected `labels`"),
        ({"labels": {"0": "a"}, "training": ["x"]}, "expected image and label"),
    ):
        layouts.write_decathlon(tmp_path / "Task", described)
        assert said in refused("msd", tmp_path / "Task", tmp_path)
    (tmp_path / "Task" / "dataset.json").write_text("[" * 100_000)
    assert "not readable as JSON" in refused("msd", tmp_path / "Task", tmp_path)
    (tmp_path / "Task" / "dataset.json").write_text("[1]")
    assert "expected an object" in refused("msd", tmp_path / "Task", tmp_path)


def test_a_bids_label_must_be_chosen(tmp_path: Path) -> None:
    layouts.write_bids(
        tmp_path / "b", "participant_id|age|sex\nsub-01|31|M\n", "sub-01/anat/sub-01_T1w"
    )
    assert "(columns: age, sex)" in refused("bids", tmp_path / "b", tmp_path)
    assert "unknown column 'agee'; did you mean 'age'" in refused(
        "bids", tmp_path / "b", tmp_path, label="agee"
    )
    layouts.write_bids(tmp_path / "b", "participant_id|age\nsub-01|31\n01|32\n")
    assert "sub-01 is listed twice" in refused("bids", tmp_path / "b", tmp_path, label="age")
