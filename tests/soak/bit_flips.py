"""Flips bits of sound image files, and counts what reading them gives.

Each flipped file is read in a process of its own group, with a limit on memory and on time. What
may happen is a result or one clean line (``DataError``); anything else is a failure: a traceback,
another exception, a process that dies, or one that takes more memory or time than allowed.

    python tests/soak/bit_flips.py --flips 5000

Run it from the repository's root. It is no test of the suite, since it takes minutes.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import multiprocessing
import resource
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from PIL import Image as Pillow
from pydicom.data import get_testdata_file

from plexor.cases import LOSSLESS, Image, decode_image
from plexor.core.errors import DataError

NIFTI_1: Any = nib.Nifti1Image
NIFTI_2: Any = nib.Nifti2Image

MEMORY = 3 * 2**30
"""Bytes that a reader may address: what is imported takes about half."""
SECONDS = 60
"""Of one file."""
HEADER = 2048
"""Half of the trials flip bits among the first bytes, a third of the file at most: its header."""


DICOM = (
    "CT_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "image_dfl.dcm",
)
"""Of pydicom's files: uncompressed, RLE, JPEG 2000, JPEG-LS, JPEG Baseline, deflated."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One flipped file: which, and which bits."""

    name: str
    bits: tuple[int, ...]


def sound_files() -> dict[str, bytes]:
    """Small files of every format that is read."""
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.integers(-3, 4, (64, 80, 3)), axis=1).clip(-90, 90) + 128
    rgb = smooth.astype(np.uint8)
    grey16 = rgb[..., 0].astype(np.uint16) * 200
    volume: Any = NIFTI_1(rng.integers(0, 900, (9, 8, 7)).astype(np.int16), np.eye(4))
    second: Any = NIFTI_2(rng.normal(0, 1, (9, 8, 7)).astype(np.float32), np.eye(4))
    files = {
        "png rgb": _saved(rgb, "PNG"),
        "png grey 16": _saved(grey16, "PNG"),
        "jpeg rgb": _saved(rgb, "JPEG"),
        "jpeg grey": _saved(rgb[..., 0], "JPEG"),
        "jpeg progressive": _saved(rgb, "JPEG", progressive=True),
        "tiff grey": _saved(rgb[..., 0], "TIFF"),
        "tiff 16": _saved(grey16, "TIFF"),
        "tiff lzw": _saved(rgb, "TIFF", compression="tiff_lzw"),
        "nifti": volume.to_bytes(),
        "nifti gzip": gzip.compress(volume.to_bytes()),
        "nifti-2": second.to_bytes(),
    }
    for name in DICOM:
        path = get_testdata_file(name)
        if isinstance(path, str):
            files[f"dicom {name}"] = Path(path).read_bytes()
    return files


def _saved(pixels: Any, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def trials(files: dict[str, bytes], n: int, seed: int) -> Iterator[Trial]:
    """One to three flipped bits each, half of them near the start, in turn over the files."""
    rng = np.random.default_rng(seed)
    names = list(files)
    for i in range(n):
        name = names[i % len(names)]
        size = len(files[name])
        within = min(size // 3, HEADER) if rng.random() < 0.5 else size
        bits = rng.integers(0, 8 * within, rng.integers(1, 4))
        yield Trial(name, tuple(int(bit) for bit in bits))


def flipped(data: bytes, bits: tuple[int, ...]) -> bytes:
    """The same bytes with some bits the other way."""
    changed = bytearray(data)
    for bit in bits:
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def outcome(data: bytes) -> tuple[str, str]:
    """ "read" or "refused", with the message; anything else is a failure, with what was raised.

    What is read must have a clean row's distance of 0: its lossless container gives it back.
    """
    try:
        image = decode_image(data, "file")
        return _verified(image)
    except DataError as error:
        text = str(error)
        return ("refused", text) if "\n" not in text.strip() else ("several lines", text)
    except BaseException as error:  # noqa: BLE001 - the point of the trial
        return "exception", f"{type(error).__name__}: {error}"


def _verified(image: Image) -> tuple[str, str]:
    codec = image.containers[LOSSLESS]
    same = np.array_equal(codec.decode(codec.encode(image.pixels)), image.pixels)
    return ("read", "") if same else ("distance not 0", str(image.pixels.shape))


def work(requests: Any, answers: Any, files: dict[str, bytes]) -> None:
    """Reads flipped files until told to stop."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    while (trial := requests.get()) is not None:
        answers.put(outcome(flipped(files[trial.name], trial.bits)))


class Reader:
    """A process that reads files, replaced when it dies or takes too long."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.start()

    def start(self) -> None:
        """Starts the process."""
        context = multiprocessing.get_context("spawn")
        self.requests: Any = context.Queue()
        self.answers: Any = context.Queue()
        self.process = context.Process(
            target=work, args=(self.requests, self.answers, self.files), daemon=True
        )
        self.process.start()

    def read(self, trial: Trial) -> tuple[str, str]:
        """What came of one flipped file."""
        self.requests.put(trial)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                found: tuple[str, str] = self.answers.get(timeout=0.5)
            except Exception:  # noqa: BLE001 - queue.Empty, or a pipe that broke
                if not self.process.is_alive():
                    code = self.process.exitcode
                    self.start()
                    return "died", f"exit code {code}"
                continue
            return found
        self.process.kill()
        self.start()
        return "too slow", f"more than {SECONDS} s"


def main() -> int:
    """Runs the trials and prints a table of counts; status 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    files = sound_files()
    for name, data in files.items():
        if (found := outcome(data))[0] != "read":
            sys.exit(f"{name} is not read even without a flip: {found[1]}")
    counts: dict[str, Counter[str]] = {name: Counter() for name in files}
    failures: list[dict[str, object]] = []
    reader = Reader(files)
    for trial in trials(files, options.flips, options.seed):
        kind, message = reader.read(trial)
        counts[trial.name][kind] += 1
        if kind not in ("read", "refused"):
            failures.append({"file": trial.name, "bits": trial.bits, "is": kind, "said": message})
            print(json.dumps(failures[-1]), flush=True)  # noqa: T201
    kinds = sorted({kind for count in counts.values() for kind in count})
    print(f"{'file':40}" + "".join(f"{kind:>12}" for kind in kinds))  # noqa: T201
    for name, count in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        print(f"{name:40}" + "".join(f"{count[kind]:12}" for kind in kinds))  # noqa: T201
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
