"""``plexor cohort make dicom``: what becomes a case, what is left out, and what is told."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
import torch
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import UID
from tests.helpers.enhanced import written
from tests.helpers.segmentation import drawn_frames, segmentation_file
from tests.helpers.series import (
    SERIES,
    enhanced_file,
    place,
    series_files,
    slice_file,
    voxels,
    write_series,
)
from typer.testing import CliRunner

from plexor.audits import audit
from plexor.audits.provenance import images_sha256
from plexor.cases import load_cohort, read_image
from plexor.cases.check import check_cohort
from plexor.cases.manifest import read_manifest
from plexor.cases.mask import read_case
from plexor.cases.sources import MadeManifest, make_manifest
from plexor.cli.app import app
from plexor.core.errors import DataError
from plexor.models import Multiclass, Preprocess, TorchModel

FILM = UID("1.2.840.10008.5.1.4.1.1.1")
Made = Callable[..., MadeManifest]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    return folder


@pytest.fixture
def made(export: Path, tmp_path: Path) -> Made:
    def make(folder: Path = export, **options: object) -> MadeManifest:
        return make_manifest("dicom", folder, tmp_path / "work/cohort.csv", options)[0]

    return make


def _film(number: int = 1, **elements: Any) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 4000, (9, 8)).astype(np.uint16)
    own: dict[str, Any] = {
        "SOPInstanceUID": f"1.2.9.{number}",
        "SeriesInstanceUID": f"1.2.8.{number}",
        "PatientID": f"P{number}",
        "Modality": "DX",
        "ViewPosition": "PA",
        "ImageLaterality": "L",
    }
    return written(pixels, sop_class=FILM, **{**own, **elements})


def _reasons(found: MadeManifest) -> dict[str, list[str]]:
    return {reason: list(names) for reason, names in found.left_out.items() if names}


def test_series_films_and_frames_become_cases(export: Path, made: Made, tmp_path: Path) -> None:
    write_series(export / "CT", series_files())
    (export / "film").write_bytes(_film())
    (export / "enhanced.dcm").write_bytes(
        enhanced_file(SeriesInstanceUID=f"{SERIES}.5", PatientID="P3")
    )
    found = made()
    by_modality = [(row["modality"], row["group"]) for row in found.rows]
    assert sorted(map(str, by_modality)) == sorted(
        map(str, [("CT", "MRN-0042"), ("DX", "P1"), ("CT", "P3")])
    )
    assert _reasons(found) == {}
    cohort = read_manifest(tmp_path / "work/cohort.csv")
    by_group = {row.cells["group"]: row.cells for row in cohort.rows}
    series = read_image(cohort.folder / str(by_group["MRN-0042"]["path"]))
    np.testing.assert_array_equal(series.pixels[0].T, voxels())
    enhanced = read_image(cohort.folder / str(by_group["P3"]["path"]))
    np.testing.assert_array_equal(enhanced.pixels, series.pixels)
    assert read_image(cohort.folder / str(by_group["P1"]["path"])).pixels.shape == (1, 9, 8)
    assert by_group["P1"]["view"] == "PA"
    assert by_group["P1"]["laterality"] == "L"
    assert by_group["MRN-0042"]["body_part"] == "CHEST"
    assert by_group["MRN-0042"]["site"] == "Somewhere General"
    assert by_group["MRN-0042"]["device"] == "Scanner 9"
    assert "date" not in cohort.columns


def test_the_volume_of_real_files_is_that_of_itk(made: Made, tmp_path: Path) -> None:
    """Five slices of a GE LightSpeed Ultra, whose folder pydicom carries."""
    path = get_testdata_file("dicomdirtests/98892001/CT5N/2062")
    assert isinstance(path, str)
    found = made(Path(path).parent)
    (row,) = found.rows
    image = read_image(tmp_path / "work" / str(row["path"]))
    itk: Any = SimpleITK
    reader = itk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(Path(path).parent)))
    theirs = reader.Execute()
    values = image.pixels * image.intensity.slope + image.intensity.intercept
    assert image.pixels.shape == (1, 16, 16, 5)
    np.testing.assert_array_equal(values[0].T, SimpleITK.GetArrayFromImage(theirs))
    assert image.grid is not None
    origin = np.array(theirs.GetOrigin()) * [-1, -1, 1]
    np.testing.assert_allclose(image.grid.origin, origin)
    np.testing.assert_allclose(image.spacing_mm or (), theirs.GetSpacing())


def test_a_tilted_gantry_is_told(export: Path, made: Made) -> None:
    files = [
        slice_file(plane, n, ImagePositionPatient=place(n, tilt=1.0))
        for n, plane in enumerate(voxels())
    ]
    write_series(export / "CT", files)
    found = made()
    assert len(found.rows) == 1
    assert any("1 volume whose slices are shifted along themselves" in one for one in found.notes)


def test_names_and_dates_are_written_only_when_asked(
    export: Path, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(export / "CT", series_files())
    manifest = tmp_path / "work/cohort.csv"
    made()
    plain = manifest.read_text()
    assert "MRN-0042" in plain
    assert "Doe" not in plain
    assert "20240131" not in plain
    monkeypatch.setenv("PLEXOR_PSEUDONYM_KEY", "a secret")
    found = made(ids="hashed", dates=True)
    hashed = manifest.read_text()
    assert "MRN-0042" not in hashed
    assert SERIES not in hashed
    assert "20240131" in hashed
    assert any("hashed by the key in PLEXOR_PSEUDONYM_KEY" in note for note in found.notes)
    assert made(ids="hashed").rows[0]["group"] == found.rows[0]["group"]
    monkeypatch.delenv("PLEXOR_PSEUDONYM_KEY")
    assert made(ids="hashed").rows[0]["group"] != found.rows[0]["group"]


def test_slices_and_frames_can_be_images(export: Path, made: Made, tmp_path: Path) -> None:
    write_series(export / "CT", series_files())
    (export / "enhanced.dcm").write_bytes(enhanced_file(SeriesInstanceUID=f"{SERIES}.5"))
    found = made(series="slices")
    assert len(found.rows) == 12
    frames = [str(row["path"]) for row in found.rows if str(row["path"]).endswith(".slices")]
    pixels = [read_image(tmp_path / "work" / path).pixels for path in frames]
    np.testing.assert_array_equal(np.concatenate(pixels), voxels()[::-1])


def test_frames_of_a_film_loop_are_images(export: Path, made: Made, tmp_path: Path) -> None:
    loop = get_testdata_file("SC_rgb_rle_2frame.dcm")
    assert isinstance(loop, str)
    (export / "loop.dcm").write_bytes(Path(loop).read_bytes())
    found = made()
    assert len(found.rows) == 2
    theirs = dcmread(loop).pixel_array
    for row, frame in zip(found.rows, theirs, strict=True):
        image = read_image(tmp_path / "work" / str(row["path"]))
        np.testing.assert_array_equal(image.pixels, np.moveaxis(frame, -1, 0))


BROKEN: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "gap": (lambda files: files[:2] + files[3:], "slices 2 and 3 are 5 mm apart"),
    "one slice": (lambda files: files[:1], "one slice, which makes no volume"),
    "duplicate": (
        lambda files: [*files, slice_file(voxels()[0], 9, ImagePositionPatient=place(2))],
        "1 of 7 slices share their position",
    ),
    "no position": (
        lambda files: [*files[:5], slice_file(voxels()[5], 5, ImagePositionPatient=None)],
        "1 of 6 slices do not say where they lie",
    ),
    "orientation": (
        lambda files: [
            *files[:5],
            slice_file(voxels()[5], 5, ImageOrientationPatient=[1, 0, 0, 0, 0, -1]),
        ],
        "several orientations",
    ),
    "size": (lambda files: [*files[:5], slice_file(voxels(1, 6, 7)[0], 5)], "several sizes"),
    "rescale": (
        lambda files: [*files[:5], slice_file(voxels()[5], 5, RescaleSlope="2")],
        "different rescales",
    ),
    "truncated": (
        lambda files: [*files[:5], files[5][:-20]],
        "a slice of it cannot be used: the file is truncated",
    ),
    "no pixels": (
        lambda files: [*files[:5], _without(files[5], "PixelData")],
        "holds no integer pixels",
    ),
    "colour": (
        lambda files: [
            *files[:5],
            slice_file(
                voxels()[5],
                5,
                SamplesPerPixel=3,
                PhotometricInterpretation="RGB",
                PlanarConfiguration=0,
                PixelData=bytes(210),
            ),
        ],
        "in colour",
    ),
}


def _without(data: bytes, keyword: str) -> bytes:
    dataset = dcmread(io.BytesIO(data))
    delattr(dataset, keyword)
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_series_is_left_out_by_name(name: str, export: Path, made: Made) -> None:
    damage, complaint = BROKEN[name]
    write_series(export / "CT", damage(series_files()))
    (export / "film").write_bytes(_film())
    found = made()
    assert [row["modality"] for row in found.rows] == ["DX"]
    ((reason, names),) = _reasons(found).items()
    assert complaint in reason
    assert SERIES in names[0]
    assert "in CT)" in names[0]


def test_what_is_no_image_is_counted(export: Path, made: Made, tmp_path: Path) -> None:
    (export / "film").write_bytes(_film())
    (export / "copy").write_bytes(_film())
    (export / "notes.txt").write_text("a letter")
    (export / "cut").write_bytes(_film(2)[:150])
    report = get_testdata_file("reportsi.dcm")
    assert isinstance(report, str)
    (export / "report").write_bytes(Path(report).read_bytes())
    found = made()
    reasons = _reasons(found)
    assert reasons["no DICOM file"] == ["notes.txt"]
    assert reasons["no image (modality SR)"] == ["report"]
    assert len(reasons["a copy: its SOP Instance UID was there before"]) == 1
    assert any(names == ["cut"] for names in reasons.values())
    table = read_manifest(tmp_path / "work/cohort-images/left-out.csv")
    assert {row.cells["what"]: row.cells["reason"] for row in table.rows} == {
        name: reason for reason, names in reasons.items() for name in names
    }
    assert len(found.rows) == 1


def test_links_in_a_circle_end(export: Path, made: Made) -> None:
    (export / "film").write_bytes(_film())
    (export / "again").symlink_to(export)
    (export / "film-2").symlink_to(export / "film")
    assert len(made().rows) == 1


def test_a_directory_file_lists_its_files(export: Path, made: Made, tmp_path: Path) -> None:
    listing = get_testdata_file("DICOMDIR")
    assert isinstance(listing, str)
    found = made(Path(listing))
    assert len(found.rows) == 4
    dataset = dcmread(listing)
    (tmp_path / "secret").write_bytes(_film())
    records = [one for one in dataset.DirectoryRecordSequence if "ReferencedFileID" in one]
    for record in records[3:]:
        del record.ReferencedFileID
    records[0].ReferencedFileID, records[2].ReferencedFileID = "FILM", "FILM2"
    with pytest.warns(UserWarning, match="Invalid value"):
        records[1].ReferencedFileID = ["..", "secret"]
    (export / "FILM").write_bytes(_film(2))
    dataset.save_as(export / "DICOMDIR")
    found = made(export / "DICOMDIR")
    reasons = _reasons(found)
    assert reasons["listed in the DICOMDIR, and outside of its folder"] == ["../secret"]
    assert reasons["listed in the DICOMDIR, and no such DICOM file"] == ["FILM2"]
    assert [row["group"] for row in found.rows] == ["P2"]
    with pytest.raises(DataError, match="expected a folder or a DICOMDIR"):
        made(export / "FILM")
    with pytest.raises(DataError, match="expected a folder of DICOM files"):
        made(export / "none")


def test_labels_come_from_a_table(export: Path, made: Made, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (export / f"film{number}").write_bytes(_film(number))
    table = tmp_path / "labels.csv"
    table.write_text("PatientID,label\nP1,normal\nP2,effusion\nP9,normal\n")
    found = made(labels=str(table), ids="hashed")
    assert sorted(str(row["label"]) for row in found.rows) == ["effusion", "normal"]
    assert _reasons(found) == {"no label in the table": ["film3"]}
    table.write_text("PatientID,label\nP1,normal\nP1,effusion\n")
    with pytest.raises(DataError, match="PatientID P1 has the labels 'normal' and 'effusion'"):
        made(labels=str(table))
    table.write_text("patient,label\nP1,normal\n")
    with pytest.raises(DataError, match="expected one of the columns SOPInstanceUID"):
        made(labels=str(table))


def _truth() -> NDArray[np.int64]:
    return np.random.default_rng(5).integers(0, 3, (6, 5, 7))


@pytest.mark.parametrize("fractional", [False, True])
def test_a_segmentation_is_the_truth_of_its_series(
    fractional: bool, export: Path, made: Made, tmp_path: Path
) -> None:
    truth = _truth()
    truth[0] = 0
    truth[2, 1:] = 0
    labels = {1: "liver", 2: "tumour"}
    write_series(export / "CT", series_files())
    frames = drawn_frames(truth)[::-1]
    (export / "SEG").write_bytes(segmentation_file(frames, labels, fractional=fractional))
    found = made()
    assert found.truth == "mask"
    assert found.plan == {"classes": ["background", "liver", "tumour"]}
    manifest = tmp_path / "work/cohort.csv"
    (case,) = load_cohort(manifest, truth="mask").cases
    image = read_case(case)
    assert image.truth_mask is not None
    np.testing.assert_array_equal(image.truth_mask.T, truth)
    assert not check_cohort(manifest, truth="mask").problems


def test_segments_are_numbered_as_asked(export: Path, made: Made, tmp_path: Path) -> None:
    truth = _truth()
    write_series(export / "CT", series_files())
    frames = drawn_frames(truth)
    labels = {1: "liver", 2: "tumour"}
    (export / "SEG").write_bytes(segmentation_file(frames, labels))
    found = made(segments="tumour")
    assert found.plan == {"classes": ["background", "tumour"]}
    (case,) = load_cohort(tmp_path / "work/cohort.csv", truth="mask").cases
    mask = read_case(case).truth_mask
    assert mask is not None
    np.testing.assert_array_equal(mask.T, truth == 2)


def test_a_segmentation_is_cut_to_slices_and_films(
    export: Path, made: Made, tmp_path: Path
) -> None:
    truth = _truth()
    write_series(export / "CT", series_files())
    frames, labels = drawn_frames(truth), {1: "liver", 2: "tumour"}
    (export / "SEG").write_bytes(segmentation_file(frames, labels))
    found = made(series="slices")
    assert len(found.rows) == 6
    cases = load_cohort(tmp_path / "work/cohort.csv", truth="mask").cases
    masks = [np.asarray(read_case(case).truth_mask) for case in cases]
    planes = [read_case(case).pixels[0] for case in cases]
    for plane, mask in zip(planes, masks, strict=True):
        (number,) = [n for n, one in enumerate(voxels()) if np.array_equal(one, plane)]
        np.testing.assert_array_equal(mask, truth[number])


def test_a_film_has_the_frames_that_name_it(export: Path, made: Made, tmp_path: Path) -> None:
    covered = np.random.default_rng(1).random((9, 8)) > 0.5
    (export / "film").write_bytes(_film())
    data = segmentation_file(
        [(1, [], covered), (1, [], ~covered)],
        {1: "lung"},
        series="1.2.8.1",
        sources=["1.2.9.1", "1.2.9.2"],
    )
    (export / "SEG").write_bytes(data)
    made()
    (case,) = load_cohort(tmp_path / "work/cohort.csv", truth="mask").cases
    np.testing.assert_array_equal(read_case(case).truth_mask, covered)


def _overlapping() -> bytes:
    everywhere = np.ones((5, 7), bool)
    return segmentation_file(
        [(1, place(1), everywhere), (2, place(1), everywhere)], {1: "liver", 2: "tumour"}
    )


UNFIT: dict[str, tuple[Callable[[], bytes], str]] = {
    "overlap": (_overlapping, "segments of two classes overlap"),
    "grid": (
        lambda: segmentation_file(drawn_frames(_truth()), {1: "a", 2: "b"}, spacing=(0.75, 0.6)),
        "lies on another grid",
    ),
    "beyond": (
        lambda: segmentation_file([(1, place(6), np.ones((5, 7), bool))], {1: "a"}),
        "reaches beyond its image",
    ),
    "between": (
        lambda: segmentation_file([(1, place(1, step=2.8), np.ones((5, 7), bool))], {1: "a"}),
        "lies on another grid",
    ),
    "segment": (
        lambda: segmentation_file([(7, place(1), np.ones((5, 7), bool))], {1: "a"}),
        "names the segment 7",
    ),
    "cut": (
        lambda: segmentation_file(drawn_frames(_truth()), {1: "a", 2: "b"}, PixelData=b"\0\0"),
        "the segmentation cannot be decoded",
    ),
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_segmentation_that_does_not_fit_leaves_its_image_out(
    name: str, export: Path, made: Made
) -> None:
    make, complaint = UNFIT[name]
    write_series(export / "CT", series_files())
    (export / "SEG").write_bytes(make())
    (export / "CT2").mkdir()
    other = {"SeriesInstanceUID": f"{SERIES}.6", "StudyInstanceUID": "1.2"}
    files = [
        slice_file(plane, n, SOPInstanceUID=f"1.7.{n}", **other) for n, plane in enumerate(voxels())
    ]
    write_series(export / "CT2", files)
    good = segmentation_file(
        drawn_frames(_truth()), {1: "a", 2: "b"}, series=f"{SERIES}.6", SOPInstanceUID="1.9"
    )
    (export / "SEG2").write_bytes(good)
    found = made()
    assert len(found.rows) == 1
    ((reason, names),) = _reasons(found).items()
    assert complaint in reason
    assert SERIES in names[0]


def test_a_segmentation_of_another_series_is_told(export: Path, made: Made) -> None:
    write_series(export / "CT", series_files())
    (export / "SEG").write_bytes(
        segmentation_file(drawn_frames(_truth()), {1: "a", 2: "b"}, series="1.9")
    )
    found = made()
    assert found.truth == "class"
    assert _reasons(found) == {"a segmentation of a series that is not here": ["SEG"]}


def test_a_slice_that_changed_is_refused(export: Path, made: Made, tmp_path: Path) -> None:
    paths = write_series(export / "CT", series_files())
    found = made()
    path = tmp_path / "work" / str(found.rows[0]["path"])
    before = read_image(path).pixels
    (case,) = load_cohort(tmp_path / "work/cohort.csv", columns={"label": "modality"}).cases
    hashed = images_sha256([case])
    paths[2].write_bytes(slice_file(voxels()[2] + 1, 2))
    with pytest.raises(DataError, match="has changed since the list was made"):
        read_image(path)
    paths[2].unlink()
    with pytest.raises(DataError, match="cannot be read"):
        read_image(path)
    paths[2].write_bytes(series_files()[2])
    np.testing.assert_array_equal(read_image(path).pixels, before)
    assert images_sha256([case]) == hashed


def test_a_series_is_attacked_and_stored_as_a_series(
    export: Path, made: Made, tmp_path: Path
) -> None:
    for patient in range(2):
        own = {"SeriesInstanceUID": f"{SERIES}.{patient}", "PatientID": f"P{patient}"}
        files = [
            slice_file(plane + patient, n, SOPInstanceUID=f"1.5.{patient}.{n}", **own)
            for n, plane in enumerate(voxels())
        ]
        write_series(export / own["PatientID"], files)
    (tmp_path / "labels.csv").write_text("PatientID,label\nP0,a\nP1,b\n")
    made(labels=str(tmp_path / "labels.csv"))
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6 * 5 * 7, 2))
    prepare = Preprocess(size=(7, 5, 6), window=(-1000.0, 1000.0))
    model = TorchModel(network, task=Multiclass(classes=("a", "b")), preprocess=prepare)
    probe = {"attack": "pgd", "threat": {"norm": "linf", "radius": 3}, "steps": 2}
    plan = {
        "cohort": {"manifest": str(tmp_path / "work/cohort.csv"), "audit": None},
        "probes": [probe],
    }
    run = audit(plan, model=model, out=tmp_path / "run")
    assert set(run.findings()["status"]) == {"ok"}
    examples = sorted((tmp_path / "run").rglob("perturbed.zip"))
    greatest = []
    for path in examples:
        before = read_image(path.with_name("original.zip"))
        after = read_image(path)
        greatest.append(int(np.abs(after.pixels.astype(int) - before.pixels).max()))
        assert after.intensity == before.intensity
        with zipfile.ZipFile(path) as archive:
            slices = [dcmread(archive.open(name)) for name in archive.namelist()]
        assert [float(one.ImagePositionPatient[2]) for one in slices] == [
            place(n)[2] for n in range(6)
        ]
    assert max(greatest) == 3


@pytest.mark.parametrize(
    "text",
    [
        b'{"plexor_slices": []}',
        b'{"plexor_slices": [{"file": 1}]}',
        b'{"plexor_slices": [[',
        b'{"plexor_slices": [{"file": "a", "sha256": "b", "frame": -1}]}',
    ],
)
def test_a_damaged_list_is_refused(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.slices"
    path.write_bytes(text)
    with pytest.raises(DataError, match=r"make the manifest again|names 0 slices"):
        read_image(path)


def test_the_command_tells_what_it_found(export: Path, tmp_path: Path) -> None:
    write_series(export / "CT", series_files())
    (export / "notes.txt").write_text("a letter")
    out = tmp_path / "cohort.csv"
    said = CliRunner().invoke(app, ["cohort", "make", "dicom", str(export), "--out", str(out)])
    assert said.exit_code == 0, said.output
    text = " ".join(said.output.split())
    assert "1 image of 1 group" in text
    assert "1 left out: no DICOM file, e.g. notes.txt" in text
    assert "privacy: the manifest has Patient IDs" in text
    assert "no labels: a DICOM header holds none" in text
