"""Published studies, repeated: published figures beside ours."""

from plexor.studies.catalogue import STUDIES, find
from plexor.studies.compare import compare, difference
from plexor.studies.run import run_study
from plexor.studies.step import Request, Step
from plexor.studies.study import Published, Study

__all__ = [
    "STUDIES",
    "Published",
    "Request",
    "Step",
    "Study",
    "compare",
    "difference",
    "find",
    "run_study",
]
