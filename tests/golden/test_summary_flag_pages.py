from __future__ import annotations

from pathlib import Path

import pytest
from tests.helpers.golden import assert_golden

from plexor.findings.flags.catalogue import FLAG_KINDS
from plexor.findings.flags.flag_kind import FlagKind, page

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "flags"


@pytest.mark.parametrize("kind", FLAG_KINDS, ids=lambda kind: str(kind.id))
def test_each_flag_has_its_page(kind: FlagKind) -> None:
    assert_golden(PAGES / f"{kind.id}.md", page(kind))


def test_each_page_has_its_flag() -> None:
    pages = {path.stem for path in PAGES.glob("*.md")} - {"index"}
    assert pages == {kind.id for kind in FLAG_KINDS}


def test_the_index_lists_every_flag() -> None:
    rows = [
        f"| [{kind.title}]({kind.id}.md) | `{kind.id}` | {kind.severity} |" for kind in FLAG_KINDS
    ]
    text = (
        "# Evaluation flags\n\n"
        "A flag is a doubt about the evaluation itself. An *error* means: do not rely on the "
        "figures concerned. A *warning*: interpret with care. A *note*: for information.\n\n"
        "| doubt | id | severity |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    )
    assert_golden(PAGES / "index.md", text)
