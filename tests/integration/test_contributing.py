"""The worked examples of CONTRIBUTING.md, typed into a copy of the package as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TITLED = re.compile(
    r'^ *```(?P<kind>\w+) title="(?P<path>[^"]+)"\n(?P<text>.*?)^ *```$', re.DOTALL | re.MULTILINE
)
COMMANDS = re.compile(r"^ *```sh\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def _sections() -> dict[str, str]:
    """Heading → text of what is to be added, as far as its blocks say where they belong."""
    found = re.findall(r"^## (Add .*?)\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    return {heading: text for heading, text in found if TITLED.search(text)}


SECTIONS = _sections()


def edited(text: str, changes: str) -> str:
    """A file's text after the hunks of a diff, which are separated by lines of three dots.

    What a hunk shows of the file, unchanged or to be removed, must stand there exactly once.
    """
    for hunk in re.split(r"^\.\.\.\n", changes, flags=re.MULTILINE):
        lines = [(line[:1] or " ", line[1:]) for line in hunk.splitlines()]
        assert {mark for mark, _ in lines} <= {" ", "+", "-"}, hunk
        before, after = (
            "".join(f"{line}\n" for mark, line in lines if mark != left_out) for left_out in "+-"
        )
        places = re.findall(rf"^(?={re.escape(before)})", text, re.MULTILINE)
        assert len(places) == 1, f"stands there not exactly once:\n{before}"
        text = f"\n{text}".replace(f"\n{before}", f"\n{after}")[1:]
    return text


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """What a newcomer has cloned."""
    for name in ("src", "tests", "docs", "examples"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for file in ("pyproject.toml", "CHANGELOG.md", "README.md", "mkdocs.yml"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


@pytest.mark.parametrize("heading", SECTIONS)
def test_an_example_typed_as_it_stands_passes_the_tests_it_names(
    heading: str, copied: Path
) -> None:
    for block in TITLED.finditer(SECTIONS[heading]):
        path, text = copied / block["path"], textwrap.dedent(block["text"])
        if block["kind"] == "diff":
            path.write_text(edited(path.read_text(encoding="utf-8"), text), encoding="utf-8")
        else:
            assert not path.exists(), f"{block['path']} is there already"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for check in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        ruff = [sys.executable, "-m", "ruff", *check, "src"]
        checked = subprocess.run(ruff, cwd=copied, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
    commands = [line for block in COMMANDS.findall(SECTIONS[heading]) for line in block.split("\n")]
    named = [command.split() for command in commands if command.strip()]
    assert named
    for program, *arguments in named:
        assert program == ".venv/bin/pytest"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments],
            cwd=copied,
            env=os.environ | {"PYTHONPATH": str(copied / "src"), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:]


def test_every_example_says_where_its_lines_belong() -> None:
    headings = re.findall(r"^## (Add .*)$", TEXT, re.MULTILINE)
    assert headings == list(SECTIONS)
    assert not re.search(r"^ *```py$", "".join(SECTIONS.values()), re.MULTILINE)


def test_an_edit_must_find_its_place() -> None:
    assert edited("a\nb\nc\n", " b\n+x\n...\n-c\n+d\n") == "a\nb\nx\nd\n"
    with pytest.raises(AssertionError, match="not exactly once"):
        edited("a\nb\nb\n", " b\n+x\n")
    with pytest.raises(AssertionError, match="not exactly once"):
        edited("ab\n", " b\n+x\n")
