"""A plan carried out into a run directory."""

from plexor.audits.audit import audit, cohort_of, model_of
from plexor.audits.executors import Executor, Here, Ray
from plexor.audits.plan import Plan, load_plan, plan_schema
from plexor.audits.progress import Progress

__all__ = [
    "Executor",
    "Here",
    "Plan",
    "Progress",
    "Ray",
    "audit",
    "cohort_of",
    "load_plan",
    "model_of",
    "plan_schema",
]
