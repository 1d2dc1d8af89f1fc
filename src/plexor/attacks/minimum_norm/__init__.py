"""Attacks that search the shortest perturbation that reaches the goal."""

from plexor.attacks.minimum_norm.carlini_wagner import CarliniWagner
from plexor.attacks.minimum_norm.ddn import DDN
from plexor.attacks.minimum_norm.deepfool import DeepFool
from plexor.attacks.minimum_norm.fab import FAB
from plexor.attacks.minimum_norm.fmn import FMN
from plexor.attacks.minimum_norm.sigma_zero import SigmaZero

__all__ = ["DDN", "FAB", "FMN", "CarliniWagner", "DeepFool", "SigmaZero"]
