"""How visible a change is: arrays in, results out; no torch, no files.

Distances between an image and its altered copy (PSNR, SSIM, MS-SSIM, ΔE2000, histograms of
levels), and a channelised Hotelling observer that tells the two apart.
"""

from plexor.visibility.channels import Channel, dense_dog, gabor
from plexor.visibility.colour import ColourDifference, colour_difference
from plexor.visibility.energies import log_energies, luminance, responses
from plexor.visibility.levels import LevelHistograms, level_histograms, levels_moved
from plexor.visibility.observation import Observation
from plexor.visibility.observer import Template, observe, trained
from plexor.visibility.settings import Visibility
from plexor.visibility.sight import Sight
from plexor.visibility.similarity import ms_ssim, psnr, ssim

__all__ = [
    "Channel",
    "ColourDifference",
    "LevelHistograms",
    "Observation",
    "Sight",
    "Template",
    "Visibility",
    "colour_difference",
    "dense_dog",
    "gabor",
    "level_histograms",
    "levels_moved",
    "log_energies",
    "luminance",
    "ms_ssim",
    "observe",
    "psnr",
    "responses",
    "ssim",
    "trained",
]
