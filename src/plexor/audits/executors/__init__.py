"""Executors of an audit's units: this process, or Ray's workers."""

from plexor.audits.executors.executor import Done, Executor, Job
from plexor.audits.executors.here import Here
from plexor.audits.executors.ray import Ray

__all__ = ["Done", "Executor", "Here", "Job", "Ray"]
