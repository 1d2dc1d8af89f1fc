"""How the tests are shared out among processes, and what holds in each of them."""

from __future__ import annotations

import os
import secrets
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

SPREAD = (
    "tests/contract/test_attack_contract.py",
    "tests/contract/test_fitted_contract.py",
)
"""Long files whose tests share no fixture: dealt out in parts. All other files stay whole."""
_PARTS = 12
SLOW = (
    "tests/browser/test_case_table_browser.py",
    "tests/browser/test_readers_browser.py",
    "tests/browser/test_report_browser.py",
    "tests/contract/test_fitted_contract.py",
    "tests/integration/test_audit_doors.py",
    "tests/integration/test_audit_features.py",
    "tests/integration/test_audit_jpeg.py",
    "tests/integration/test_audit_same_findings.py",
    "tests/integration/test_audit_transfer.py",
    "tests/integration/test_contributing.py",
    "tests/integration/test_examples.py",
    "tests/integration/test_features_doors.py",
    "tests/integration/test_fetch_dicomweb.py",
    "tests/integration/test_formats_end_to_end.py",
    "tests/integration/test_planted_tags.py",
    "tests/integration/test_readers_allyn.py",
    "tests/integration/test_readers_blinding.py",
    "tests/integration/test_readers_server.py",
    "tests/integration/test_real_data_audit.py",
    "tests/integration/test_report_pdf.py",
    "tests/integration/test_resume.py",
    "tests/integration/test_study_allyn2020.py",
    "tests/integration/test_study_li2020.py",
    "tests/integration/test_study_yi2022.py",
    "tests/integration/test_surrogate_of_answers.py",
    "tests/integration/test_wheel.py",
    "tests/integration/test_without_torch.py",
    "tests/integration/test_workers.py",
    "tests/oracle/test_apgd_optimum.py",
    "tests/oracle/test_defence_gallery.py",
    "tests/oracle/test_generative.py",
    "tests/oracle/test_hostile_models.py::test_queries_reach_what_gradients_cannot",
    "tests/oracle/test_lattice_optimum.py",
    "tests/oracle/test_minimum_norm_optimum.py",
    "tests/oracle/test_onnx_networks.py",
    "tests/oracle/test_phantoms_ageing.py",
    "tests/oracle/test_query_attacks.py",
    "tests/oracle/test_sparse_optimum.py",
    "tests/oracle/test_tag_measure.py",
    "tests/property/test_onnx_operators_drawn.py",
    "tests/unit/test_jpeg_search.py",
    "tests/unit/test_notebook.py",
)
"""Files that take more than ten seconds for what they hold: marked slow, for `make test-slow`."""


settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")  # `make soak` draws anew


def pytest_configure() -> None:
    """Sets up Ray, which reads its settings once a process: only these tests may enter theirs."""
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",  # else workers starve on a busy machine
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of slow files."""
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Seeds torch before each test and its fixtures: what ran before must not change draws."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def rng() -> np.random.Generator:
    """A test's own draws. With one generator for a module they would go by the order of tests."""
    return np.random.default_rng(0)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keeps a file on one worker, with its fixtures, except for those that are spread."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFileOrPart(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            if not file.startswith(SPREAD):
                return file
            return f"{file}-{zlib.crc32(nodeid.encode()) % _PARTS}"

    return ByFileOrPart(config, log)
