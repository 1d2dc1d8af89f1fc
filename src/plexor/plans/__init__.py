"""Plans of audits and trainings, read from YAML and validated."""

from plexor.plans.plan import CohortSource, Plan, load_plan, plan_schema

__all__ = ["CohortSource", "Plan", "load_plan", "plan_schema"]
