"""Which parts of an image a model's output hangs on, and how much of that lies where."""

from plexor.core.errors import require

require("torch")

from plexor.attention.gradcam import GradCAM
from plexor.attention.integrated import IntegratedGradients
from plexor.attention.layers import coarsest_layer, penultimate
from plexor.attention.measure import (
    InMask,
    InMaskByCase,
    in_mask,
    in_mask_by_case,
    map_correlation,
    rank_correlation,
    ratio_of_means,
    summed_up,
)
from plexor.attention.method import METHODS, AttentionMethod
from plexor.attention.occlusion import Occlusion
from plexor.attention.sanity import Sanity, randomised, sanity
from plexor.attention.target import score_of

__all__ = [
    "METHODS",
    "AttentionMethod",
    "GradCAM",
    "InMask",
    "InMaskByCase",
    "IntegratedGradients",
    "Occlusion",
    "Sanity",
    "coarsest_layer",
    "in_mask",
    "in_mask_by_case",
    "map_correlation",
    "penultimate",
    "randomised",
    "rank_correlation",
    "ratio_of_means",
    "sanity",
    "score_of",
    "summed_up",
]
