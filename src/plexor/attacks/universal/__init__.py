"""Universal perturbations: fitted on some cases, applied to others."""

from plexor.attacks.pattern import UniversalPerturbation
from plexor.attacks.universal.deepfool import UniversalDeepFool
from plexor.attacks.universal.singular import UniversalSingular
from plexor.attacks.universal.stochastic import UniversalSGD

__all__ = ["UniversalDeepFool", "UniversalPerturbation", "UniversalSGD", "UniversalSingular"]
