"""Audits: a plan's probes are split into units, executed, judged and resumed.

``plexor.audits`` is this package. Its one public function, ``audit`` of ``plexor.audits.run``, is
also ``plexor.audit``.
"""

from plexor.core.errors import require

require("torch")

from plexor.audits.executors import Executor, Here, Ray
from plexor.audits.inputs import cohort_of, model_of
from plexor.audits.progress import Progress
from plexor.audits.run import audit

__all__ = ["Executor", "Here", "Progress", "Ray", "audit", "cohort_of", "model_of"]
