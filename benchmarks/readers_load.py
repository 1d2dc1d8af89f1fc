"""Many readers at once in one reader study, on this machine: answers lost, doubled, and how late.

    .venv/bin/python benchmarks/readers_load.py --readers 200 --cases 50 --kills 10
    .venv/bin/python benchmarks/readers_load.py --postgresql

A server is started as `plexor readers serve` starts one, on the loopback address. Each reader is a
connection that fetches the image, says that it was shown, fetches the next one, thinks, and
answers. `--kills` ends the server with SIGKILL, evenly over the run, and starts it again; readers
send what was not acknowledged once more, as browsers do. `--postgresql` starts a PostgreSQL of its
own, with its default settings, thus with every commit on disk.

Times of a shared machine are uncertain; processor time for each case (its three requests) is
steadier, and is given for the server, for PostgreSQL's processes and for the readers, too.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from plexor.cases.formats.png import PngCodec
from plexor.readers.design import load_study
from plexor.readers.enrol import invite
from plexor.readers.prepare import create_study
from plexor.readers.sources import from_folder
from plexor.readers.store import Store, database_url
from plexor.readers.tables import SubmissionRow

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.helpers.postgresql import postgresql

SERVER = """
import sys
from pathlib import Path
from plexor.readers.serve import serve
from plexor.readers.store import Store
serve(Store.open(sys.argv[1]), Path(sys.argv[2]), port=int(sys.argv[3]))
"""
SCREEN = dict.fromkeys(
    ("width", "height", "screen_width", "screen_height", "ratio", "scale", "colour_bits"), 1
)


@dataclass
class Reader:
    """One reader's browser, on one connection at a time."""

    port: int
    token: str
    think_s: float
    cookie: str = ""
    csrf: str = ""
    seconds: list[float] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    fetched: str = ""
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str, body: object = None) -> tuple[dict[str, str], bytes]:
        """One request; tries for ever, as the page does."""
        while True:
            reused = self.streams is not None
            try:
                return await asyncio.wait_for(self._ask(path, body), 20)
            except (TimeoutError, OSError, asyncio.IncompleteReadError, ValueError):
                if self.streams:
                    self.streams[1].close()
                self.streams = None
                if not reused:  # a connection that was closed meanwhile is opened again at once
                    await asyncio.sleep(random.uniform(0.5, 1.5))

    async def _ask(self, path: str, body: object) -> tuple[dict[str, str], bytes]:
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Cookie: {self.cookie}\r\nX-CSRF-Token: {self.csrf}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data)
        await writer.drain()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        found = await reader.readexactly(int(headers.get("content-length", 0)))
        status = int(lines[0].split()[1])
        if status >= 500 or status == 429:
            raise ValueError(status)
        if status >= 400:
            raise RuntimeError(f"{path}: {status} {found[:200]!r}")
        raw = [line for line in lines if line.lower().startswith("set-cookie")]
        headers["set-cookie"] = raw[0].split(": ", 1)[1] if raw else ""
        return headers, found

    async def read_everything(self) -> None:
        """From the link to the last case."""
        await asyncio.sleep(random.uniform(0, 2 * self.think_s))
        headers, _ = await self.ask("/api/enter", {"token": self.token})
        self.cookie = headers["set-cookie"].split(";")[0]
        self.csrf = json.loads((await self.ask("/api/state"))[1])["csrf"]
        person = {"agree": True, "language": "en", "role": "other", "years": 1}
        standing = json.loads((await self.ask("/api/consent", person))[1])
        while standing["state"] == "reading":
            standing = await self._read_one(standing)

    async def _fetch(self, read: str) -> None:
        if self.fetched != read:
            await self.ask(f"/api/reads/{read}/images/0/0")
            self.fetched = read

    async def _read_one(self, standing: dict[str, Any]) -> dict[str, Any]:
        read: str = standing["read"]["id"]
        await self._fetch(read)
        await self.ask(f"/api/reads/{read}/open", SCREEN)
        if standing["following"]:
            await self._fetch(standing["following"]["id"])
        await asyncio.sleep(random.uniform(0.2, 1.8) * self.think_s)
        body = {
            "client_key": f"load-{read}",
            "revises": 0,
            "answers": {"altered": random.random() < 0.5},
            "elapsed_ms": 1000,
            "display": SCREEN,
        }
        start = time.perf_counter()
        _, found = await self.ask(f"/api/reads/{read}/submissions", body)
        self.seconds.append(time.perf_counter() - start)
        receipt = json.loads(found)
        assert receipt["counted"]
        self.acknowledged.append(read)
        return dict(receipt["standing"])


