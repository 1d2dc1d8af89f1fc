"""A small cohort with a network trained on it, made once, copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.helpers.runs import Setup, set_up
from tests.helpers.shared import made_once


@pytest.fixture(scope="session")
def lesions(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    """48 lesions of 24 groups, PNG; not to be changed."""
    return Setup(folder=made_once(tmp_path_factory, "lesions", set_up))


@pytest.fixture
def setup(lesions: Setup, tmp_path: Path) -> Setup:
    """A copy to damage."""
    folder = tmp_path / "setup"
    shutil.copytree(lesions.folder, folder)
    return Setup(folder=folder)


@pytest.fixture
def few(setup: Setup) -> Setup:
    """Twelve cases of six groups and a quick plan, to damage."""
    setup.write_rows(setup.rows()[:12])
    setup.change_plan(unit_size=12, n_examples=0)
    return setup


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
