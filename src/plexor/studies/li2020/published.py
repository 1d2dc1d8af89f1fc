"""The publication: its question, design and figures, and the departures of the repetition."""

from __future__ import annotations

from plexor.findings.study_file import Departure
from plexor.studies.study import Published, Study

_BERMUDEZ = "Bermudez et al., Magn Reson Imaging 2019;62:70, abstract"
_N = 5121
PHANTOMS = (
    "Phantoms cannot tell how robust a network is that was trained on patients: all have the folds "
    "of one template, age changes eight regional volumes and nothing else, no lesion occurs, and "
    "what an image shows of age beyond these volumes, which a network may lean on in life, is not "
    "there. What they can show is whether the comparison of networks is fair, and which "
    "attackers a second input stops and which it does not."
)
_LOWER_BOUND = (
    "An attack by gradients gives a lower bound of the harm that is possible. A network that "
    "withstood it may fall to another attack."
)
_ESTIMATOR = (
    "The estimator of volumes is a segmentation network at a few millimetres, trained on phantoms. "
    "It may be easier to attack than the pipelines in use are."
)
_UNEQUAL = (
    "Errors of networks are unequal; where chance does not explain that, a difference in "
    "robustness may come from the difference in accuracy."
)

LI2020 = Study(
    name="li2020",
    title="Brain age from 3D MRI under imperceptible perturbations",
    citation="Li et al. Neurocomputing. 2020;379:370–378 (PMC7450534)",
    question="Does a network that also takes regional brain volumes withstand perturbations of the "
    "image better than one that takes the image only, and is it protected, or is the gradient only "
    "hidden from half of its input?",
    design="Age is predicted from a T1 volume by a conventional 3D convolutional network, and by a "
    "hybrid that joins regional volumes before the last layers. Small perturbations are searched "
    "for each image, and one for a large batch of images. The abstract reports that both introduce "
    "significant errors and that the hybrid is much more robust.",
    departures=(
        Departure(
            what="What is taken from the paper",
            published="layers, radii, batch sizes and errors by age group are in the full text",
            here="only the abstract was at hand: networks of the same families, our own radii and "
            "batch sizes",
            why="figures that were not read are not printed as published.",
        ),
        Departure(
            what="Images",
            published="T1 volumes of people",
            here="phantoms: a template head deformed so that eight regional volumes follow "
            "published centiles by age, with noise, shading and scanners; real volumes where "
            "--data is given",
            why="the volumes of a phantom are known, and it can be scanned again, or be a year "
            "older.",
        ),
        Departure(
            what="Second input",
            published="132 regional volumes and two more inputs (our reading of the design)",
            here="eight regional volumes and the intracranial volume, in ml",
            why="these are what the phantom's age changes.",
        ),
        Departure(
            what="Controls",
            published="the two networks",
            here="beside them a network of the volumes only, and the hybrid with the volumes of "
            "another person",
            why="a hybrid that withstands the image's change because it does not look at the image "
            "needs no anatomy for that.",
        ),
        Departure(
            what="Attackers",
            published="of the image, volumes held at their clean values (our reading)",
            here="the same; through an estimator of the volumes, so that they move with the image; "
            "image and volumes within their error between two scans; the volumes alone",
            why="in practice the volumes are measured on the image that was changed.",
        ),
        Departure(
            what="Estimator of volumes",
            published="none known to us",
            here="a small U-Net trained on phantoms segments the image; a volume is the sum of a "
            "region's probabilities times the volume of a voxel",
            why="an attack by gradients needs a pipeline that is differentiable.",
        ),
        Departure(
            what="Intervals and tests",
            published="not known to us",
            here="clustered by person, the mean over training seeds of each scan first; networks "
            "compared in pairs by sign-flip permutation, corrected by Holm",
            why="two scans of a person, and the same scan before different networks, are not "
            "independent.",
        ),
    ),
    figures=(
        Published(
            id="mae-image",
            what="Mean absolute error, image only",
            kind="years",
            value=5.00,
            n=_N,
            where=_BERMUDEZ,
            rounding=0.005,
            note="another study, from which the hybrid is taken",
        ),
        Published(
            id="mae-both",
            what="Mean absolute error, image and volumes",
            kind="years",
            value=4.08,
            n=_N,
            where=_BERMUDEZ,
            rounding=0.005,
            note="another study, ages 4 to 96",
        ),
        Published(
            id="mae-volumes",
            what="Mean absolute error, volumes only",
            kind="years",
            value=8.23,
            n=_N,
            where=_BERMUDEZ,
            rounding=0.005,
            note="another study",
        ),
    ),
    limits=(
        PHANTOMS,
        _LOWER_BOUND,
        _ESTIMATOR,
        _UNEQUAL,
    ),
)
