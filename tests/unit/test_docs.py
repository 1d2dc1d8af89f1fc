"""What the documents refer to is there, and what they say a plan may be is a plan."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest
import yaml

from plexor.attacks import CATALOGUE
from plexor.plans import load_plan

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "examples", "benchmarks")
PAGES = [
    *ROOT.glob("*.md"),
    *(
        page
        for name in FOLDERS
        for page in (ROOT / name).rglob("*.md")
        if ".venv" not in page.parts  # of `make benchmark`
    ),
]
GENERATED = ("plan.md", "cli.md", "attacks.md", "summary.schema.json")


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _without_code(text: str) -> str:
    return re.sub(
        r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    )


def _blocks(path: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}[^\n]*\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE
    )


def _slugs(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_relative_links_resolve(page: Path) -> None:
    text = _without_code(page.read_text())
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = unquote(target).partition("#")
        found = page.parent / name if name else page
        assert found.exists(), f"{_named(page)} links to {target}"
        if anchor:
            assert anchor in _slugs(found), f"{_named(page)} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_plans_shown_are_plans(page: Path) -> None:
    for block in _blocks(page, "yaml"):
        shown = yaml.safe_load(block) if "--8<--" not in block else None
        if isinstance(shown, dict) and "cohort" in shown:
            load_plan(shown)


def test_the_choice_of_an_attack_is_among_all_there_are() -> None:
    page = (ROOT / "docs" / "how-to" / "which-attack.md").read_text()
    assert {name for name in CATALOGUE if f"`{name}`" not in page} == set()


def test_no_page_reaches_out_for_pictures() -> None:
    for page in PAGES:
        assert not re.search(r"!\[[^\]]*\]\(https?:", page.read_text()), _named(page)


def test_pictures_are_small() -> None:
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    assert sum(picture.stat().st_size for picture in pictures) < 360_000


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", GENERATED)
def test_generated_pages_are_current(name: str, generator: ModuleType) -> None:
    written = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert written == generator.pages()[name], "run: .venv/bin/python docs/generate.py"


def test_every_page_is_in_the_navigation() -> None:
    nav = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        assert str(page.relative_to(ROOT / "docs")) in nav
