"""Runs the examples that are written in cells, and keeps them with their output as notebooks.

    python -m scripts.notebooks

The cells stand in ``examples``; what a reader of the documentation sees, in ``docs/notebooks``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbformat import NotebookNode, write

ROOT = Path(__file__).parents[1]
NAMES = ("own_model", "monai_and_lightning")


def cells(name: str) -> NotebookNode:
    """The notebook of an example, without output."""
    notebook: NotebookNode = jupytext.read(ROOT / "examples" / f"{name}.py")
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
    }
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # else drawn at random
    return notebook


def path_of(name: str) -> Path:
    """Where the executed notebook is kept."""
    return ROOT / "docs" / "notebooks" / f"{name}.ipynb"


def main() -> None:
    """Executes every notebook in an empty folder."""
    for name in NAMES:
        notebook = cells(name)
        with tempfile.TemporaryDirectory() as folder:
            NotebookClient(
                notebook, resources={"metadata": {"path": folder}}, record_timing=False
            ).execute()
        notebook.metadata.pop("language_info", None)  # names the version of Python
        write(notebook, path_of(name))


if __name__ == "__main__":
    main()
