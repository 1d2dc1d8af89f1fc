"""One perturbation for every image: fitted on some cases, judged on others."""

from plexor.attacks.pattern import UniversalPerturbation
from plexor.attacks.universal.deepfool import UniversalDeepFool
from plexor.attacks.universal.singular import UniversalSingular
from plexor.attacks.universal.stochastic import UniversalSGD

__all__ = ["UniversalDeepFool", "UniversalPerturbation", "UniversalSGD", "UniversalSingular"]
