"""Manifests with several findings a case, and with masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from plexor.cases import load_cohort, read_case
from plexor.cases.case import join_labels, split_labels
from plexor.cases.formats.jpeg import JpegCodec
from plexor.cases.formats.png import PngCodec
from plexor.core.errors import DataError

IMAGE = np.arange(3 * 8 * 6, dtype=np.uint8).reshape(3, 8, 6)


def _folder(tmp_path: Path, *rows: str, header: str = "path,label") -> Path:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(PngCodec().encode(IMAGE + (name == "b.png")))
    manifest = tmp_path / "cohort.csv"
    manifest.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return manifest


def test_findings_are_sorted_and_an_empty_cell_is_none(tmp_path: Path) -> None:
    cohort = load_cohort(_folder(tmp_path, "a.png,nodule | effusion", "b.png,"), truth="findings")
    assert [case.truth for case in cohort.cases] == ["effusion|nodule", ""]
    assert cohort.classes == ("effusion", "nodule")


def test_a_word_for_none_makes_an_empty_cell_an_error(tmp_path: Path) -> None:
    manifest = _folder(tmp_path, "a.png,No Finding", "b.png,effusion")
    cohort = load_cohort(manifest, truth="findings", no_finding="No Finding")
    assert [case.truth for case in cohort.cases] == ["", "effusion"]
    manifest = _folder(tmp_path, "a.png,No Finding", "b.png,")
    with pytest.raises(DataError, match="column 'label' is empty"):
        load_cohort(manifest, truth="findings", no_finding="No Finding")


def test_an_unknown_finding_is_named(tmp_path: Path) -> None:
    manifest = _folder(tmp_path, "a.png,effusion|nodul", "b.png,")
    with pytest.raises(DataError, match="unknown label 'nodul'; did you mean 'nodule'"):
        load_cohort(manifest, truth="findings", classes=("effusion", "nodule"))


def test_findings_as_one_text() -> None:
    assert join_labels(["b", "a", "b"]) == "a|b"
    assert split_labels("a|b") == ("a", "b")
    assert split_labels(join_labels([])) == ()


def _with_mask(tmp_path: Path, mask: bytes, name: str = "mask.png") -> Path:
    (tmp_path / name).write_bytes(mask)
    return _folder(tmp_path, f"a.png,x,{name}", "b.png,x,", header="path,label,lesion_mask")


def test_a_mask_covers_what_is_not_nought_and_an_empty_cell_nothing(tmp_path: Path) -> None:
    drawn = np.zeros((1, 8, 6), dtype=np.uint8)
    drawn[0, 2:4, 1] = 7
    manifest = _with_mask(tmp_path, PngCodec().encode(drawn))
    cohort = load_cohort(manifest, masks={"lesion": "lesion_mask"})
    first, second = map(read_case, cohort.cases)
    np.testing.assert_array_equal(first.masks["lesion"], drawn[0] > 0)
    assert not second.masks["lesion"].any()
    assert second.masks["lesion"].shape == (8, 6)
    assert "lesion_mask" not in cohort.cases[0].metadata


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    manifest = _with_mask(tmp_path, PngCodec().encode(np.ones((1, 6, 8), dtype=np.uint8)))
    cohort = load_cohort(manifest, masks={"lesion": "lesion_mask"})
    with pytest.raises(DataError, match=r"mask.png: .* has the shape \(6, 8\), expected \(8, 6\)"):
        read_case(cohort.cases[0])


def test_a_blurred_mask_is_refused(tmp_path: Path) -> None:
    blurred = JpegCodec(quality=92, subsampling=0).encode(np.ones((1, 8, 6), dtype=np.uint8))
    cohort = load_cohort(_with_mask(tmp_path, blurred, "mask.jpg"), masks={"lesion": "lesion_mask"})
    with pytest.raises(DataError, match="is a JPEG, which blurs its edges; save it as PNG"):
        read_case(cohort.cases[0])


def test_a_template_builds_the_paths_of_masks(tmp_path: Path) -> None:
    drawn = np.zeros((1, 8, 6), dtype=np.uint8)
    drawn[0, 2:4, 1] = 1
    (tmp_path / "lesion-1.png").write_bytes(PngCodec().encode(drawn))
    manifest = _folder(tmp_path, "a.png,x,1", "b.png,x,", header="path,label,number")
    cohort = load_cohort(manifest, masks={"lesion": "lesion-{number}.png"})
    first, second = map(read_case, cohort.cases)
    np.testing.assert_array_equal(first.masks["lesion"], drawn[0] > 0)
    assert not second.masks["lesion"].any()
    assert cohort.cases[0].metadata == {"number": 1.0}


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("masks/{nubmer}.png", "unknown column 'nubmer'; did you mean 'number'"),
        ("masks/{number.png", "path template 'masks/{number.png': expected '}'"),
        ("masks/{number:03d}.png", "only {column} is understood"),
        ("masks/{number}.png", r"a.png: no file .*masks/1.png"),
    ],
)
def test_a_template_of_masks_that_leads_nowhere_is_refused(
    tmp_path: Path, template: str, complaint: str
) -> None:
    manifest = _folder(tmp_path, "a.png,x,1", "b.png,x,", header="path,label,number")
    with pytest.raises(DataError, match=complaint):
        load_cohort(manifest, masks={"lesion": template})


def test_a_mask_that_is_not_there_is_a_problem_of_the_manifest(tmp_path: Path) -> None:
    manifest = _folder(tmp_path, "a.png,x,gone.png", "b.png,x,", header="path,label,m")
    with pytest.raises(DataError, match=r"a.png: no file .*gone.png"):
        load_cohort(manifest, masks={"lesion": "m"})
    with pytest.raises(DataError, match="unknown column 'n'"):
        load_cohort(manifest, masks={"lesion": "n"})
