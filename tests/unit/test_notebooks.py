"""The notebooks of the documentation hold the cells of the examples, each with its output."""

from __future__ import annotations

import pytest

pytest.importorskip("jupytext", reason="notebooks need the extra `docs`")

import nbformat
from scripts.notebooks import NAMES, cells, path_of


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_its_example_executed(name: str) -> None:
    kept = nbformat.read(path_of(name), as_version=4)
    assert [(cell.cell_type, cell.source) for cell in kept.cells] == [
        (cell.cell_type, cell.source) for cell in cells(name).cells
    ], "run `make notebooks`"
    code = [cell for cell in kept.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [*range(1, len(code) + 1)]
    assert not any(output.output_type == "error" for cell in code for output in cell.outputs)
    assert any("image/png" in str(output) for cell in code for output in cell.outputs)
