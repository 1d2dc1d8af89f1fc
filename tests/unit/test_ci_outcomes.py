"""Outcomes of conditions as JUnit XML and as annotations."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from plexor.cli.ci import annotation_lines, write_junit

OUTCOMES = {
    "a < 1": ("met", "a < 1"),
    'probes["<&>"].x > 0': ("not met", 'does not hold: 100 %, probes["<&>"].x > 0\nat all'),
    "b\x00": ("no answer", "unknown name"),
}


def test_each_condition_is_a_test(tmp_path: Path) -> None:
    write_junit(tmp_path / "out" / "junit.xml", "runs/a", OUTCOMES)
    suite = ET.parse(tmp_path / "out" / "junit.xml").getroot()  # noqa: S314
    counts = [suite.attrib[name] for name in ("name", "tests", "failures", "errors")]
    assert counts == ["runs/a", "3", "1", "1"]
    assert [[part.tag for part in case] for case in suite] == [[], ["failure"], ["error"]]
    assert suite[1].attrib["name"] == 'probes["<&>"].x > 0'


def test_annotations_within_github_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert annotation_lines(OUTCOMES) == []
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    first, second = annotation_lines(OUTCOMES)
    assert first.startswith("::error title=plexor%3A not met::does not hold: 100 %25, probes")
    assert first.endswith("%0Aat all")
    assert second.endswith("::unknown name")
