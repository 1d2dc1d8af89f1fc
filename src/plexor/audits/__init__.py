"""Carries out a plan into a run directory: ``plexor.audit`` is its one public function."""

from plexor.audits.executors import Executor, Here, Ray
from plexor.audits.progress import Progress
from plexor.audits.run import audit, cohort_of, model_of

__all__ = ["Executor", "Here", "Progress", "Ray", "audit", "cohort_of", "model_of"]
