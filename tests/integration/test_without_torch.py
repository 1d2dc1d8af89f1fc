"""Without the extra ``torch``: statistics, reports and the command line work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.helpers import synthetic_run as synthetic

BLOCKED = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "monai", "lightning"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""
COMMAND = BLOCKED + "sys.argv[0] = 'plexor'\nfrom plexor.cli.app import main\nmain()\n"


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_statistics_need_no_torch() -> None:
    code = BLOCKED + (
        "from plexor import stats\n"
        "print(stats.auc([0, 0, 1, 1], [1, 2, 2, 3], [1, 2, 3, 4]))\n"
        "print(stats.cohens_kappa([0, 1, 1], [0, 1, 0], [0, 1]).value)\n"
        "print(stats.reader_study_auc([0, 1] * 9, [[range(18), range(18)]] * 2).values.shape)\n"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0.88 (0.12–1.00), empirical ROC area")


@pytest.mark.parametrize("arguments", [("--help",), ("report", "--help"), ("readers", "--help")])
def test_help_needs_no_torch(arguments: tuple[str, ...]) -> None:
    done = run(COMMAND, *arguments)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_a_report_needs_no_torch(tmp_path: Path) -> None:
    synthetic.write(tmp_path / "run")
    done = run(COMMAND, "report", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report.html").exists()


def test_the_check_of_a_manifest_needs_no_torch(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "0.png")
    (tmp_path / "m.csv").write_text("path,label\n0.png,a\n")
    done = run(COMMAND, "cohort", "check", tmp_path / "m.csv")
    assert done.returncode == 0, done.stderr
    assert "1 cases of 1 groups" in done.stdout


def test_each_package_is_imported_or_says_how_to_install_torch() -> None:
    code = BLOCKED + (
        "import importlib, pkgutil, plexor\n"
        "from plexor.core.errors import MissingExtraError\n"
        "for module in pkgutil.iter_modules(plexor.__path__):\n"
        "    try:\n"
        "        importlib.import_module(f'plexor.{module.name}')\n"
        "    except MissingExtraError as error:\n"
        "        print(module.name, error, sep=': ')\n"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr
    words = "torch is not installed; run: pip install 'plexor[torch]'"
    needing, said = zip(*(line.split(": ", 1) for line in done.stdout.splitlines()), strict=True)
    assert set(said) == {words}
    assert {"attacks", "audits", "models", "plans", "probes", "shortcuts"} <= set(needing)
    assert not {"cases", "core", "findings", "readers", "report", "stats"} & set(needing)


def test_a_name_of_the_package_that_needs_torch_says_how_to_install_it() -> None:
    done = run(BLOCKED + "import plexor\nplexor.TorchModel\n")
    assert done.stderr.splitlines()[-1] == (
        "plexor.core.errors.MissingExtraError: "
        "torch is not installed; run: pip install 'plexor[torch]'"
    )


def test_what_needs_torch_says_how_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("seed: 1\n")
    for arguments in (("attacks",), ("audit", tmp_path / "plan.yaml")):
        done = run(COMMAND, *arguments)
        assert done.returncode == 2
        assert "pip install 'plexor[torch]'" in done.stderr
        assert "Traceback" not in done.stderr
