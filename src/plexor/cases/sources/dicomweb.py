"""Fetches DICOM files from a DICOMweb service (QIDO-RS, WADO-RS); sends nothing but queries."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from plexor.core.errors import DataError, PlanError, brief, require, unknown
from plexor.core.files import sole_writer, write_atomic
from plexor.core.progress import Advance

if TYPE_CHECKING:
    from dicomweb_client import DICOMwebClient

    from plexor.cases.sources.dicomweb_session import GetOnly

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
"""A DICOM UID (PS3.5, 9.1), which also becomes the name of a folder or a file."""
_STUDY, _SERIES, _INSTANCE = "0020000D", "0020000E", "00080018"
_PAGE = 500
"""Results of a search that are asked for at once."""
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a fetch has brought.

    Attributes:
        n_series: found by the query.
        n_new: files written now.
        n_kept: files that were there and whole.
        failed: reason → instances that could not be had.
        notes: what the user must know.
    """

    n_series: int
    n_new: int
    n_kept: int
    failed: Mapping[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def parse_query(text: str) -> dict[str, str]:
    """A query as ``PatientID=42&Modality=CT``: keywords of DICOM attributes and their values.

    Raises:
        PlanError: empty, or a name that is no DICOM keyword.

    Example:
        >>> parse_query("PatientID=42&Modality=CT")
        {'PatientID': '42', 'Modality': 'CT'}
    """
    from pydicom.datadict import keyword_dict

    found = dict(parse_qsl(text, keep_blank_values=True))
    if not found or not all(found.values()):
        raise PlanError(f"--query: expected KEYWORD=VALUE&KEYWORD=VALUE, got {text!r}")
    for name in found:
        if name not in keyword_dict:
            message = unknown("DICOM keyword", name, keyword_dict).partition(" (known")[0]
            raise PlanError(
                f"--query: {message}; keywords are as in PatientID, StudyDate, Modality"
            )
    return found


def fetch(
    url: str,
    query: Mapping[str, str],
    out: Path,
    *,
    advance: Advance,
    timeout: float = 60.0,
    pause: float = 1.0,
    environment: Mapping[str, str] = os.environ,
) -> Fetched:
    """Fetches every instance of the series that a query finds, in the syntax it is stored in.

    Files go to ``out/STUDY/SERIES/INSTANCE.dcm``, each whole or not at all. Those that are there
    are not fetched again, so that the same call resumes. Credentials are read from the environment
    and kept nowhere: PLEXOR_DICOMWEB_TOKEN, or PLEXOR_DICOMWEB_USER and PLEXOR_DICOMWEB_PASSWORD.

    Args:
        url: of the service, up to what comes before ``/studies``.
        query: DICOM keyword → value, with the wildcards that the server allows.
        out: folder for the files.
        advance: receives the progress.
        timeout: seconds without a byte after which a request has failed.
        pause: seconds before a second attempt, if the server is busy.
        environment: where credentials are.

    Raises:
        PlanError: the URL is none, or holds credentials.
        DataError: the credentials are refused, the server sends to another host, or answers with
            something else than DICOM JSON.
        OutageError: the server does not answer, or fails.
        MissingExtraError: dicomweb-client is not installed.
    """
    require("dicomweb_client")
    from plexor.cases.sources.dicomweb_instance import get_instance
    from plexor.cases.sources.dicomweb_session import NotServedError

    session, notes = _session(url, environment, timeout=timeout, pause=pause)
    client = _client(url, session)
    failed: dict[str, list[str]] = {}
    n_new = n_kept = 0
    with session, sole_writer(out):
        series = _series(client, query)
        for number, (study, one) in enumerate(series, 1):
            for instance in _instances(client, study, one):
                path = out / study / one / f"{instance}.dcm"
                if _is_there(path, instance):
                    n_kept += 1
                    continue
                try:
                    data = get_instance(session, url, study, one, instance)
                except NotServedError as error:
                    failed.setdefault(str(error), []).append(instance)
                    continue
                write_atomic(path, data)
                n_new += 1
                advance(number - 1, len(series), f"{n_new + n_kept} files", unit="series")
            advance(number, len(series), f"{n_new + n_kept} files", unit="series")
    return Fetched(
        n_series=len(series), n_new=n_new, n_kept=n_kept, failed=failed, notes=tuple(notes)
    )


def _session(
    url: str, environment: Mapping[str, str], *, timeout: float, pause: float
) -> tuple[GetOnly, list[str]]:
    from plexor.cases.sources.dicomweb_session import (
        PASSWORD,
        TOKEN,
        USER,
        Credentials,
        GetOnly,
    )

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise PlanError("expected the URL of a DICOMweb service, as https://pacs.example/dicom-web")
    if parts.username or parts.password:
        raise PlanError(f"the URL holds credentials; take them out, and set {TOKEN} or {USER}")
    credentials = Credentials(
        token=environment.get(TOKEN, ""),
        user=environment.get(USER, ""),
        password=environment.get(PASSWORD, ""),
    )
    notes = []
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        what = "images and credentials" if credentials.any else "images"
        notes.append(f"{what} travelled without encryption: the URL begins with http://")
    return GetOnly(url, credentials, timeout=timeout, pause=pause), notes


def _client(url: str, session: GetOnly) -> DICOMwebClient:
    from dicomweb_client import DICOMwebClient

    client = DICOMwebClient(url.rstrip("/"), session=session)
    client.set_http_retry_params(retry=False)  # the session asks again, as the server wishes
    return client


def _series(client: DICOMwebClient, query: Mapping[str, str]) -> list[tuple[str, str]]:
    """Study and series UID of the series that a query finds, sorted."""

    def search(**page: int) -> Any:
        fields = ["StudyInstanceUID", "SeriesInstanceUID"]
        return client.search_for_series(search_filters=dict(query), fields=fields, **page)

    return sorted({(one[_STUDY], one[_SERIES]) for one in _pages(search, _STUDY, _SERIES)})


def _instances(client: DICOMwebClient, study: str, series: str) -> list[str]:
    """SOP Instance UIDs of a series, sorted."""

    def search(**page: int) -> Any:
        return client.search_for_instances(study, series, **page)

    return sorted({one[_INSTANCE] for one in _pages(search, _INSTANCE)})


def _pages(search: Callable[..., Any], *tags: str) -> Iterator[dict[str, str]]:
    """Results of a search page by page, as tag → UID, until a page brings nothing new.

    Raises:
        DataError: the answer is no DICOM JSON, or lacks a UID.
    """
    seen: set[tuple[str, ...]] = set()
    offset = 0
    while True:
        try:
            page = search(limit=_PAGE, offset=offset)
            found = [{tag: str(one[tag]["Value"][0]) for tag in tags} for one in page]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise DataError(
                f"the answer to a search is no list in DICOM JSON ({brief(error)}); is this the "
                "URL of a DICOMweb service?"
            ) from None
        strange = [uid for one in found for uid in one.values() if not is_uid(uid)]
        if strange:
            raise DataError(f"the server names {strange[0][:80]!r}, expected a DICOM UID")
        new = [one for one in found if tuple(one.values()) not in seen]
        if not new:
            return
        seen |= {tuple(one.values()) for one in new}
        offset += len(found)
        yield from new


def is_uid(text: str) -> bool:
    """Whether a text is a DICOM UID, which can be the name of a file.

    Example:
        >>> is_uid("1.2.840.10008"), is_uid("../1.2")
        (True, False)
    """
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def _is_there(path: Path, instance: str) -> bool:
    """Whether an instance was fetched before; files are written whole, so the header is enough."""
    from pydicom import dcmread

    if not path.is_file():
        return False
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["SOPInstanceUID"])
    except Exception:  # noqa: BLE001 (pydicom raises errors of many kinds)
        return False
    return str(header.get("SOPInstanceUID", "")) == instance
