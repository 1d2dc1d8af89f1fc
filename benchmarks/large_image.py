"""Peak memory of an audit of images of 8000 × 8000 pixels, each audit in a process of its own."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from measuring import write_result
from PIL import Image as PillowImage
from subject import CACHE

from plexor.audits import audit
from plexor.cases import read_image
from plexor.models import Model, Multiclass, Preprocess, TorchModel
from plexor.models.architectures import build_network

FORMATS = {"png": "PNG, 8-bit grey", "dcm": "DICOM, 12 bits in 16"}
GREATEST = {"png": 255, "dcm": 4095}
_SEEN = 256
"""Side of the image that the network sees."""


def picture(
    side: int, greatest: int, row: int, dtype: str
) -> np.ndarray[tuple[int, ...], np.dtype]:
    """A smooth picture with fine noise, (side, side)."""
    ramp = np.linspace(0, 0.7, side, dtype=np.float32)
    smooth = np.add.outer(ramp, ramp[::-1] * 0.3) * greatest
    smooth += np.random.default_rng(row).integers(0, greatest // 16, smooth.shape)
    return smooth.astype(dtype)


def write(path: Path, side: int, row: int) -> None:
    """A grey image of so many pixels a side."""
    if path.suffix == ".png":
        PillowImage.fromarray(picture(side, 255, row, "u1")).save(path)
        return
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

    data = Dataset()
    data.SOPClassUID = DigitalXRayImageStorageForPresentation
    data.SOPInstanceUID = f"2.25.{row + 1}"
    data.Modality, data.PatientID = "DX", str(row)
    data.Rows = data.Columns = side
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelData = picture(side, 4095, row, "<u2").tobytes()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.save_as(path, enforce_file_format=True)


def images(n_cases: int, side: int, suffix: str) -> list[Path]:
    """The files of so many images, written once."""
    folder = CACHE / f"large-{suffix}-{side}"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{row}.{suffix}" for row in range(n_cases)]
    for row, path in enumerate(paths):
        if not path.exists():
            write(path, side, row)
    return paths


def network(greatest: int) -> Model:
    """A small network of random weights, which shrinks images to 256 × 256 before it looks."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        built = build_network("small-cnn", n_outputs=2, channels=1, spatial_dims=2)
    size = (_SEEN, _SEEN)
    preprocess = Preprocess(size=size, window=(0, float(greatest)))
    return TorchModel(built, task=Multiclass(classes=("a", "b")), preprocess=preprocess)


def decisions(model: Model, paths: list[Path]) -> list[str]:
    """What the model decides on each image."""
    found = []
    for path in paths:
        with torch.inference_mode():
            outputs = model.outputs(torch.from_numpy(read_image(path).pixels.astype("f4"))[None])
        found.append("ab"[int(outputs.argmax())])
    return found


def plan_of(manifest: Path, attack: str, norm: str, radius: float) -> dict[str, object]:
    options = {"steps": 5} if attack == "pgd" else {}
    probe = {"attack": attack, "threat": {"norm": norm, "radius": radius}, **options}
    return {"cohort": {"manifest": str(manifest), "audit": None}, "probes": [probe]}


def one(options: argparse.Namespace) -> None:
    """Carries one audit out and prints the peaks before it and after it, in MiB."""
    suffix: str = options.one
    manifest = images(options.n, options.side, suffix)[0].parent / f"manifest-{options.n}.csv"
    model = network(GREATEST[suffix])
    before = _peak_mib()
    plan = plan_of(manifest, options.attack, options.norm, options.radius)
    with tempfile.TemporaryDirectory() as folder:
        audit(plan, out=options.keep or Path(folder) / "run", model=model)
    peak, image = _peak_mib(), 4 * options.side**2 / 2**20
    row = {
        "format": FORMATS[suffix],
        "attack": f"{options.attack}-{options.norm}",
        "n": options.n,
        "side": options.side,
        "peak_mib": peak,
        "peak_before_mib": before,
        "images": (peak - before) / image,
    }
    print(json.dumps(row))


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def prepare(n_cases: int, side: int, suffix: str) -> None:
    """Writes images and manifest, each image labelled as the model decides."""
    paths = images(n_cases, side, suffix)
    manifest = paths[0].parent / f"manifest-{n_cases}.csv"
    if manifest.exists():
        return
    found = decisions(network(GREATEST[suffix]), paths)
    lines = [f"{path.name},{label}" for path, label in zip(paths, found, strict=True)]
    manifest.write_text("path,label\n" + "\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", choices=FORMATS, help="audit images of this format here")
    parser.add_argument("--prepare", choices=FORMATS, help="write images of this format")
    parser.add_argument("--n", type=int, default=1, help="number of images")
    parser.add_argument("--side", type=int, default=8000)
    parser.add_argument("--attack", default="pgd")
    parser.add_argument("--norm", default="linf")
    parser.add_argument("--radius", type=float, default=2)
    parser.add_argument("--keep", type=Path, help="the audit's run directory")
    options = parser.parse_args()
    if options.prepare:
        prepare(options.n, options.side, options.prepare)
    elif options.one:
        one(options)
    else:
        rows = [_apart(suffix, options) for suffix in FORMATS]
        write_result("large_image", {"steps": 5}, rows)


def _apart(suffix: str, options: argparse.Namespace) -> dict[str, object]:
    """The row of a format, measured in a process of its own."""
    rest = ["--n", options.n, "--side", options.side, "--attack", options.attack]
    rest += ["--norm", options.norm, "--radius", options.radius]
    done = None
    for step in ("--prepare", "--one"):  # preparing takes memory that the audit must not be given
        command = [sys.executable, __file__, step, suffix, *map(str, rest)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done is not None
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    print(found, flush=True)
    return found


if __name__ == "__main__":
    main()
