"""One bad image: it is a record with its error, and every other case is judged."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from tests.helpers.runs import Setup, audited, plexor
from tests.helpers.summary_json import read_flat

from plexor.cases.formats.png import PngCodec

Damage = Callable[[bytes], bytes]

BAD = "images/lesion-0001-1.png"  # the first case of all: what is bad there must not decide much
NAN = np.full((32, 32), np.nan, np.float32)


def nifti(voxels: NDArray[Any]) -> bytes:
    return bytes(nib.Nifti1Image(voxels, np.eye(4)).to_bytes())  # type: ignore[no-untyped-call]


def empty(_: bytes) -> bytes:
    return b""


def truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def text(_: bytes) -> bytes:
    return b"<html>404 Not Found</html>"


def zero_sized(_: bytes) -> bytes:
    return PngCodec().encode(np.zeros((3, 32, 0), np.uint8))


def nan_tiff(_: bytes) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(NAN).save(file, "TIFF")
    return file.getvalue()


def nan_nifti(_: bytes) -> bytes:
    return nifti(NAN[:, :, None])


def volume(_: bytes) -> bytes:
    return nifti(np.zeros((32, 32, 8), np.int16))


def grey(_: bytes) -> bytes:
    return PngCodec().encode(np.zeros((1, 32, 32), np.uint8))


def huge(_: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\xff" * 17


UNREADABLE: dict[Damage, str] = {
    empty: "the file is empty",
    truncated: "the PNG file is truncated; fetch it again",
    text: "expected a PNG, JPEG, TIFF, DICOM, NIfTI, MetaImage or NRRD file, found one that begins "
    "b'<html>40'",
    zero_sized: "the image has no pixels, its size is (3, 32, 0)",
    huge: "the PNG file is damaged: wrong checksum",
    nan_tiff: "1024 pixels are NaN or infinite; replace them first",
    nan_nifti: "1024 pixels are NaN or infinite; replace them first",
}
UNFIT: dict[Damage, str] = {
    grey: "the model takes images with 3 channels, got 1",
    volume: "the model takes images with 3 channels, got 1",
}


@pytest.fixture(scope="module")
def unharmed(lesions: Setup, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Findings of the same cases, nothing wrong with them."""
    setup = Setup(folder=tmp_path_factory.mktemp("unharmed"))
    rows = [row | {"path": str(lesions.folder / row["path"])} for row in lesions.rows()[:12]]
    names = [row["path"] for row in lesions.rows()[:12]]
    setup.write_rows([row | {"id": name} for row, name in zip(rows, names, strict=True)])
    plan = lesions.plan_with(
        cohort={"manifest": str(setup.manifest), "audit": None}, unit_size=12, n_examples=0
    )
    return audited(plan, setup.out)


