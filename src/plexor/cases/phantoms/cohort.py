"""A cohort of phantoms: a folder of images with its manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from plexor.cases.phantoms import ageing, chest, dermatoscopy, mri, radiography
from plexor.cases.phantoms.encode import ENCODERS
from plexor.cases.phantoms.encode import mask as encode_mask
from plexor.cases.phantoms.phantom import Phantom
from plexor.core.csv_text import csv_text
from plexor.core.errors import PlanError, unknown
from plexor.core.files import write_atomic
from plexor.core.seeds import seed_for

Kind = Literal["radiograph", "lesion", "brain", "ageing"]
Config = (
    radiography.RadiographConfig | dermatoscopy.LesionConfig | mri.BrainConfig | ageing.AgeingConfig
)

_CONFIGS: dict[str, type[Config]] = {
    "radiograph": radiography.RadiographConfig,
    "lesion": dermatoscopy.LesionConfig,
    "brain": mri.BrainConfig,
    "ageing": ageing.AgeingConfig,
}
# Groups of each class are dealt out in this order, 6 : 2 : 2; three groups fill all splits.
_SPLITS = ("train", "test", "validation", "train", "train") * 2
_YOUNGEST, _OLDEST = 20, 90


def write_phantoms(
    kind: Kind,
    directory: Path,
    *,
    n_cases: int,
    seed: int,
    file_format: str | None = None,
    config: Config | None = None,
    images_per_group: int = 2,
    masks: Sequence[str] = (),
) -> Path:
    """Writes images and the manifest that lists them; the same arguments give the same bytes.

    A cohort of more cases begins with the cases of a smaller one. Classes take turns, group by
    group, and a group is in one split.

    Args:
        kind: "radiograph", "lesion", "brain", or "ageing", whose brains follow published volumes by
            age (needs the extra ``neuro``).
        directory: where ``manifest.csv`` and ``images/`` go; created where missing.
        n_cases: how many images.
        seed: another seed draws other subjects.
        file_format: for radiographs "png" (the default), "dicom" or "dicom-monochrome1"; for
            lesions "jpeg" (the default, quality 92) or "png"; for "brain" and "ageing"
            "nifti".
        config: how images look; the defaults of the kind where None, with 12 bits for DICOM.
        images_per_group: images of each patient, lesion or person.
        masks: names of masks to write too, e.g. ("lesion",): files in ``masks/``, listed in the
            manifest's columns ``lesion_mask`` and so on.

    Returns:
        The manifest: ``path``, ``label``, ``group``, ``split``, then the truth of each image.
        It is written last: where it exists, every image does.

    Raises:
        PlanError: an unknown kind, format or mask, a config of another kind, or nothing to write.
        RunDirectoryError: the directory cannot be written.
    """
    if kind not in _CONFIGS:
        raise PlanError(unknown("kind of phantom", kind, _CONFIGS))
    encoders = ENCODERS[kind]
    name = file_format or next(iter(encoders))
    if name not in encoders:
        raise PlanError(f"phantoms: {kind}: {unknown('format', name, encoders)}")
    if config is None:
        is_dicom = name.startswith("dicom")
        config = radiography.RadiographConfig(bits=12) if is_dicom else _CONFIGS[kind]()
    if not isinstance(config, _CONFIGS[kind]):
        raise PlanError(
            f"phantoms: {kind} needs a {_CONFIGS[kind].__name__}, got {type(config).__name__}"
        )
    if n_cases < 1 or images_per_group < 1:
        raise PlanError(
            "phantoms: `n_cases` and `images_per_group` must be at least 1, "
            f"got {n_cases} and {images_per_group}"
        )
    suffix, encode = encoders[name]
    rows: list[dict[str, str | float]] = []
    for group, split, image, phantom in _draw(config, n_cases, seed, images_per_group):
        path = f"images/{group}-{image}{suffix}"
        write_atomic(directory / path, encode(phantom, group))
        rows.append({"path": path, "label": phantom.label, "group": group, "split": split})
        rows[-1].update(phantom.truth)
        for mask in masks:
            if mask not in phantom.masks:
                raise PlanError(f"phantoms: {kind}: {unknown('mask', mask, phantom.masks)}")
            ending, drawn = encode_mask(phantom, group, mask)
            rows[-1][f"{mask}_mask"] = f"masks/{group}-{image}-{mask}{ending}"
            write_atomic(directory / f"masks/{group}-{image}-{mask}{ending}", drawn)
    table = csv_text(list(rows[0]), ([row[name] for name in rows[0]] for row in rows))
    manifest = directory / "manifest.csv"
    write_atomic(manifest, table.encode())
    return manifest


def _draw(
    config: Config, n_cases: int, seed: int, per_group: int
) -> Iterator[tuple[str, str, int, Phantom]]:
    """Group, split, number within the group, and image of each case."""
    for case in range(n_cases):
        group, image = divmod(case, per_group)
        if image == 0:
            generator = np.random.default_rng(seed_for(seed, type(config).__name__, str(group)))
            noun, n_classes, take = _subject(config, group, generator)
        split = _SPLITS[group // n_classes % len(_SPLITS)]
        yield f"{noun}-{group + 1:04d}", split, image + 1, take()


def _subject(
    config: Config, index: int, generator: np.random.Generator
) -> tuple[str, int, Callable[[], Phantom]]:
    """The name of a group, the number of classes, and a function that takes an image of it."""
    match config:
        case radiography.RadiographConfig():
            labels = chest.LABELS
            patient = chest.draw_chest(generator, labels[index % len(labels)])
            take = partial(radiography.radiograph, generator, patient, config)
            return "patient", len(labels), take
        case dermatoscopy.LesionConfig():
            classes = dermatoscopy.LABELS
            spot = dermatoscopy.draw_spot(generator, classes[index % len(classes)], config)
            return "lesion", len(classes), partial(dermatoscopy.lesion, generator, spot, config)
        case mri.BrainConfig():
            age = generator.uniform(_YOUNGEST, _OLDEST)
            head = mri.draw_head(generator, age, config)
            return "person", 1, partial(mri.brain, generator, head, config)
        case ageing.AgeingConfig():
            years = generator.uniform(config.youngest, config.oldest)
            person = ageing.draw_person(generator, years, config)
            return "person", 1, partial(ageing.scan, generator, person, config)
