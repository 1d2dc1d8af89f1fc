"""What is wrong with the images of a cohort, each by itself and beside the others."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from plexor.cases.case import Case
from plexor.cases.image import Image
from plexor.cases.mask import read_case
from plexor.cases.problem import Problem, error, warning
from plexor.core.errors import DataError
from plexor.core.ids import digest_bytes

_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of one image once it was opened.

    Attributes:
        error: why it cannot be read; nothing else is known then.
        shape: (channels, *spatial).
        intensity: lowest and highest number that can be stored, and the unit of values; zeros for
            images of floats, whose range is their own.
        constant: every pixel is the same.
        content: SHA-256 of the pixels, their shape and type.
        spacing: distances of pixels in words; "" where the file does not say.
        orientation: of the axes, e.g. "RAS"; "" where the file does not say.
    """

    error: str = ""
    shape: tuple[int, ...] = ()
    intensity: tuple[float, float, str] = (0.0, 0.0, "")
    constant: bool = False
    content: str = ""
    spacing: str = ""
    orientation: str = ""


def look(cases: Sequence[Case], progress: Callable[[int, int], None] | None) -> Iterator[Seen]:
    """Opens all images, with their masks.

    Threads are enough, since decoders and hashes release the interpreter.

    Args:
        cases: whose files exist.
        progress: called with the number of images opened and the number of all.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for done, image in enumerate(pool.map(_look_at, cases), 1):
            if progress is not None:
                progress(done, len(cases))
            yield image


def _look_at(case: Case) -> Seen:
    try:
        image = read_case(case)
    except DataError as found:
        return Seen(error=str(found))
    pixels = image.pixels
    head = f"{pixels.shape} {pixels.dtype}".encode()
    return Seen(
        shape=pixels.shape,
        intensity=(image.intensity.low, image.intensity.high, image.intensity.unit)
        if pixels.dtype.kind != "f"
        else (0.0, 0.0, f"float {image.intensity.unit}"),
        constant=bool(pixels.min() == pixels.max()),
        content=digest_bytes(head + pixels.tobytes()),
        spacing=_spacing(image),
        orientation=image.grid.orientation if image.grid else "",
    )


def _spacing(image: Image) -> str:
    """To three digits; a hundredth of a millimetre is what headers are written to."""
    return " × ".join(f"{step:.3g}" for step in image.spacing_mm or ())


def image_problems(readable: Sequence[tuple[Case, Seen]]) -> Iterator[Problem]:
    """Images unlike the others in channels, dimensions, size, range or place; constant ones."""
    layouts = Counter((image.shape[0], len(image.shape) - 1) for _, image in readable)
    usual = max(layouts, key=lambda layout: layouts[layout], default=(0, 0))
    for case, image in readable:
        layout = (image.shape[0], len(image.shape) - 1)
        if layout != usual:
            message = (
                f"has {layout[0]} channels in {layout[1]}D where most images have {usual[0]} in "
                f"{usual[1]}D; convert it"
            )
            yield error("channels-mixed", case.id, message)
        if image.constant:
            message = "every pixel has the same value; is this the right image?"
            yield warning("image-constant", case.id, message)
    yield from _unplaced(readable)
    yield from _mixed_problems(readable)


def _unplaced(readable: Sequence[tuple[Case, Seen]]) -> Iterator[Problem]:
    """Volumes whose files do not say where their voxels lie."""
    volumes = [(case, image) for case, image in readable if len(image.shape) == 4]
    names = [case.id for case, image in volumes if not image.orientation]
    if names:
        message = (
            f"{len(names)} of {len(volumes)} volumes do not say where their voxels lie, so that "
            "left and right cannot be told; a model with `preprocess.spacing_mm` refuses them; "
            "write orientation and spacing into their headers"
        )
        yield warning("orientation-unknown", _listed(names), message)


def _mixed_problems(readable: Sequence[tuple[Case, Seen]]) -> Iterator[Problem]:
    """What a network takes to be the same in all images, and is not."""
    images = [image for _, image in readable]
    if len({image.shape[1:] for image in images}) > 1:
        n_sizes = len({image.shape[1:] for image in images})
        message = f"images have {n_sizes} different sizes; they are batched by size"
        yield warning("sizes-mixed", "images", message)
    ranges = sorted({image.intensity for image in images})
    if len(ranges) > 1:
        found = ", ".join(f"{low:g} to {high:g} {unit}" for low, high, unit in ranges[:_MOST_SHOWN])
        message = f"images have {len(ranges)} different intensity ranges: {found}"
        yield warning("ranges-mixed", "images", message)
    orientations = Counter(image.orientation for image in images if image.orientation)
    if len(orientations) > 1:
        message = (
            f"images have {len(orientations)} different orientations: {_counts(orientations)}; "
            "pixels go to the model as stored, so that some are mirrored or turned beside others, "
            "unless its `preprocess.spacing_mm` is set"
        )
        where = _unlike_most(readable, "orientation", orientations)
        yield warning("orientations-mixed", where, message)
    spacings = Counter(image.spacing for image in images if image.spacing)
    if len(spacings) > 1:
        message = (
            f"images have {len(spacings)} different spacings in mm: {_counts(spacings)}; pixels "
            "go to the model as stored, so that the same thing has another size in some, unless "
            "its `preprocess.spacing_mm` is set"
        )
        where = _unlike_most(readable, "spacing", spacings)
        yield warning("spacings-mixed", where, message)


def _unlike_most(readable: Sequence[tuple[Case, Seen]], name: str, counts: Counter[str]) -> str:
    """The cases that do not have the commonest value."""
    ((commonest, _),) = counts.most_common(1)
    values = ((case.id, getattr(image, name)) for case, image in readable)
    return _listed([case_id for case_id, value in values if value not in ("", commonest)])


def _listed(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = len(names) - _MOST_SHOWN
    return ", ".join(names[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _counts(counts: Counter[str]) -> str:
    """The commonest, each with its number of images."""
    return ", ".join(f"{name} ({n})" for name, n in counts.most_common(_MOST_SHOWN))


def content_problems(readable: Sequence[tuple[Case, Seen]]) -> Iterator[Problem]:
    """The same pixels under several names."""
    by_content: dict[str, list[Case]] = defaultdict(list)
    for case, image in readable:
        by_content[image.content].append(case)
    for same in by_content.values():
        if len({case.path for case in same}) == 1:
            continue
        names = ", ".join(case.id for case in same)
        truths = sorted({str(case.truth) for case in same})
        splits = sorted({case.split or "none" for case in same})
        if len(truths) > 1:
            message = f"the same image is labelled {' and '.join(truths)}"
            yield error("content-labels-differ", names, message)
        elif len(splits) > 1:
            message = f"the same image is in the splits {' and '.join(splits)}"
            yield error("content-across-splits", names, message)
        elif len({case.group for case in same}) > 1:
            message = "the same image is in several groups; are they one patient?"
            yield warning("content-across-groups", names, message)
        else:
            message = "the same image is there under several names"
            yield warning("content-duplicate", names, message)