@pytest.mark.parametrize("damage", UNREADABLE | UNFIT, ids=lambda damage: str(damage.__name__))
def test_one_bad_image(
    few: Setup,
    unharmed: pd.DataFrame,
    damage: Damage,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = few.folder / BAD
    path.write_bytes(damage(path.read_bytes()))
    done = plexor("audit", few.plan, "--out", few.out)
    assert (done.status, "Traceback" in done.err) == (0, False), done.err

    findings = pd.concat(map(pd.read_parquet, (few.out / "units").iterdir()))
    bad = findings[findings["case_id"] == BAD].set_index("probe")
    assert set(bad.index) == {"clean", "pgd-linf-2", "noise-linf-2"}
    assert set(bad["status"]) == {"failed"}
    assert not bad[["attempted", "reached", "within_threat"]].any(axis=None)
    assert bad[["linf", "l2", "l1", "l0", "margin_after"]].isna().all(axis=None)
    assert set(bad["decision_after"]) == set(bad["decision_before"]) == {""}
    error = str(bad.loc["clean", "error"])
    assert (UNREADABLE | UNFIT)[damage] in error
    if damage in UNREADABLE:
        assert str(path) in error
        assert caplog.messages == [error]  # said once, not for every probe

    others = findings[findings["case_id"] != BAD].sort_values(["probe", "case_id"])
    expected = unharmed[unharmed["case_id"] != BAD]
    kept = ["case_id", "probe", "status", "attempted", "decision_before"]
    assert others[kept].to_numpy().tolist() == expected[kept].to_numpy().tolist()
    outputs, unharmed_outputs = (
        np.stack(list(frame["outputs_before"])) for frame in (others, expected)
    )
    np.testing.assert_allclose(outputs, unharmed_outputs, atol=1e-4)
    check_summary(few.out, n_failed=1)


def check_summary(run: Path, *, n_failed: int) -> None:
    """A failed case is counted as failed, and nowhere else."""
    summary = read_flat(run)
    assert summary["cohort"]["n_cases"] == 12
    assert summary["cohort"]["n_failed"] == n_failed
    assert summary["clean"]["accuracy"]["n"] == 12 - n_failed
    for probe in summary["probes"]:
        assert (probe["n"], probe["n_failed"]) == (12 - n_failed, n_failed)
        assert sum(map(sum, probe["confusion"])) == 12 - n_failed
    message = f"{n_failed} of 12 untouched cases could not be judged."
    assert {"id": "failed-cases", "message": message}.items() <= next(
        flag for flag in summary["flags"] if flag["id"] == "failed-cases"
    ).items()
    assert message in (run / "report.html").read_text()


def test_several_bad_images_at_once(few: Setup) -> None:
    for path, damage in zip(few.images(), [*UNREADABLE, *UNFIT], strict=False):
        path.write_bytes(damage(path.read_bytes()))
    assert plexor("audit", few.plan, "--out", few.out).status == 0
    check_summary(few.out, n_failed=9)


def test_no_image_can_be_read(few: Setup) -> None:
    for path in few.images():
        path.write_bytes(b"")
    sentence = plexor("audit", few.plan, "--out", few.out).sentence
    assert sentence.startswith("none of the first 12 images can be read: ")
    assert sentence.endswith(".png: the file is empty")


def test_images_of_mixed_sizes_are_all_judged(few: Setup) -> None:
    for number, path in enumerate(few.images()):
        side = 24 + 8 * (number % 4)
        Pillow.open(path).resize((side, side + number // 6)).save(path)
    findings = audited(few.plan, few.out)
    assert len(findings) == 36
    assert set(findings["status"]) == {"ok"}
    assert set(findings.query("probe == 'noise-linf-2'")["linf"]) == {2}


def test_float_and_integer_images_of_one_size(few: Setup) -> None:
    """Levels are refused where most images have none; elsewhere only the odd ones fail."""
    greys = [np.asarray(Pillow.open(path).convert("L")) for path in few.images()]
    few.change_plan(unit_size=12, model=few.any_model(channels=1))
    for path, pixels in zip(few.images(), greys, strict=True):
        Pillow.fromarray(pixels).save(path)
    odd = few.images()[0]
    Pillow.fromarray(greys[0].astype(np.float32)).save(odd, "TIFF")
    findings = audited(few.plan, few.out)
    failed = findings[findings["status"] == "failed"]
    assert set(failed["case_id"]) == {BAD}
    assert set(failed["probe"]) == {"pgd-linf-2", "noise-linf-2"}
    assert failed["error"].str.contains("images stored as floating numbers have no level").all()

    for path, pixels in zip(few.images(), greys, strict=True):
        Pillow.fromarray(pixels.astype(np.float32)).save(path, "TIFF")
    out = few.folder / "all float"
    assert plexor("audit", few.plan, "--out", out).sentence == (
        "threat: images stored as floating numbers have no level; use `unit: percent` or "
        "`unit: value`"
    )
    few.change_plan(
        unit_size=12,
        model=few.any_model(channels=1),
        probes=[
            {"attack": "pgd", "steps": 2, "threat": {"norm": n, "radius": 2, "unit": "percent"}}
            for n in ("linf", "l2")
        ],
    )
    findings = audited(few.plan, few.folder / "percent")
    assert set(findings["status"]) == {"ok"}
    assert findings["within_threat"].all()
