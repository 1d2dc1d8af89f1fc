"""Networks that draw perturbations: fitted on some cases, judged on others."""

from plexor.attacks.generative.generator import FittedGenerator, Generator, UniversalGenerator

__all__ = ["FittedGenerator", "Generator", "UniversalGenerator"]
