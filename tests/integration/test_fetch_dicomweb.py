"""``plexor cohort fetch dicomweb`` against a DICOMweb server in a thread."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.dicomweb_server import Answer, Pacs, multipart, served
from tests.helpers.enhanced import written
from tests.helpers.series import SERIES, series_files
from typer.testing import CliRunner

from plexor.cases.sources.dicomweb import Fetched, fetch, parse_query
from plexor.cli.app import app
from plexor.core.errors import DataError, OutageError, PlanError

SECRET = "t0ken-of-the-test"  # noqa: S105 (of no server)
QUERY = {"PatientID": "MRN-0042", "Modality": "CT"}


@pytest.fixture
def pacs() -> Iterator[Pacs]:
    other = written(
        SOPInstanceUID="1.2.3.4",
        SeriesInstanceUID="1.2.3.5",
        StudyInstanceUID="1.2.3.6",
        PatientID="another",
    )
    with served(Pacs(files=[*series_files(), other])) as running:
        yield running


def _fetch(
    pacs: Pacs, out: Path, *, timeout: float = 20.0, environment: dict[str, str] | None = None
) -> Fetched:
    return fetch(
        pacs.url,
        QUERY,
        out,
        advance=lambda *_, **__: None,
        timeout=timeout,
        pause=0.01,
        environment=environment or {},
    )


def _files(out: Path) -> list[Path]:
    return sorted(path for path in out.rglob("*.dcm"))


def test_what_a_query_finds_is_fetched_byte_for_byte(pacs: Pacs, tmp_path: Path) -> None:
    found = _fetch(pacs, tmp_path / "out")
    assert (found.n_series, found.n_new, found.n_kept) == (1, 6, 0)
    assert {path.read_bytes() for path in _files(tmp_path / "out")} == set(pacs.files[:6])
    assert {path.parent.name for path in _files(tmp_path / "out")} == {SERIES}
    assert {method for method, _, _ in pacs.asked} == {"GET"}
    assert not found.failed


def test_what_is_there_and_whole_is_not_fetched_again(pacs: Pacs, tmp_path: Path) -> None:
    _fetch(pacs, tmp_path)
    first, second = _files(tmp_path)[:2]
    first.unlink()
    second.write_bytes(b"not the file that it was")
    before = pacs.n_files_asked()
    found = _fetch(pacs, tmp_path)
    assert (found.n_new, found.n_kept) == (2, 4)
    assert pacs.n_files_asked() == before + 2
    assert {path.read_bytes() for path in _files(tmp_path)} == set(pacs.files[:6])


def test_a_killed_fetch_is_resumed(pacs: Pacs, tmp_path: Path) -> None:
    pacs.delay = 0.2
    query = "PatientID=MRN-0042&Modality=CT"
    start = "from plexor.cli.app import main; main()"
    command = [sys.executable, "-c", start, "cohort", "fetch", "dicomweb", pacs.url]
    child = subprocess.Popen([*command, "--query", query, "--out", str(tmp_path)])
    deadline = time.monotonic() + 60
    while len(_files(tmp_path)) < 2 and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    there = len(_files(tmp_path))
    assert 2 <= there < 6
    pacs.delay = 0.0
    before = pacs.n_files_asked()
    found = _fetch(pacs, tmp_path)
    assert (found.n_new, found.n_kept) == (6 - there, there)
    assert pacs.n_files_asked() == before + 6 - there
    assert {path.read_bytes() for path in _files(tmp_path)} == set(pacs.files[:6])
    assert not list(tmp_path.rglob("*partial*"))


@pytest.mark.parametrize(
    ("environment", "header"),
    [
        ({"PLEXOR_DICOMWEB_TOKEN": SECRET}, f"Bearer {SECRET}"),
        (
            {"PLEXOR_DICOMWEB_USER": "reader", "PLEXOR_DICOMWEB_PASSWORD": "word"},
            "Basic cmVhZGVyOndvcmQ=",
        ),
    ],
)
def test_credentials_come_from_the_environment(
    environment: dict[str, str], header: str, pacs: Pacs, tmp_path: Path
) -> None:
    pacs.wanted = header
    assert _fetch(pacs, tmp_path, environment=environment).n_new == 6
    assert {key for _, _, key in pacs.asked} == {header}
    with pytest.raises(DataError, match=r"the server wants credentials \(401\)") as caught:
        _fetch(pacs, tmp_path / "again")
    assert "PLEXOR_DICOMWEB_TOKEN" in str(caught.value)
    wrong = dict.fromkeys(environment, "not-it")
    with pytest.raises(DataError, match="credentials of the environment are refused") as caught:
        _fetch(pacs, tmp_path / "again", environment=wrong)
    assert "not-it" not in str(caught.value)


def test_a_netrc_file_is_not_read(
    pacs: Pacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    _fetch(pacs, tmp_path / "out")
    assert {key for _, _, key in pacs.asked} == {""}


def test_a_busy_server_is_asked_again(pacs: Pacs, tmp_path: Path) -> None:
    pacs.trouble = lambda _, times: Answer(status=(429, 503)[times]) if times < 2 else None
    assert _fetch(pacs, tmp_path).n_new == 6
    pacs.trouble = lambda path, _: Answer(status=429) if path.endswith("/series") else None
    with pytest.raises(OutageError, match="429 after 5 attempts; run the same command again later"):
        _fetch(pacs, tmp_path)


def test_a_query_is_in_no_message(pacs: Pacs, tmp_path: Path) -> None:
    for status in (400, 401, 404, 429, 500):
        pacs.trouble = lambda _path, _times, status=status: Answer(status=status)  # type: ignore[misc]
        with pytest.raises((DataError, OutageError), match=str(status)) as caught:
            _fetch(pacs, tmp_path, environment={"PLEXOR_DICOMWEB_TOKEN": SECRET})
        assert "MRN-0042" not in str(caught.value)
        assert SECRET not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__cause__ is None


def _first(pacs: Pacs, answer: Answer) -> str:
    """Lets the server answer so for the first file; returns its instance."""
    asked = [path for _, path, _ in pacs.asked if "/instances/" in path]
    uid = min(path.rsplit("/", 1)[1] for path in asked)
    pacs.trouble = lambda path, _: answer if path.endswith(f"/{uid}") else None
    return uid


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (Answer(status=404), "not found (404)"),
        (Answer(status=406), "refused (406)"),
        (Answer(b"<html>", kind="text/html"), "answers with text/html, expected DICOM"),
        (Answer(b"{}"), "answers with application/dicom+json, expected DICOM"),
        (multipart(b"no DICOM"), "expected a DICOM file, found one that begins b'no DICOM'"),
        (multipart(series_files()[0][:-9]), "truncated: expected 70 bytes of pixels"),
        (multipart(written(SOPInstanceUID="1.2.9")), "gives another instance"),
        (
            Answer(multipart(series_files()[0]).body[:-14], kind=multipart(b"").kind),
            "has lost its end",
        ),
        (
            Answer(
                multipart(series_files()[0]).body[:-4] + multipart(b"x").body[8:],
                kind=multipart(b"").kind,
            ),
            "the answer has",
        ),
        (Answer(b"", status=204), "answers with application/dicom+json"),
    ],
)
def test_one_bad_instance_is_told_and_the_others_are_fetched(
    answer: Answer, complaint: str, pacs: Pacs, tmp_path: Path
) -> None:
    _fetch(pacs, tmp_path / "once")
    uid = _first(pacs, answer)
    found = _fetch(pacs, tmp_path / "out")
    assert found.n_new == 5
    ((reason, names),) = found.failed.items()
    assert complaint in reason
    assert names == [uid]
    assert len(_files(tmp_path / "out")) == 5


def test_a_server_that_breaks_off_or_hangs_can_be_resumed(pacs: Pacs, tmp_path: Path) -> None:
    _fetch(pacs, tmp_path / "once")
    _first(pacs, Answer(multipart(series_files()[0]).body[:200], length=5000))
    with pytest.raises(OutageError, match="broke off; run the same command again"):
        _fetch(pacs, tmp_path)
    pacs.delay = 3
    pacs.trouble = lambda _path, _times: None
    with pytest.raises(OutageError, match="no answer in time"):
        _fetch(pacs, tmp_path, timeout=0.3)
    with pytest.raises(OutageError, match="no connection"):
        fetch("http://127.0.0.1:9/pacs", QUERY, tmp_path, advance=lambda *_, **__: None)


def test_other_hosts_are_not_followed(pacs: Pacs, tmp_path: Path) -> None:
    with served(Pacs(files=series_files())) as thief:
        away = Answer(status=302, headers={"Location": f"{thief.url}/series"})
        pacs.trouble = lambda _path, _times: away
        with pytest.raises(DataError, match="sends on to another host, http:"):
            _fetch(pacs, tmp_path, environment={"PLEXOR_DICOMWEB_TOKEN": SECRET})
        assert thief.asked == []
    near = Answer(status=302, headers={"Location": "/pacs/here"})
    series = pacs.answer("/pacs/series?limit=9")
    pacs.trouble = lambda path, _: (
        near if path == "/pacs/series" else series if path == "/pacs/here" else None
    )
    assert _fetch(pacs, tmp_path).n_series == 2
    circle = Answer(status=302, headers={"Location": "/pacs/series"})
    pacs.trouble = lambda _path, _times: circle
    with pytest.raises(OutageError, match="sends on in a circle"):
        _fetch(pacs, tmp_path)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"<html>", "no list in DICOM JSON"),
        (b'[{"0020000D": {"Value": ["1.2"]}}]', "no list in DICOM JSON"),
        (
            b'[{"0020000D": {"Value": ["../../etc"]}, "0020000E": {"Value": ["1.2"]}}]',
            "names '../../etc', expected a DICOM UID",
        ),
    ],
)
def test_a_search_that_answers_otherwise(
    body: bytes, complaint: str, pacs: Pacs, tmp_path: Path
) -> None:
    pacs.trouble = lambda _path, _times: Answer(body)
    with pytest.raises(DataError, match=complaint):
        _fetch(pacs, tmp_path)


def test_a_server_without_pages_is_not_asked_for_ever(pacs: Pacs, tmp_path: Path) -> None:
    everything = pacs.answer("/pacs/series?limit=9").body
    pacs.trouble = lambda path, _: Answer(everything) if path == "/pacs/series" else None
    assert _fetch(pacs, tmp_path).n_series == 2


def test_an_answer_has_a_largest_size(
    pacs: Pacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLEXOR_MAX_BYTES", "900")
    with pytest.raises(DataError, match="expected at most 900"):
        _fetch(pacs, tmp_path)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("pacs.example/dicom", "expected the URL of a DICOMweb service"),
        ("https://me:secret@pacs.example", "the URL holds credentials"),
        ("ftp://pacs.example", "expected the URL of a DICOMweb service"),
    ],
)
def test_urls_that_are_refused(url: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=complaint) as caught:
        fetch(url, QUERY, tmp_path, advance=lambda *_, **__: None)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("PatientId=4", "did you mean 'PatientID'"),
        ("", "expected KEYWORD=VALUE"),
        ("Modality=", "expected KEYWORD=VALUE"),
    ],
)
def test_queries_that_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(PlanError, match=complaint):
        parse_query(text)


def test_the_command_says_what_is_next(
    pacs: Pacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLEXOR_DICOMWEB_TOKEN", SECRET)
    out = tmp_path / "export"
    command = ["cohort", "fetch", "dicomweb", pacs.url, "--query", "Modality=CT", "--out", str(out)]
    said = CliRunner().invoke(app, command)
    assert said.exit_code == 0, said.output
    assert "2 series: 7 files fetched" in said.output
    assert "plexor cohort make dicom" in said.output
    written_there = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET.encode() not in written_there
    assert SECRET not in said.output
    again = CliRunner().invoke(app, command)
    assert "0 files fetched, 7 there before" in again.output
    pacs.trouble = lambda path, _: Answer(status=404) if path.endswith("/1.2.3.4") else None
    with contextlib.suppress(FileNotFoundError):
        next(out.rglob("1.2.3.4.dcm")).unlink()
    failed = CliRunner().invoke(app, command)
    assert failed.exit_code == 1
    assert "1 not fetched" in failed.output
