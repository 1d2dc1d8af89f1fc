"""Files that hold what a text should be."""

from __future__ import annotations

import os
from pathlib import Path


def assert_golden(path: Path, text: str) -> None:
    """Compares with a file; with ``PLEXOR_REWRITE=1`` writes it instead."""
    if os.environ.get("PLEXOR_REWRITE"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    expected = path.read_text(encoding="utf-8") if path.exists() else ""
    assert text == expected, (
        f"{path.name} has changed; if that is meant, run the test with PLEXOR_REWRITE=1"
    )
