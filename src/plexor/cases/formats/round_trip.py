"""Whether an image's containers give back what they took."""

from __future__ import annotations

import numpy as np

from plexor.cases.image import LOSSLESS, Codec, Image, Pixels, unpacked
from plexor.core.errors import DataError


def check_round_trip(image: Image) -> None:
    """Writes an image and reads it back, as it is and with its range turned over.

    An audit measures what was written. A file that cannot be written, or is read back as another
    picture, cannot be audited. Files are written uncompressed where the format allows it.

    Args:
        image: as read.

    Raises:
        DataError: a container cannot be written or read back, or the lossless one gives back
            other pixels.
    """
    for name, codec in image.containers.items():
        trials = [image.pixels, _turned_over(image)] if name == LOSSLESS else [image.pixels]
        for pixels in trials:
            _check(unpacked(codec), pixels, exact=name == LOSSLESS)


def _turned_over(image: Image) -> Pixels:
    """Dark for bright, within what the file can store."""
    kind = image.pixels.dtype
    if kind.kind == "f":
        return image.pixels[:, ::-1].copy()
    ends = np.array(image.intensity.low + image.intensity.high).astype(np.int64).astype(kind)
    return ends - image.pixels


def _check(codec: Codec, pixels: Pixels, *, exact: bool) -> None:
    try:
        found = codec.decode(codec.encode(pixels))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        # Writers meet damaged headers with errors of every kind, as readers do.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"can be read and not written back ({reason}); repair its header or convert the file"
        ) from error
    alike = found.shape == pixels.shape and found.dtype == pixels.dtype
    if not alike or (exact and not np.array_equal(found, pixels)):
        raise DataError(
            "is read back as another picture once it is written; repair its header or convert "
            "the file"
        )
