"""HAM10000 as it is handed out, and as it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from plexor.core.errors import DataError, RunDirectoryError
from plexor.findings.study_file import Number
from plexor.studies.allyn2020.held_out import write_held_out
from plexor.studies.allyn2020.layout import read_layout
from plexor.studies.allyn2020.phantoms import write_phantoms
from plexor.studies.allyn2020.photos import read_photos, write_photos
from plexor.studies.allyn2020.plans import HELD_OUT_COHORT
from plexor.studies.allyn2020.recipe import some_of
from plexor.studies.allyn2020.seeds import spread

ROWS = (
    "HAM_0000118,ISIC_0027419,bkl,histo,80.0,male,scalp",
    "HAM_0000118,ISIC_0025030,bkl,histo,80.0,male,scalp",
    "HAM_0002730,ISIC_0026769,nv,histo,,female,back",
)
IMAGES = {"HAM10000_images_part_1": ("0027419", "0026769"), "HAM10000_images_part_2": ("0025030",)}


def lay_out(
    folder: Path,
    *,
    rows: Sequence[str] = ROWS,
    images: Mapping[str, Sequence[str]] = IMAGES,
    table: str = "HAM10000_metadata.csv",
) -> Path:
    header = "lesion_id,image_id,dx,dx_type,age,sex,localization"
    (folder / table).write_text("\n".join([header, *rows]) + "\n")
    for name, numbers in images.items():
        (folder / name).mkdir(exist_ok=True)
        for number in numbers:
            (folder / name / f"ISIC_{number}.jpg").write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    "places",
    [
        ("HAM10000_images_part_1", "HAM10000_images_part_2"),
        ("ham10000_images_part_1", "ham10000_images_part_2"),
        ("images", "."),
    ],
)
@pytest.mark.parametrize("table", ["HAM10000_metadata.csv", "HAM10000_metadata"])
def test_every_way_to_lay_it_out(tmp_path: Path, places: tuple[str, str], table: str) -> None:
    images = dict(zip(places, IMAGES.values(), strict=True))
    found = read_layout(lay_out(tmp_path, images=images, table=table))
    assert [photo.image_id for photo in found] == ["ISIC_0025030", "ISIC_0026769", "ISIC_0027419"]
    assert [photo.lesion_id for photo in found] == ["HAM_0000118", "HAM_0002730", "HAM_0000118"]
    assert [photo.dx for photo in found] == ["bkl", "nv", "bkl"]
    assert all(photo.path.is_file() for photo in found)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    rows = (
        "HAM_0000118,ISIC_0027419,bkl,,,,",
        "HAM_0000118,ISIC_0027419,bkl,,,,",
        ",ISIC_0025030,bkll,,,,",
        "HAM_0002730,ISIC_0000001,mel,,,,",
    )
    images = {
        "HAM10000_images_part_1": ("0027419", "0025030"),
        "images": ("0025030", "9999999"),
    }
    with pytest.raises(DataError) as caught:
        read_layout(lay_out(tmp_path, rows=rows, images=images))
    told = str(caught.value)
    assert told.startswith(f"{tmp_path}: 7 problems")
    for part in (
        "ISIC_0027419: 2 rows of metadata",
        "ISIC_0025030: lesion_id is empty",
        "unknown dx 'bkll'; did you mean 'bkl'?",
        "no image of class nv",
        "ISIC_0000001: metadata without an image",
        "ISIC_9999999: an image without metadata",
        "ISIC_0025030: 2 files",
    ):
        assert part in told


def test_long_lists_are_cut_and_counted(tmp_path: Path) -> None:
    rows = [*ROWS, *(f"HAM_{i},ISIC_1{i:06d},nv,,,," for i in range(25))]
    with pytest.raises(DataError, match="25 problems") as caught:
        read_layout(lay_out(tmp_path, rows=rows))
    assert str(caught.value).endswith("and 5 more")


def test_folders_that_hold_something_else(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no folder"):
        read_layout(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"expected HAM10000_metadata\.csv"):
        read_layout(tmp_path)
    (tmp_path / "HAM10000_metadata.csv").write_text("lesion,image_id,dx\na,b,nv\n")
    with pytest.raises(DataError, match="unknown column 'lesion_id'"):
        read_layout(tmp_path)


def test_phantoms_have_the_same_layout_and_the_naevi_their_share(tmp_path: Path) -> None:
    photos = read_layout(write_phantoms(tmp_path, n_lesions=72, side=16, seed=0))
    lesions = {photo.lesion_id: photo.dx for photo in photos}
    assert len(lesions) == 72
    assert list(lesions.values()).count("nv") == 48
    assert {sum(p.lesion_id == name for p in photos) for name in lesions} == {1, 2, 3}
    before = [photo.path.read_bytes() for photo in photos]
    write_phantoms(tmp_path, n_lesions=72, side=16, seed=0)
    assert [photo.path.read_bytes() for photo in photos] == before


def test_a_part_keeps_whole_lesions_of_every_class(tmp_path: Path) -> None:
    photos = read_layout(write_phantoms(tmp_path, n_lesions=72, side=16, seed=0))
    part = some_of(photos, 3)
    kept = {photo.lesion_id: photo.dx for photo in part}
    assert {dx: list(kept.values()).count(dx) for dx in ("nv", "mel", "bkl")} == {
        "nv": 12,
        "mel": 3,
        "bkl": 3,
    }
    assert all((photo in part) == (photo.lesion_id in kept) for photo in photos)
    assert some_of(reversed(photos), 3) == part[::-1]


def test_the_list_of_images_is_written_once(tmp_path: Path) -> None:
    out = tmp_path / "out"
    inside = read_layout(write_phantoms(out / "phantoms", n_lesions=6, side=16, seed=0))
    write_photos(out, inside)
    write_photos(out, inside)
    listed = (out / "cohort.csv").read_text()
    assert "phantoms/images/lesion-0001-1.jpg" in listed
    assert str(tmp_path) not in listed
    assert [photo.path.resolve() for photo in read_photos(out)] == [p.path for p in inside]
    with pytest.raises(RunDirectoryError, match="is of other data"):
        write_photos(out, inside[1:])


def test_held_out_images_share_no_image_lesion_or_file_with_the_others(tmp_path: Path) -> None:
    for name in ("data", "more", "again", "lesion", "out"):
        (tmp_path / name).mkdir()
    used = read_layout(lay_out(tmp_path / "data"))
    other = lay_out(
        tmp_path / "more",
        rows=["HAM_0009999,ISIC_0099999,nv,,,,"],
        images={"images": ["0099999"]},
    )
    found = write_held_out(tmp_path / "out", other, used)
    assert [photo.image_id for photo in found] == ["ISIC_0099999"]
    assert read_photos(tmp_path / "out", HELD_OUT_COHORT)[0].lesion_id == "HAM_0009999"
    with pytest.raises(DataError, match="3 values of image_id are among the study's other images"):
        write_held_out(tmp_path / "out", lay_out(tmp_path / "again"), used)
    same_lesion = lay_out(
        tmp_path / "lesion",
        rows=["HAM_0002730,ISIC_0099998,nv,,,,"],
        images={"images": ["0099998"]},
    )
    with pytest.raises(DataError, match=r"1 values of lesion_id .* e\.g\. HAM_0002730"):
        write_held_out(tmp_path / "out", same_lesion, used)


def test_a_spread_is_from_least_to_greatest_with_the_deviation_of_the_sample() -> None:
    shares = [Number(kind="share", value=value) for value in (0.80, 0.86, 0.83)]
    assert spread(shares) == "80.0 to 86.0 %, SD 3.0 points"
    assert spread([*shares, Number(kind="share", value=None)]) == "undefined with some seeds"
