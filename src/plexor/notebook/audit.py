"""``plexor.audit``: ``plexor.audits.audit``, with a run that shows itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

from plexor.audits import audit as carry_out
from plexor.findings import RunDirectory
from plexor.notebook.run import Run

P = ParamSpec("P")


def _showing(function: Callable[P, RunDirectory]) -> Callable[P, Run]:
    @functools.wraps(function)
    def shown(*args: P.args, **kwargs: P.kwargs) -> Run:
        return Run(function(*args, **kwargs).path)

    return shown


audit = _showing(carry_out)
