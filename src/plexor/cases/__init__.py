"""Cases: images as their files store them, with truth, group and split."""

from plexor.cases.case import Case
from plexor.cases.check import CohortReport, check_cohort
from plexor.cases.cohort import Cohort, load_cohort
from plexor.cases.formats import decode_image, read_image
from plexor.cases.formats.dicom_annotation import Annotation, read_annotation
from plexor.cases.image import LOSSLESS, Codec, Image, Pixels
from plexor.cases.intensity import Intensity
from plexor.cases.mask import read_case, truth_of
from plexor.cases.problem import Problem
from plexor.cases.split import limit_cases, split_groups

__all__ = [
    "LOSSLESS",
    "Annotation",
    "Case",
    "Codec",
    "Cohort",
    "CohortReport",
    "Image",
    "Intensity",
    "Pixels",
    "Problem",
    "check_cohort",
    "decode_image",
    "limit_cases",
    "load_cohort",
    "read_annotation",
    "read_case",
    "read_image",
    "split_groups",
    "truth_of",
]
