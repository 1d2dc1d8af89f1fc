"""The publication: its question, design and figures, and the departures of the repetition."""

from __future__ import annotations

from plexor.findings.study_file import Departure
from plexor.studies.study import Published, Study

_MARGIN, _HALF = 0.03, 0.0005
_NO_N = "the number of films of the test is not printed"
OTHER_FILMS = (
    "Chest films of children, normal or pneumonia: no figure is compared with the published ones, "
    "which are of upper limbs."
)
PHANTOMS = (
    "The films are drawn, with markers made to go with the label: the figures show that the steps "
    "work."
)
LEARNED = (
    "Areas of networks trained on different images say what can be learned from these, not what "
    "the network of the original films uses; covering at inference is about that one."
)
WHERE = (
    "A box is as large as its tag and lies where the tag lay: covered films still tell where tags "
    "were. Boxes alone on a blank image say how much that is."
)
NO_ERROR = (
    "The publication prints three areas and one p-value, and no number of films, so that only our "
    "own sampling error enters a comparison."
)

YI2022 = Study(
    name="yi2022",
    title="Burnt-in tags on radiographs as a confounder",
    citation="Yi PH, Malone PS, Lin CT, Filice RW. AJR Am J Roentgenol. 2022;218:714–715",
    question="Does a network that tells abnormal from normal radiographs lean on burnt-in "
    "laterality and technologist tags, and does covering them help?",
    design="Three DenseNet-121s are trained on MURA's 40,561 upper-limb radiographs: on the films "
    "as they are, on films with their tags covered by black boxes, and on films of which only the "
    "tags are left. Heat maps of the first often lie on tags, those of the second on bone.",
    departures=(
        Departure(
            what="Where tags are",
            published="covered by hand",
            here="found by machine; the table of boxes can be corrected before images are written",
            why="some thousand films cannot be covered by hand in each repetition. What the finder "
            "misses stays visible in every arm but “tags only”.",
        ),
        Departure(
            what="Arms",
            published="original, covered, tags only",
            here="beside them: tags inpainted, boxes at random places, tags recentred, and boxes "
            "alone on a blank image",
            why="a cover hides a tag and shows a box. Without these arms an area that rises under "
            "covers cannot be read.",
        ),
        Departure(
            what="Training",
            published="one network of each kind",
            here="several seeds of each",
            why="one p-value of one pair of networks does not say what another training would "
            "give.",
        ),
        Departure(
            what="Split",
            published="not described in what was read",
            here="at random by patient; MURA's train and valid together",
            why="films of one patient must not be on both sides.",
        ),
        Departure(
            what="Tests",
            published="one p-value",
            here="DeLong's paired test by film, clustered by patient, and by study; the spread of "
            "the seeds beside it",
            why="films of a patient are not independent, and MURA's labels are of studies.",
        ),
        Departure(
            what="Network and size, at the scale “small”",
            published="DenseNet-121",
            here="a small DenseNet that sees 80 × 80 pixels",
            why="two processors. DenseNet-121 is what the scale “full” trains.",
        ),
    ),
    figures=(
        Published(
            id="area-original",
            what="Area under the curve, films as they are",
            kind="area",
            value=0.844,
            where="abstract",
            rounding=_HALF,
            margin=_MARGIN,
            note=_NO_N,
        ),
        Published(
            id="area-covered",
            what="Area under the curve, tags covered",
            kind="area",
            value=0.857,
            where="abstract",
            rounding=_HALF,
            margin=_MARGIN,
            note=_NO_N,
        ),
        Published(
            id="area-tags-only",
            what="Area under the curve, tags only",
            kind="area",
            value=0.638,
            where="abstract",
            rounding=_HALF,
            margin=_MARGIN,
            note=_NO_N,
        ),
        Published(
            id="p-covered",
            what="Test of covered against original",
            kind="p",
            value=0.02,
            where="abstract",
            rounding=0.005,
        ),
    ),
    limits=(
        LEARNED,
        WHERE,
        "A tag may stand for a view, a device or a body part. No arm separates these.",
        NO_ERROR,
    ),
)
