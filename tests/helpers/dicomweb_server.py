"""A small DICOMweb server over DICOM files in memory: QIDO-RS and WADO-RS, and ways to fail."""

from __future__ import annotations

import contextlib
import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydicom import Dataset, dcmread

BOUNDARY = "b0undary"
_FILE = re.compile(r"/pacs/studies/([\d.]+)/series/([\d.]+)/instances/([\d.]+)")


@dataclass
class Answer:
    """What the server sends."""

    body: bytes = b""
    status: int = 200
    kind: str = "application/dicom+json"
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    """Content-Length, where it is not that of the body."""


Trouble = Callable[[str, int], Answer | None]
"""Path and the number of times it was asked for → an answer in place of the right one."""


@dataclass
class Pacs:
    """The server's files, what it was asked, and how it fails.

    Attributes:
        files: the DICOM files.
        asked: method, path with query, and Authorization header of each request, in order.
        trouble: gives an answer in place of the right one.
        wanted: the Authorization header that is wanted, if any.
        delay: seconds before each file.
        page: most results of a search.
    """

    files: list[bytes]
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    trouble: Trouble = lambda _path, _times: None
    wanted: str = ""
    delay: float = 0.0
    page: int = 2
    url: str = ""

    def n_files_asked(self) -> int:
        """Requests for files so far."""
        return sum(_FILE.fullmatch(urlsplit(path).path) is not None for _, path, _ in self.asked)

    def answer(self, path: str) -> Answer:
        """The right answer to a request."""
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query))
        headers = [_header(file) for file in self.files]
        found = _FILE.fullmatch(parts.path)
        if found is not None:
            time.sleep(self.delay)
            for header, file in zip(headers, self.files, strict=True):
                if str(header.SOPInstanceUID) == found[3]:
                    return multipart(file)
            return Answer(status=404)
        if parts.path == "/pacs/series":
            wanted = {
                key: value for key, value in query.items() if key in ("PatientID", "Modality")
            }
            results = {
                str(one.SeriesInstanceUID): _result(one, "StudyInstanceUID", "SeriesInstanceUID")
                for one in headers
                if all(str(one.get(key)) == value for key, value in wanted.items())
            }
            return self._page([*results.values()], query)
        series = re.fullmatch(r"/pacs/studies/[\d.]+/series/([\d.]+)/instances", parts.path)
        if series is not None:
            matching = [one for one in headers if str(one.SeriesInstanceUID) == series[1]]
            return self._page([_result(one, "SOPInstanceUID") for one in matching], query)
        return Answer(status=404)

    def _page(self, results: list[Any], query: dict[str, str]) -> Answer:
        start = int(query.get("offset", 0))
        count = min(self.page, int(query.get("limit", self.page)))
        shown = results[start : start + count]
        return Answer(json.dumps(shown).encode() if shown else b"", status=200 if shown else 204)


@cache
def _header(file: bytes) -> Dataset:
    return dcmread(io.BytesIO(file), stop_before_pixels=True)


def multipart(file: bytes) -> Answer:
    """A file as the only part of an answer."""
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = head + file + f"\r\n--{BOUNDARY}--\r\n".encode()
    kind = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    return Answer(body, kind=kind)


def _result(header: Dataset, *keywords: str) -> dict[str, Any]:
    tags = {
        "StudyInstanceUID": "0020000D",
        "SeriesInstanceUID": "0020000E",
        "SOPInstanceUID": "00080018",
    }
    return {tags[one]: {"vr": "UI", "Value": [str(header.get(one))]} for one in keywords}


@contextlib.contextmanager
def served(pacs: Pacs) -> Iterator[Pacs]:
    """The server, listening on a free port of this machine until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # which would hold every answer back for 40 ms

        def do_GET(self) -> None:
            key = self.headers.get("Authorization", "")
            times = sum(path == self.path for _, path, _ in pacs.asked)
            pacs.asked.append(("GET", self.path, key))
            found = pacs.trouble(urlsplit(self.path).path, times)
            if found is None and pacs.wanted and key != pacs.wanted:
                found = Answer(status=401)
            self._send(found or pacs.answer(self.path))

        def do_POST(self) -> None:
            pacs.asked.append(("POST", self.path, ""))
            self._send(Answer(status=405))

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            if answer.length != -1:
                self.send_header("Content-Length", str(answer.length or len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            if answer.length is not None:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    pacs.url = f"http://127.0.0.1:{server.server_address[1]}/pacs"
    try:
        yield pacs
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