def start(url: str, folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SERVER, url, str(folder), str(port)]
    return subprocess.Popen(command)


async def run(arguments: argparse.Namespace, url: str, folder: Path, tokens: list[str]) -> None:
    spent = processor_seconds(url)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = start(url, folder, port)
    readers = [Reader(port=port, token=token, think_s=arguments.think) for token in tokens]
    began = time.perf_counter()
    tasks = [asyncio.create_task(reader.read_everything()) for reader in readers]
    whole = asyncio.gather(*tasks)
    total = arguments.readers * arguments.cases
    kills = 0
    while not whole.done():
        await asyncio.sleep(0.5)
        done = sum(len(reader.acknowledged) for reader in readers)
        if kills < arguments.kills and done >= total * (kills + 1) / (arguments.kills + 1):
            os.kill(server.pid, signal.SIGKILL)
            server.wait()
            server = start(url, folder, port)
            kills += 1
    await whole
    took = time.perf_counter() - began
    server.terminate()
    server.wait()
    for name, seconds in processor_seconds(url).items():
        spent[name] = round((seconds - spent[name]) * 1000 / total, 2)
    found = {
        "kills": kills,
        "answers_a_second": round(total / took, 1),
        "processor_ms_a_case": spent,
    }
    report(readers, url, found)


def processor_seconds(url: str) -> dict[str, float]:
    """Processor time spent so far by ended servers, by PostgreSQL and by the readers."""
    seconds = {"server": _spent(resource.RUSAGE_CHILDREN), "readers": _spent(resource.RUSAGE_SELF)}
    if url.startswith("postgresql"):
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            backend = connection.scalar(sa.text("SELECT pg_backend_pid()"))
            main = _stat(Path(f"/proc/{backend}/stat"))[1]
            living = [_stat(path) for path in Path("/proc").glob("[0-9]*/stat")]
        engine.dispose()
        ticks = sum(own + ended for pid, parent, own, ended in living if main in (pid, parent))
        seconds["database"] = ticks / os.sysconf("SC_CLK_TCK")
    return seconds


def _spent(whose: int) -> float:
    usage = resource.getrusage(whose)
    return usage.ru_utime + usage.ru_stime


def _stat(path: Path) -> tuple[int, int, int, int]:
    """Process, parent, processor time of itself and of its ended children, in ticks."""
    try:
        words = path.read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0, 0, 0, 0
    times = [int(word) for word in words[11:15]]
    return int(path.parent.name), int(words[1]), sum(times[:2]), sum(times[2:])


def report(readers: list[Reader], url: str, found: dict[str, object]) -> None:
    acknowledged = [read for reader in readers for read in reader.acknowledged]
    store = Store.open(url)
    with store.reading() as session:
        rows = session.execute(sa.select(SubmissionRow.read_id, SubmissionRow.revision)).all()
    store.close()
    kept = [read for read, revision in rows if revision is not None]
    seconds = np.array([second for reader in readers for second in reader.seconds])
    print(
        json.dumps(
            {
                "database": url.split(":", maxsplit=1)[0],
                "readers": len(readers),
                "lost": len(set(acknowledged) - set(kept)),
                "doubled": len(kept) - len(set(kept)),
                "rows": len(rows),
                "answer_ms": {
                    f"p{q}": round(float(np.percentile(seconds, q)) * 1000) for q in (50, 95, 99)
                },
                **found,
                "processors": os.cpu_count(),
                "load_average": os.getloadavg()[0],
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--cases", type=int, default=50)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--think", type=float, default=5.0, help="mean seconds for a case")
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(postgresql()) if arguments.postgresql else None
        rng = np.random.default_rng(0)
        for arm in ("original", "altered"):
            (folder / "images" / arm).mkdir(parents=True)
            for case in range(arguments.cases):
                data = PngCodec().encode(rng.integers(0, 255, (3, 256, 256)).astype(np.uint8))
                (folder / "images" / arm / f"{case}.png").write_bytes(data)
        study = load_study(
            {
                "name": "load",
                "title": "load",
                "consent": "yes",
                "questions": [{"id": "altered", "ask": "?", "type": "yes-no"}],
                "arms": {"original": {}, "altered": {}},
                "order": {"apart": 0},
            }
        )
        made = folder / "study"
        create_study(
            study,
            from_folder(folder / "images", study),
            folder=made,
            key=folder / "key",
            database=database,
        )
        url = database_url(made, database)
        store = Store.open(url)
        links = invite(store, [f"r{number}" for number in range(arguments.readers)])
        store.close()
        asyncio.run(run(arguments, url, made, [link.token for link in links]))


if __name__ == "__main__":
    main()
