"""The wheel, installed into a fresh environment, runs outside of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "*.egg-info")


def run(*command: object, at: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=at,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and, through a path file, this one's other packages."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "src", source / "src", ignore=LEFT_BEHIND)
    pip = (sys.executable, "-m", "pip")
    wheel = ("wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder, source)
    run(*pip, *wheel, at=folder)
    home = folder / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    others = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (site / "others.pth").write_text("\n".join(others) + "\n")
    (built,) = folder.glob("plexor-*.whl")
    python = home / "bin" / "python"
    run(*pip, "--python", python, "install", "-q", "--no-deps", "--no-index", built, at=folder)
    return home


def test_the_demo_runs_from_the_wheel(environment: Path, tmp_path: Path) -> None:
    plexor = environment / "bin" / "plexor"
    where = "import plexor; print(plexor.__file__)"
    found = run(environment / "bin" / "python", "-c", where, at=tmp_path).strip()
    assert Path(found).is_relative_to(environment)
    assert run(plexor, "--version", at=tmp_path).startswith("plexor ")
    said = run(plexor, "demo", "--cases", "60", "--out", "demo", at=tmp_path)
    assert "report: demo/run/report.html" in said
    assert (tmp_path / "demo" / "run" / "report.html").stat().st_size > 100_000
    page = run(plexor, "compare", "demo/run", "demo/run", at=tmp_path)
    assert "nothing else differs" in page
