"""The areas of the package that are mutated, and the tests that must notice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "plexor"
FOLDER = ROOT / ".make" / "mutants"
"""Results and records of earlier runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A part of the package and its tests.

    Attributes:
        name: as in the table.
        modules: glob patterns under ``src/plexor``; a pattern without a match is ignored, an area
            without a module is an error.
        tests: glob patterns under ``tests``, likewise.
        always: patterns of tests that run the code in other processes, where no coverage is
            recorded: they are run for every mutant that nothing else has killed, if the limit of
            time allows.
    """

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    always: tuple[str, ...] = ()

    def module_files(self) -> list[Path]:
        """The modules' files, sorted."""
        return _matches(SOURCE, self.modules, self.name)

    def test_files(self) -> list[Path]:
        """The tests' files, sorted."""
        return _matches(ROOT / "tests", self.tests + self.always, self.name)

    def always_files(self) -> list[Path]:
        """Those of ``always``; may be empty."""
        return _matches(ROOT / "tests", self.always, self.name) if self.always else []


def _matches(folder: Path, patterns: Iterable[str], name: str) -> list[Path]:
    found = {path for pattern in patterns for path in folder.glob(pattern)}
    files = sorted(path for path in found if path.suffix == ".py" and path.stat().st_size)
    if not files:
        raise SystemExit(f"mutants: the area {name!r} matches no file under {folder}")
    return files


AREAS = (
    Area(
        name="geometry",
        modules=(
            "attacks/geometry*.py",
            "attacks/fitting*.py",
            "attacks/norms/*.py",
            "attacks/grid*.py",
        ),
        tests=(
            "oracle/test_threat_projection.py",
            "oracle/test_*_optimum.py",
            "property/test_threat_properties.py",
            "unit/test_threat*.py",
            "unit/test_geometry*.py",
            "unit/test_norm*.py",
            "contract/test_norm_contract.py",
        ),
    ),
    Area(
        name="judge",
        modules=("attacks/judge.py", "attacks/distances.py", "audits/row.py"),
        tests=(
            "unit/test_judge.py",
            "unit/test_row.py",
            "unit/test_jpeg_search.py",
            "unit/test_cases_findings.py",
            "integration/test_audit_outlines.py",
            "integration/test_audit_tasks.py",
            "integration/test_audit_jpeg.py",
            "integration/test_formats_end_to_end.py",
        ),
    ),
    Area(
        name="threat",
        modules=(
            "attacks/threat.py",
            "attacks/region.py",
            "attacks/regions/*.py",
            "threat_model/*.py",
        ),
        tests=(
            "unit/test_threat*.py",
            "unit/test_region*.py",
            "unit/test_plan_threats.py",
            "contract/test_threat_model_values.py",
            "contract/test_norm_contract.py",
            "unit/test_judge.py",
            "oracle/test_threat_projection.py",
            "property/test_threat_properties.py",
            "oracle/test_pgd_optimum.py",
            "oracle/test_apgd_optimum.py",
            "oracle/test_tied_optimum.py",
        ),
    ),
    Area(
        name="goals",
        modules=("attacks/goals/*.py", "attacks/outlined_area.py", "threat_model/goals/*.py"),
        tests=(
            "unit/test_goal*.py",
            "contract/test_threat_model_values.py",
            "oracle/test_contours.py",
            "oracle/test_goal*.py",
            "oracle/test_minimum_norm_optimum.py",
            "oracle/test_summary_tasks.py",
            "integration/test_audit_outlines.py",
        ),
    ),
    Area(
        name="findings",
        modules=("findings/**/*.py",),
        tests=(
            "unit/test_summary*.py",
            "unit/test_require.py",
            "unit/test_output.py",
            "unit/test_study*.py",
            "oracle/test_summary*.py",
            "property/test_summary*.py",
            "contract/test_summary*.py",
            "golden/test_summary*.py",
            "unit/test_compare_command.py",
            "unit/test_json_format.py",
            "unit/test_require_check.py",
            "unit/test_run_directory.py",
            "unit/test_visibility.py",
            "oracle/test_comparison.py",
        ),
    ),
    Area(
        name="stats",
        modules=("stats/*.py",),
        tests=("**/test_stats_*.py", "oracle/test_observer.py"),
    ),
    Area(
        name="formats",
        modules=("cases/formats/*.py", "cases/image.py", "cases/intensity.py", "cases/split.py"),
        tests=(
            "contract/test_cases_*.py",
            "oracle/test_cases_*.py",
            "property/test_cases_*.py",
            "unit/test_cases_*.py",
            "unit/test_jpeg_search.py",
            "oracle/test_jpeg_*.py",
            "integration/test_formats_end_to_end.py",
        ),
    ),
    Area(
        name="resume",
        modules=(
            "audits/missing.py",
            "audits/run.py",
            "audits/ahead.py",
            "audits/unit.py",
            "audits/stream.py",
            "findings/run.py",
            "core/files.py",
        ),
        tests=(
            "integration/test_audit_refused.py",
            "integration/test_audit_same_findings.py",
            "integration/test_audit_fitted.py",
            "unit/test_read_ahead.py",
            "unit/test_output.py",
            "unit/test_core.py",
            "unit/test_run_directory.py",
            "unit/test_case_stream.py",
        ),
        always=("integration/test_resume.py",),
    ),
)
