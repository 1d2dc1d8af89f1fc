"""One instance of a DICOMweb service, byte for byte (WADO-RS)."""

from __future__ import annotations

import re

from plexor.cases.sources.dicom_whole import check_whole
from plexor.cases.sources.dicomweb_session import GetOnly, NotServedError
from plexor.core.errors import DataError


def get_instance(session: GetOnly, url: str, study: str, series: str, instance: str) -> bytes:
    """The file of an instance, in the transfer syntax in which it is stored.

    ``dicomweb_client`` would parse it and write it anew, and take a message that has lost its end.

    Raises:
        NotServedError: the server does not give it, or gives something else.
    """
    where = f"{url.rstrip('/')}/studies/{study}/series/{series}/instances/{instance}"
    accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
    answer = session.get(where, headers={"Accept": accept})
    data = only_part(answer.content, answer.headers.get("Content-Type", ""))
    problem = _problem(data, instance)
    if problem:
        raise NotServedError(problem)
    return data


def only_part(body: bytes, content_type: str) -> bytes:
    """The one part of a multipart answer; the answer itself if it is DICOM.

    Raises:
        NotServedError: several parts, none, no end, or something else.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/dicom":
        return body
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if kind != "multipart/related" or boundary is None:
        raise NotServedError(f"the server answers with {kind or 'nothing'}, expected DICOM")
    mark = b"--" + boundary[1].strip().encode()
    if body.rstrip(b"\r\n")[-len(mark) - 2 :] != mark + b"--":
        raise NotServedError("the answer has lost its end")
    parts = (b"\r\n" + body).split(b"\r\n" + mark)[1:-1]
    if len(parts) != 1:
        raise NotServedError(f"the answer has {len(parts)} parts, expected one")
    return parts[0].partition(b"\r\n\r\n")[2]


def _problem(data: bytes, instance: str) -> str:
    """Why a file is not the whole instance; "" where it is."""
    try:
        found = check_whole(data)
    except DataError as error:
        return str(error)
    return "" if found == instance else "the server gives another instance than was asked for"
