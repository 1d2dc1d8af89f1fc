"""The tables of the study's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plexor.findings.study_file import Number, StudyRow, StudyTable
from plexor.studies.li2020.ours import BANDS, Network, Paired, difference_of, old_minus_young
from plexor.studies.li2020.plans import CONVENTIONAL, GAP, HYBRID, PERMUTED, VOLUMES, Scale

Networks = Mapping[str, Network]
Cell = Number | str | None


def away(radius: float) -> str:
    """Id of the attack that moves the number either way."""
    return f"pgd-deviate-{GAP:g}-linf-{radius:g}"


def clean_table(networks: Networks) -> StudyTable:
    """Errors on untouched images."""
    rows = [
        StudyRow(
            name=name,
            cells=(
                found.mae(),
                found.rmse(),
                found.corrected_mae(),
                "; ".join(f"{one.value:.2f}" for one in found.mae_by_seed() if one.value),
                str(found.errors) if found.errors else "none",
            ),
        )
        for name, found in networks.items()
    ]
    return StudyTable(
        id="clean",
        title="Untouched images",
        text="Errors on the test people. The correction of the bias by age is linear and fitted on "
        "the validation people.",
        columns=(
            "Network",
            "Mean absolute error",
            "Root mean squared error",
            "Mean absolute error, bias corrected",
            "By seed, years",
            "Failed rows",
        ),
        rows=tuple(rows),
        note="Intervals are clustered by person; the mean over seeds is taken first for each scan.",
    )


def size_table(networks: Networks, scale: Scale, l2: float) -> StudyTable:
    """How far each attack moves the number, at every radius, beside what moves it anyway."""
    probes = [(f"Away, L∞ ≤ {r:g}", away(r), "size") for r in scale.radii]
    few = f"{scale.n_changed} voxels"
    probes += [
        (f"Away, L2 ≤ {l2:g}", f"pgd-deviate-{GAP:g}-l2-{l2:g}", "size"),
        (f"Away, {few}", f"pgd-deviate-{GAP:g}-l0-{scale.n_changed}", "size"),
    ]
    main = scale.main_radius
    probes += [
        (f"{way}, L∞ ≤ {main:g}", f"pgd-{goal}-{GAP:g}-linf-{main:g}", "signed")
        for way, goal in (("Up", "raise"), ("Down", "lower"))
    ]
    probes += [(f"Noise, L∞ = {r:g}", f"noise-linf-{r:g}", "size") for r in scale.radii]
    probes += [
        (f"Noise, L2 = {l2:g}", f"noise-l2-{l2:g}", "size"),
        (f"Noise in {few}", f"noise-l0-{scale.n_changed}", "size"),
    ]
    rows = [
        StudyRow(name=name, cells=tuple(found.mean(probe, column) for found in networks.values()))
        for name, probe, column in probes
    ]
    rows += [
        StudyRow(
            name="Another scan of the person",
            detail="other position, noise, scanner",
            cells=tuple(found.rescans() for found in networks.values()),
        ),
        StudyRow(
            name="A year of anatomical change",
            detail=_older_size(networks),
            cells=tuple(found.older() for found in networks.values()),
        ),
    ]
    return StudyTable(
        id="size",
        title="Shift by size of the change",
        text="Mean change of the predicted age, volumes held, stored as NIfTI int16: its size for "
        "attacks that move it either way and for noise, signed for attacks up and down and for the "
        "year. Radii are in stored numbers; white matter is about 800.",
        columns=("Change", *networks),
        rows=tuple(rows),
        note="The L2 radius has the root mean square over all voxels of the greatest L∞ radius. "
        "A voxel that an L0 attack changes may take any number that the file can store. "
        "The network of the volumes only does not see the image: its shift by the image is 0.",
    )


def _older_size(networks: Networks) -> str:
    """How large a year is in the norms of the attacks."""
    found = [one for network in networks.values() for run in network.diagnoses for one in run.older]
    if not found:
        return ""
    n = len(found)
    linf, l2 = sum(one.linf for one in found) / n, sum(one.l2 for one in found) / n
    return f"mean L∞ {linf:.0f}, L2 {l2:,.0f} stored numbers"


def crossing_table(networks: Networks, scale: Scale) -> StudyTable:
    """How many scans cross the gap."""
    rows = [
        StudyRow(
            name=name,
            cells=tuple(found.mean(probe, "crossed") for found in networks.values()),
        )
        for radius in scale.radii
        for name, probe in (
            (f"Away, L∞ ≤ {radius:g}", away(radius)),
            (f"Noise, L∞ = {radius:g}", f"noise-linf-{radius:g}"),
        )
    ]
    return StudyTable(
        id="crossing",
        title=f"Moved by {GAP:g} years or more",
        text=f"Share of scans whose predicted age moves by {GAP:g} years or more, a gap that is "
        "read as accelerated or delayed ageing.",
        columns=("Change", *networks),
        rows=tuple(rows),
    )


def age_table(networks: Networks, scale: Scale) -> StudyTable:
    """The main attack by age group."""
    probe = away(scale.main_radius)
    rows = [
        StudyRow(
            name=f"{low} to {high} years",
            cells=tuple(found.mean(probe, "size", band=(low, high)) for found in networks.values()),
        )
        for low, high in BANDS
    ]
    (first, last), (start, end) = BANDS[0], BANDS[-1]
    apart = f"{start} to {end} minus {first} to {last} years"
    shifts = {name: found.shifts(probe) for name, found in networks.items()}
    rows.append(StudyRow(name=apart, cells=tuple(old_minus_young(one) for one in shifts.values())))
    both = difference_of(shifts[CONVENTIONAL], shifts[HYBRID])
    interaction = StudyRow(
        name=f"{CONVENTIONAL} minus {HYBRID}, {apart}",
        detail="interaction of network and age",
        cells=(old_minus_young(both), *[None] * (len(networks) - 1)),
    )
    return StudyTable(
        id="by-age",
        title="By age",
        text=f"Mean size of the shift by the attack either way at L∞ ≤ {scale.main_radius:g}, "
        "volumes held, by true age.",
        columns=("Age", *networks),
        rows=(*rows, interaction),
        note="The interaction is shown where its interval, in the first column, excludes 0.",
    )


def universal_table(networks: Networks, scale: Scale) -> StudyTable:
    """One perturbation, fitted on some scans and judged on others."""
    main = scale.main_radius
    rows = [
        StudyRow(
            name=f"Fitted on {size} scans",
            cells=tuple(
                found.mean(f"universal-{size}-raise-{GAP:g}-linf-{main:g}", "signed")
                for found in networks.values()
            ),
        )
        for size in scale.n_fit
    ]
    rows.append(
        StudyRow(
            name="Noise of the same size",
            cells=tuple(
                found.mean(f"noise-linf-{main:g}", "signed") for found in networks.values()
            ),
        )
    )
    return StudyTable(
        id="universal",
        title="One perturbation for all",
        text=f"Mean shift, signed, of the test people by one perturbation of L∞ ≤ {main:g} that is "
        "to raise the age, fitted on scans of other people.",
        columns=("Perturbation", *networks),
        rows=tuple(rows),
    )


def attackers_table(
    networks: Networks,
    pipeline: Network | None,
    moved: Mapping[str, float],
    estimated: Mapping[str, tuple[float, float]],
    scale: Scale,
) -> StudyTable:
    """The attackers on networks with a second input."""
    main = away(scale.main_radius)
    rows: list[StudyRow] = []

    def row(name: str, attacker: str, network: Network | None, probe: str) -> None:
        if network is not None and network.has(probe):
            cells = (name, network.mean(probe, "size"), network.mean(probe, "crossed"))
            rows.append(StudyRow(name=attacker, cells=cells))

    for name in (HYBRID, PERMUTED, VOLUMES):
        found = networks[name]
        row(name, "(a) image, volumes held", found, main)
        if name == HYBRID:
            row(name, "(b) image, volumes estimated from it", pipeline, main)
        row(name, "(c) image and volumes", found, found.find("both-"))
        row(name, "(d) volumes", found, found.find("features-"))
    within = ", ".join(f"{feature} {radius:g}" for feature, radius in moved.items())
    errors = ", ".join(f"{name} {ml:.3g} ({r:.2f})" for name, (ml, r) in estimated.items())
    return StudyTable(
        id="attackers",
        title="What the attacker may move",
        text=f"Mean size of the shift and share moved by {GAP:g} years or more, at L∞ ≤ "
        f"{scale.main_radius:g} of the image. Volumes move within 1.96 standard deviations of one "
        f"measurement by the estimator, from two scans of each validation person, in ml: {within}.",
        columns=("Attacker", "Network", "Shift", f"{GAP:g} years or more"),
        rows=tuple(rows),
        note="In (b) the predictions before the attack are those for estimated volumes too. Mean "
        "absolute error of the estimator on the test people in ml, and in brackets its correlation "
        f"with the true volume: {errors}.",
    )


def paired_table(
    comparisons: Sequence[Paired], errors: Mapping[str, str], relative: Mapping[str, str]
) -> StudyTable:
    """Networks and attackers in pairs, on the same scans.

    Args:
        comparisons: pairs of networks, and of attackers on one network.
        errors: pair of networks → difference of their clean errors, in words.
        relative: pair of networks → difference of shifts in units of each one's clean error.
    """
    rows = [
        StudyRow(
            name=one.name,
            cells=(
                Number.of("years", one.difference),
                Number(kind="p", value=one.p_value),
                Number(kind="p", value=one.corrected),
                errors.get(one.name, ""),
                relative.get(one.name, ""),
            ),
        )
        for one in comparisons
    ]
    return StudyTable(
        id="paired",
        title="In pairs",
        text="Mean size of the shift of the first minus that of the second, on the same scans; "
        "sign-flip permutation of whole people, and Holm's correction over all rows.",
        columns=(
            "Comparison",
            "Difference",
            "p",
            "p, Holm",
            "Difference of clean errors",
            "Difference of shifts, each in units of its network's clean error",
        ),
        rows=tuple(rows),
        note="Positive: the first moves further. A difference between networks of unequal clean "
        "error need not be one of design.",
    )


def share_table(networks: Networks) -> StudyTable:
    """How much of the slope is of the image."""
    return StudyTable(
        id="share",
        title="Where the slope lies",
        text="For a model that is linear with the network's slope at each scan: the share of its "
        "greatest shift that the image brings at the main radius, beside the volumes within their "
        "measurement error. Near 100 %, an attacker of the image has the whole answer in reach.",
        columns=("Network", "Share of the image"),
        rows=tuple(StudyRow(name=name, cells=(f.image_share(),)) for name, f in networks.items()),
    )


def real_table(networks: Networks, radius: float) -> StudyTable:
    """The real volumes, attacked at a radius in their own stored numbers."""
    probe, noise = away(radius), f"noise-linf-{radius:g}"
    rows = [
        StudyRow(
            name=name,
            cells=(
                found.mae(),
                found.mean(probe, "size"),
                found.mean(probe, "crossed"),
                found.mean(noise, "size"),
            ),
        )
        for name, found in networks.items()
    ]
    return StudyTable(
        id="real",
        title="Real volumes",
        text="The networks that learned phantoms, on real volumes. Their error says how far the "
        "phantom is from people; a shift at such an error says little of a network trained on "
        "people.",
        columns=("Network", "Mean absolute error", "Shift, away", "5 years or more", "By noise"),
        rows=tuple(rows),
        note=f"L∞ ≤ {radius:g} stored numbers of these files: the same share of their bright "
        "tissue as the main radius is of the phantoms' white matter.",
    )
