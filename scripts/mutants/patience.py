"""A pytest plugin that gives each test a limit of CPU time, as multiples of its usual time."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

VARIABLE = "PLEXOR_MUTANT_SECONDS"
"""Environment variable with a JSON file of each test's usual CPU time, for new processes."""
_PATIENCE = 8.0
"""A test that takes this many times its usual CPU time, and ``_LEAST`` more, does not end."""
_LEAST = 5.0


class Patience:
    """Ends the process by SIGPROF if a test exceeds its limit.

    Args:
        seconds: node id → CPU time without a mutant.
    """

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self._seconds = seconds

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Starts the timer before a test's setup and stops it after its teardown."""
        limit = _LEAST + _PATIENCE * self._seconds.get(item.nodeid, _LEAST)
        signal.setitimer(signal.ITIMER_PROF, limit)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


def pytest_configure(config: pytest.Config) -> None:
    """Registers the plugin if the environment names the file of usual times."""
    if file := os.environ.get(VARIABLE):
        config.pluginmanager.register(Patience(json.loads(Path(file).read_text())))
