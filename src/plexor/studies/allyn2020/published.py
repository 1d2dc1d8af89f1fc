"""The figures of Allyn et al., and the deviations of this repetition."""

from __future__ import annotations

from plexor.findings.study_file import Departure
from plexor.studies.study import Published, Study

N_TEST = 2003
"""Images of the paper's test set."""
N_NAEVI, N_IMAGES = 6705, 10015
"""Images of HAM10000 that show a naevus, and all of them (Tschandl et al., Sci Data 2018)."""
OBSERVERS = ((14, 17), (13, 6))
"""Number of images by the first reader's answer (rows) and the second's: perturbed, original."""
HITS, N_PERTURBED, CORRECT_REJECTIONS, N_ORIGINAL = 35, 60, 17, 40
"""Answers of both readers together, to 30 perturbed and 20 original images each."""

_PERCENT = 0.005
_ABSTRACT = "abstract and results"

_BLIND = (
    "Accuracy after a perfect attack is the share of naevi among the images, and says nothing of "
    "the attack: “Called a naevus once changed” does."
)
_UNSEEN = (
    "Whether anybody sees the change is not measured here. The published observers guessed, and "
    "two observers and 50 images cannot show that others would."
)
_ELSEWHERE = (
    "HAM10000 comes from two places and few cameras; other images may be easier or harder to "
    "change."
)
_WORD = (
    "“Agrees” says that two figures are equal within 5 points, a margin that was chosen for this "
    "study and that others may find too wide."
)
_MARGIN = 0.05
"""Shares within 5 points of the published one agree; written down before anything was run."""

ALLYN2020 = Study(
    name="allyn2020",
    title="Adversarial attack on deep learning-based dermatoscopic image recognition systems: "
    "risk of misdiagnosis due to undetectable image perturbations",
    citation="Allyn J, Allou N, Vidal C, Renou A, Ferdynus C. Medicine 2020;99(50):e23568. "
    "doi:10.1097/MD.0000000000023568",
    question="Can changes that nobody sees make a classifier of dermatoscopic images call every "
    "lesion a naevus?",
    design="A DenseNet-201 learns the seven classes of HAM10000 (10,015 images). A generator "
    "network then learns to change images of the test set (2,003 images) so that the classifier "
    "calls each a melanocytic naevus. Accuracy before and after is compared by McNemar's test, "
    "and two observers say of 50 images, 30 of them changed, which were.",
    departures=(
        Departure(
            what="Split",
            published="by image, although HAM10000 has 10,015 images of 7,470 lesions",
            here="arm “as-published” by image; arm “clean” by lesion",
            why="another image of the same lesion among those trained on is a leak: the classifier "
            "is asked what it was told.",
        ),
        Departure(
            what="Where the generator learns",
            published="on the images that it is then judged on",
            here="arm “as-published” likewise; arm “clean” on the images trained on",
            why="a search on the judged images may learn them by heart, and says little about the "
            "next image.",
        ),
        Departure(
            what="What counts as changed",
            published="not known to us",
            here="the change is rounded, written to a file, read back, and judged again; lossless, "
            "and as JPEG once more",
            why="an adversary gives a file, not an array.",
        ),
        Departure(
            what="Size of the change",
            published="said to be undetectable; no number known to us",
            here="at most 1, 2, 4 or 8 of 255 levels in any pixel; the first table takes 8",
            why="without a number nothing can be compared.",
        ),
        Departure(
            what="Fooling ratio",
            published="100 % of all images, those called naevi before among them",
            here="the same, and the share among images not called naevi before",
            why="an image that was called a naevus before cannot be turned into one.",
        ),
        Departure(
            what="Intervals and tests",
            published="images count as independent",
            here="clustered by lesion in both arms; McNemar's test also as published",
            why="two images of a lesion resemble each other.",
        ),
        Departure(
            what="Observers",
            published="two, 50 images",
            here="none; the published answers are analysed again",
            why="no readers take part in a run of this study.",
        ),
    ),
    figures=(
        Published(
            id="accuracy-before",
            what="Accuracy, untouched images",
            value=0.84,
            low=0.82,
            high=0.86,
            n=N_TEST,
            where=_ABSTRACT,
            rounding=_PERCENT,
            margin=_MARGIN,
        ),
        Published(
            id="accuracy-after",
            what="Accuracy, changed images",
            value=0.67,
            low=0.65,
            high=0.69,
            n=N_TEST,
            where=_ABSTRACT,
            rounding=_PERCENT,
            margin=_MARGIN,
            note="the share of naevi: what is left once every image is called one",
        ),
        Published(
            id="mcnemar",
            what="McNemar's test of the two",
            kind="p-bound",
            value=0.0001,
            n=N_TEST,
            where=_ABSTRACT,
        ),
        Published(
            id="fooling",
            what="Called a naevus once changed, all images",
            value=1.0,
            n=N_TEST,
            where=_ABSTRACT,
            rounding=_PERCENT,
            margin=_MARGIN,
            note="the paper's fooling ratio",
        ),
        Published(
            id="fooling-by-class",
            what="Called a naevus once changed, each class",
            value=1.0,
            where=_ABSTRACT,
            rounding=_PERCENT,
            note="“all categories”; how many images each has is not said",
        ),
        Published(
            id="sensitivity",
            what="Observers: changed images they called changed",
            value=0.583,
            low=0.459,
            high=0.708,
            n=N_PERTURBED,
            where=_ABSTRACT,
            rounding=0.0005,
            note="35 of 60 answers",
        ),
        Published(
            id="specificity",
            what="Observers: untouched images they called untouched",
            value=0.425,
            low=0.272,
            high=0.578,
            n=N_ORIGINAL,
            where=_ABSTRACT,
            rounding=0.0005,
            note="17 of 40 answers",
        ),
        Published(
            id="kappa",
            what="Observers: agreement with each other",
            kind="kappa",
            value=-0.22,
            low=-0.49,
            high=-0.04,
            n=50,
            where=_ABSTRACT,
            rounding=0.005,
            note="the upper limit does not follow from the paper's table of answers, which gives "
            "+0.04",
        ),
    ),
    limits=(_BLIND, _UNSEEN, _ELSEWHERE, _WORD),
)
