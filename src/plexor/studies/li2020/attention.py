"""Where in a volume a network's slope lies: integrated gradients, before and after an attack."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plexor.attacks import PGD, Move, Threat
from plexor.attention import IntegratedGradients
from plexor.cases import Case
from plexor.cases.formats.nifti import decode_nifti
from plexor.cases.phantoms import AgeingConfig
from plexor.cases.phantoms.ageing import REGIONS, draw_person, scan_with_shares
from plexor.cases.phantoms.encode import nifti
from plexor.core.files import write_atomic
from plexor.core.seeds import seed_for
from plexor.findings.study_file import Number, StudyMaps, StudyRow, StudyTable
from plexor.models import TorchModel
from plexor.models.batch import Batch
from plexor.stats import clustered_mean
from plexor.studies.li2020.diagnosis import batch_of, predicted
from plexor.studies.li2020.layout import FEATURES
from plexor.studies.li2020.plans import GAP, SEED, Scale

INSIDE = (*REGIONS, "rest within the skull")
"""Regions in the order of ``scan_with_shares``."""
OUTSIDE = "outside of the skull's cavity"
_YOUNGEST, _OLDEST = 25.0, 85.0
_STEPS = 4
"""Points of the integration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attended:
    """The map of one scan, before and after an attack.

    Attributes:
        person: a name.
        volume: region → share of the scan's voxels that it fills.
        contrast: region → share of the mass that a map would have if the slope had one size
            everywhere: of the distance of voxels from their mean.
        before: region → share of the map's mass in it, for the untouched scan.
        after: the same for the attacked scan.
        correlation: Pearson's, of the two maps over all voxels.
        shift: by the attack, in years.
    """

    person: str
    volume: dict[str, float]
    contrast: dict[str, float]
    before: dict[str, float]
    after: dict[str, float]
    correlation: float
    shift: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MapsOfOne:
    """The maps of one scan, to be looked at.

    Attributes:
        volume: stored numbers, (X, Y, Z).
        before: the map for the untouched scan, of one shape with the volume, not negative.
        after: the same for the attacked scan.
        years: what the network says of each, in years.
    """

    volume: NDArray[np.float64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    years: tuple[float, float]


def attend(
    model: TorchModel, scale: Scale, keep: Callable[[MapsOfOne], None] | None = None
) -> tuple[Attended, ...]:
    """Maps of phantom people who are drawn for this alone, the same for every network.

    A map is the size of the integrated gradients from the volume's mean, features held. The
    networks bring each volume to mean 0 and variance 1, so that every image on the way from the
    mean looks alike to them: whatever the number of steps, the map is the gradient times (voxel
    minus mean), up to a factor that no share depends on. The attack moves the age either way, at
    the main radius under L∞.

    Args:
        model: predicts a number from a volume.
        scale: of the study.
        keep: called with the maps of the first person.
    """
    people = [_person(scale.spacing_mm, number) for number in range(scale.attended)]
    threat = Threat(norm="linf", radius=scale.main_radius)
    found: list[Attended] = []
    for batch, shares in people:
        proposal = PGD(steps=scale.steps)(
            model, batch, Move(by=GAP, kind="deviate"), threat, seed=SEED
        )
        attacked = replace(batch, images=batch.images + proposal.delta)
        contrast = np.asarray((batch.images - batch.images.mean())[0, 0].abs().double())
        before, after = (_map(model, one) for one in (batch, attacked))
        years = (predicted(model, batch), predicted(model, attacked))
        if keep is not None and not found:
            volume = np.asarray(batch.images[0, 0].double().cpu())
            keep(MapsOfOne(volume=volume, before=before, after=after, years=years))
        found.append(
            Attended(
                person=batch.ids[0],
                volume=shares_of_mass(np.ones_like(before), shares),
                contrast=shares_of_mass(contrast, shares),
                before=shares_of_mass(before, shares),
                after=shares_of_mass(after, shares),
                correlation=float(np.corrcoef(before.ravel(), after.ravel())[0, 1]),
                shift=years[1] - years[0],
            )
        )
    return tuple(found)


def shares_of_mass(values: NDArray[np.float64], shares: NDArray[np.float32]) -> dict[str, float]:
    """How a map's mass is dealt out over the regions; the shares add up to 1.

    Args:
        values: (X, Y, Z), none below 0; NaN for every region where all are 0.
        shares: (regions, X, Y, Z), what share of each voxel each region of ``INSIDE`` fills; what
            is left of a voxel is outside.

    Example:
        >>> import numpy as np
        >>> shares = np.zeros((9, 1, 1, 2), np.float32)
        >>> shares[0, 0, 0] = 0.5, 0.0  # half of the first voxel is ventricle
        >>> found = shares_of_mass(np.array([[[3.0, 1.0]]]), shares)
        >>> found["ventricles"], found[OUTSIDE]
        (0.375, 0.625)
    """
    total = float(values.sum())
    if total == 0:
        return dict.fromkeys((*INSIDE, OUTSIDE), float("nan"))
    inside = [float((values * share).sum()) / total for share in shares]
    return dict(zip((*INSIDE, OUTSIDE), (*inside, 1 - sum(inside)), strict=True))


def save(found: Sequence[Attended], path: Path) -> None:
    """As JSON."""
    write_atomic(path, json.dumps([asdict(one) for one in found], indent=1).encode())


def load(path: Path) -> tuple[Attended, ...]:
    """Reads what ``save`` wrote."""
    return tuple(Attended(**one) for one in json.loads(path.read_bytes()))


def save_maps(found: MapsOfOne, path: Path) -> None:
    """As NumPy's ``.npz``, with maps as shares of the greatest number of the first."""
    greatest = float(found.before.max()) or 1.0
    written = io.BytesIO()
    np.savez_compressed(
        written,
        volume=found.volume.astype(np.float32),
        before=(found.before / greatest).astype(np.float16),
        after=(found.after / greatest).astype(np.float16),
        years=np.asarray(found.years),
    )
    write_atomic(path, written.getvalue())


def shown_maps(network: str, file: Path, folder: Path, scale: Scale) -> StudyMaps:
    """What the page says of a file that ``save_maps`` wrote.

    Args:
        network: its name.
        file: the file.
        folder: the study's directory.
        scale: of the study.
    """
    with np.load(file, allow_pickle=False) as stored:
        before, after = (float(one) for one in stored["years"])
    return StudyMaps(
        title=network,
        text="Size of the integrated gradients in each voxel, whatever their sign; the brighter, "
        "the more of the predicted age hangs on the voxel. Both maps have one scale of colours.",
        file=file.relative_to(folder).as_posix(),
        shown={
            "before": f"untouched: {before:.1f} years",
            "after": f"attacked at L∞ ≤ {scale.main_radius:g}: {after:.1f} years",
        },
        note="The first of the phantom people of the table below, the network of the first seed. A "
        "map illustrates; it does not say why the network answers as it does.",
    )


def attention_table(networks: Mapping[str, tuple[Attended, ...]], scale: Scale) -> StudyTable:
    """Where each network's maps lie, before and after the attack, beside the regions' volumes."""
    maps = {
        f"{name}, {when}": [getattr(one, field) for one in found]
        for name, found in networks.items()
        for when, field in (("untouched", "before"), ("attacked", "after"))
    }
    first = next(iter(networks.values()))
    by_chance = ([one.volume for one in first], [one.contrast for one in first])
    rows = [
        StudyRow(
            name=name.replace("_", " "),
            cells=tuple(_mean(part, names) for part in (*by_chance, *maps.values())),
        )
        for name, names in (
            ("all within the skull", INSIDE),
            *((name, (name,)) for name in (*INSIDE, OUTSIDE)),
        )
    ]
    told = "; ".join(
        f"{name}: correlation of the two maps {np.mean([one.correlation for one in found]):.2f}, "
        f"mean size of the shift {np.mean([abs(one.shift) for one in found]):.1f} years"
        for name, found in networks.items()
    )
    return StudyTable(
        id="attention",
        title="Where in the volume the slope lies",
        text=f"Integrated gradients from the volume's mean on {len(first)} phantom people drawn "
        "for this, a scan each, with the networks of the first seed, volumes held: share of the "
        "map's mass (its size, whatever its sign) by true region, beside the region's share of the "
        f"voxels, before and after the attack either way at L∞ ≤ {scale.main_radius:g}.",
        columns=("Region", "Of the voxels", "At an even slope", *maps),
        rows=tuple(rows),
        note="The networks see each volume with mean 0 and variance 1, so that the map is the "
        "gradient times (voxel minus mean); “at an even slope” is the share of |voxel minus mean| "
        f"alone, which says nothing of a network. {told}.",
    )


def _mean(found: list[dict[str, float]], names: Sequence[str]) -> Number:
    """The mean over people of the sum over some regions."""
    each = [sum(one[name] for name in names) for one in found]
    return Number.of("share", clustered_mean(each))


@lru_cache(maxsize=64)
def _person(spacing_mm: int, number: int) -> tuple[Batch, NDArray[np.float32]]:
    """A scan of a person with the true shares of its voxels; the same for every network."""
    name = f"attended-{number}"
    config = AgeingConfig(spacing_mm=spacing_mm)
    generator = np.random.default_rng(seed_for(SEED, name))
    age = float(generator.uniform(_YOUNGEST, _OLDEST))
    phantom, shares = scan_with_shares(generator, draw_person(generator, age, config), config)
    features = {column: float(phantom.truth[column]) for column in FEATURES}
    case = Case(id=name, path=Path(name), truth=age, group=name, features=features)
    return batch_of([case], [decode_nifti(nifti(phantom, name))]), shares


def _map(model: TorchModel, batch: Batch) -> NDArray[np.float64]:
    """The map at each stored voxel, (X, Y, Z)."""
    found = IntegratedGradients(steps=_STEPS)(model, batch)
    return np.asarray(found[0].abs().double().cpu())
