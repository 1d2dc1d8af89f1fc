"""Test of blinding: tries to distinguish the arms of a study by anything but the pixels."""

from __future__ import annotations

import http.client
import json
import shutil
import struct
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from plexor.core.ids import digest_bytes
from plexor.readers.enrol import invite
from plexor.readers.export import Unblinded
from plexor.readers.serve import served
from plexor.readers.store import Store, database_url, now_ms, the_study
from plexor.readers.tables import ReaderRow, ReadRow, StimulusRow, StudyRow

_REPEATS = 5
"""Number of times each image is fetched, since response times vary."""
_SHUFFLES = 999
_SETTLED = 20
"""Shuffles at least as good after which no more are drawn."""
_CHANCE = 0.01
"""p-value below which a kind of feature counts as a leak, divided by the number of kinds."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Result for one kind of feature.

    Attributes:
        what: name of the kind.
        accuracy: balanced accuracy of a classifier on cases outside its fit; 0.5 is chance.
        p_value: share of shuffled arms that are classified at least as well.
        leaks: whether the p-value is below the threshold, or images differ that must be alike.
        note: number of different values where all images must be alike; else "".
    """

    what: str
    accuracy: float
    p_value: float
    leaks: bool
    note: str = ""

    def worded(self) -> str:
        """One line."""
        verdict = "LEAK" if self.leaks else "ok"
        note = f"; {self.note}" if self.note else ""
        return f"{verdict}: {self.what}: {self.accuracy:.0%} right (p = {self.p_value:.3f}){note}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One image as received by a browser.

    Attributes:
        image: its token.
        case: its case's token, used for cross-validation.
        place: its position in the reader's order.
        headers: of the response.
        data: the body.
        seconds: each time it was fetched.
        told: further data sent to the browser about it.
    """

    image: str
    case: str
    place: int
    headers: tuple[tuple[str, str], ...]
    data: bytes
    seconds: tuple[float, ...]
    told: str


def check_blinding(store: Store, folder: Path, key: Path) -> list[Probe]:
    """Serves a copy of the study, fetches every image as a browser would, and classifies.

    The pixels themselves are left out: readers see them. The classifier is nearest-centroid on
    standardised features, cross-validated by case; its balanced accuracy is compared with that of
    up to 999 shuffles of the arms. With fewer than about a dozen images the classifier cannot
    distinguish a leak from chance. Lengths and headers are the same for every image of a study, so
    that any difference in them is a leak, however few the images.

    Args:
        store: the study's database; nothing is written to it.
        folder: the study's folder.
        key: the key's folder.
    """
    opened = Unblinded.read(key)
    fetched = fetch_all(store, folder)
    arms = np.array([opened.rows[one.image].arm for one in fetched])
    cases = np.array([one.case for one in fetched])
    families = features(fetched)
    lengths = {path.stat().st_size for path in (folder / "images").glob("*/*.png")}
    kinds = {"lengths": len(lengths), "headers": len({one.headers for one in fetched})}
    return [
        _alike(tell_apart(what, values, arms, cases, n_families=len(families)), kinds.get(what, 1))
        for what, values in families.items()
    ]


def _alike(found: Probe, n_kinds: int) -> Probe:
    """A leak where there is more than one kind of what should be alike."""
    if n_kinds == 1:
        return found
    return replace(found, leaks=True, note=f"{n_kinds} different ones, expected all alike")


def features(fetched: Sequence[Fetched]) -> dict[str, Floats]:
    """Kind of feature → (n, features)."""
    return {
        "names": np.array([[int(digit, 16) for digit in one.image] for one in fetched], np.float64),
        "order": np.array([[one.place, one.place % 2] for one in fetched], np.float64),
        "lengths": np.array([[len(one.data)] for one in fetched], np.float64),
        "headers": _one_hot([[f"{k}: {v}" for k, v in one.headers] for one in fetched]),
        "what the page is told": _one_hot([[one.told] for one in fetched]),
        "bytes around the pixels": _one_hot([around_pixels(one.data) for one in fetched]),
        "response times": np.array(
            [[min(one.seconds), float(np.median(one.seconds))] for one in fetched]
        ),
    }


def around_pixels(data: bytes) -> list[str]:
    """Everything in a PNG file except the pixel data and its checksums, by chunk."""
    parts = [f"signature {data[:8].hex()}"]
    position = 8
    while position + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[position : position + 8])
        content = data[position + 8 : position + 8 + length]
        pixels = name == b"IDAT"
        parts.append(f"{name!r} {length} {'' if pixels else digest_bytes(content)}")
        position += 12 + length
    parts.append(f"after the end {data[position:].hex()}")
    return parts


def tell_apart(
    what: str, values: Floats, arms: NDArray[Any], cases: NDArray[Any], *, n_families: int
) -> Probe:
    """Classifies by one kind of feature, cross-validated by case."""
    codes = np.unique(arms, return_inverse=True)[1]
    groups = np.unique(cases, return_inverse=True)[1]
    spread = values.std(axis=0)
    kept = (values - values.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    if kept.shape[1] == 0 or codes.max(initial=0) == 0:
        return Probe(what=what, accuracy=1 / (codes.max(initial=0) + 1), p_value=1.0, leaks=False)
    rng = np.random.default_rng(0)
    found = _accuracy(kept, codes, groups)
    as_good = tried = 0
    # Besag & Clifford (Biometrika 1991;78:301): stop after a fixed number of shuffles as good.
    while tried < _SHUFFLES and as_good < _SETTLED:
        tried += 1
        as_good += _accuracy(kept, rng.permutation(codes), groups) >= found - 1e-9  # ties count
    p_value = as_good / tried if as_good == _SETTLED else (1 + as_good) / (1 + tried)
    return Probe(what=what, accuracy=found, p_value=p_value, leaks=p_value < _CHANCE / n_families)


def _accuracy(values: Floats, codes: NDArray[np.intp], groups: NDArray[np.intp]) -> float:
    """Balanced accuracy of the nearest centroid, leaving out all images of a case at a time."""
    n_arms, n_groups = int(codes.max()) + 1, int(groups.max()) + 1
    hot, member = np.eye(n_arms)[codes], np.eye(n_groups)[groups]
    left = hot.sum(axis=0) - member.T @ hot  # (groups, arms): images that are not of the group
    own = np.einsum("ng,na,nd->gad", member, hot, values, optimize=True)
    centroids = (hot.T @ values - own) / np.maximum(left, 1)[..., None]
    squares = np.square(centroids).sum(axis=2)[groups]
    distances = squares - 2 * np.einsum("nd,nad->na", values, centroids[groups])
    distances[left[groups] == 0] = np.inf
    slack = 1e-12 * np.abs(squares).max(initial=1.0)
    nearest = distances <= distances.min(axis=1, keepdims=True) + slack
    told = nearest / nearest.sum(axis=1, keepdims=True)
    return float(np.mean([told[codes == arm, arm].mean() for arm in range(n_arms)]))


def fetch_all(store: Store, folder: Path) -> list[Fetched]:
    """Fetches every image over HTTP from a copy of the study."""
    with tempfile.TemporaryDirectory() as temporary:
        copy = Store.open(database_url(Path(temporary), None), create=True)
        try:
            _copy(store, copy)
            with served(copy, folder) as base:
                return list(_fetched(copy, base))
        finally:
            copy.close()
            shutil.rmtree(temporary, ignore_errors=True)


def _copy(store: Store, copy: Store) -> None:
    """Copies design and images into a study with one reader who may see all images."""
    with store.reading() as session, copy.writing() as other:
        study = the_study(session)
        design = {**study.design, "shown": "crossed", "case_sets": 1, "repeats": 0}
        design |= {"blocks": {"number": 1}, "corrections": True}
        design["order"] = {"apart": 0, "groups_apart": False}
        other.add(
            StudyRow(
                id=1,
                name=study.name,
                design=design,
                digest=study.digest,
                state="open",
                password=None,
                created_at=now_ms(),
                closed_at=None,
            )
        )
        for row in session.scalars(sa.select(StimulusRow).where(~StimulusRow.training)):
            columns = [column.key for column in StimulusRow.__table__.columns]
            other.add(StimulusRow(**{name: getattr(row, name) for name in columns}))


def _fetched(copy: Store, base: str) -> Iterator[Fetched]:
    (invitation,) = invite(copy, ["check"])
    with copy.writing() as session:
        reader = session.scalars(sa.select(ReaderRow)).one()
        reader.consented_at = now_ms()
    connection = http.client.HTTPConnection(urlsplit(base).netloc)
    cookie, _ = _ask(connection, "/api/enter", {"token": invitation.token})
    session_cookie = dict(cookie)["set-cookie"].split(";")[0]
    with copy.reading() as session:
        reads = list(session.scalars(sa.select(ReadRow).order_by(ReadRow.position)))
        cases = {row.id: row.case_token for row in session.scalars(sa.select(StimulusRow))}
    for read in reads:
        _, state = _ask(connection, "/api/state", None, session_cookie)
        told = json.loads(state)
        for slot, image in enumerate(read.stimuli):
            path = f"/api/reads/{read.id}/images/{slot}/0"
            seconds: list[float] = []
            headers: tuple[tuple[str, str], ...] = ()
            data = b""
            for _ in range(_REPEATS):
                start = time.perf_counter()
                headers, data = _ask(connection, path, None, session_cookie)
                seconds.append(time.perf_counter() - start)
            yield Fetched(
                image=image,
                case=cases[image],
                place=read.position,
                headers=tuple((k, v) for k, v in headers if k != "date"),
                data=data,
                seconds=tuple(seconds),
                told=json.dumps(told["read"]["stimuli"][slot]),
            )
        body = _any_answer(told, read.position)
        path = f"/api/reads/{read.id}/submissions"
        _ask(connection, path, body, session_cookie, told["csrf"])
    connection.close()


def _any_answer(told: dict[str, Any], number: int) -> dict[str, Any]:
    answers = {
        q["id"]: {"yes-no": True, "rating": 1, "side": "left", "marks": []}.get(
            q["type"], (q.get("options") or [{}])[0].get("id")
        )
        for q in told["study"]["questions"]
    }
    names = ("width", "height", "screen_width", "screen_height", "ratio", "scale", "colour_bits")
    return {
        "client_key": f"check-{number:08d}",
        "revises": 0,
        "answers": answers,
        "elapsed_ms": 0,
        "display": dict.fromkeys(names, 1),
    }


def _ask(
    connection: http.client.HTTPConnection,
    path: str,
    body: object,
    cookie: str = "",
    csrf: str = "",
) -> tuple[tuple[tuple[str, str], ...], bytes]:
    headers = {"Cookie": cookie, "X-CSRF-Token": csrf, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body)
    connection.request("GET" if body is None else "POST", path, data, headers)
    response = connection.getresponse()
    found = response.read()
    if response.status >= 400:
        raise RuntimeError(f"{path}: {response.status} {found[:200]!r}")
    return tuple((k.lower(), v) for k, v in response.getheaders()), found


def _one_hot(texts: Sequence[Sequence[str]]) -> Floats:
    known = {text: index for index, text in enumerate(sorted({t for row in texts for t in row}))}
    hot = np.zeros((len(texts), len(known)))
    for row, parts in enumerate(texts):
        for text in parts:
            hot[row, known[text]] = 1
    return hot
