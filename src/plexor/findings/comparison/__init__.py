"""Two runs compared on the cases that both judged. Needs no torch."""

from plexor.findings.comparison.compare import compare_runs
from plexor.findings.comparison.results import COMPARISON, ProbeDifference, RunComparison

__all__ = ["COMPARISON", "ProbeDifference", "RunComparison", "compare_runs"]
