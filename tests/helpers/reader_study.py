"""Small reader studies, made without images or through `create`, and a server in a thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from argon2 import PasswordHasher

from plexor.cases.formats.png import PngCodec
from plexor.core.ids import digest
from plexor.readers import security
from plexor.readers.design import Study, load_study
from plexor.readers.prepare import create_study
from plexor.readers.sources import from_folder
from plexor.readers.store import Store, database_url, now_ms
from plexor.readers.tables import StimulusRow, StudyRow

YES_NO = {"id": "altered", "ask": "Was this image altered?", "type": "yes-no"}


def fields(**changes: Any) -> dict[str, Any]:
    """A study file that is valid."""
    whole: dict[str, Any] = {
        "name": "small",
        "title": "Was it altered?",
        "consent": "I agree.",
        "questions": [YES_NO],
        "arms": {"original": {}, "altered": {"probe": "pgd"}},
        "order": {"apart": 0},
        "display": {"pixel_true": False},
    }
    return whole | changes


def bare(folder: Path, *, n_cases: int = 6, url: str | None = None, **changes: Any) -> Store:
    """A study's database with cases but no image files; every second case in the second arm."""
    study: Study = load_study(fields(**changes))
    store = Store.open(database_url(folder, url), create=True)
    with store.writing() as session:
        session.add(
            StudyRow(
                id=1,
                name=study.name,
                design=study.without_arms(),
                digest=digest(study.model_dump(mode="json")),
                state="open",
                password=None,
                created_at=now_ms(),
                closed_at=None,
            )
        )
        for number in range(n_cases):
            session.add(
                StimulusRow(
                    id=f"s{number}",
                    case_token=f"c{number}",
                    group_token=f"g{number}",
                    arm_token="ab"[number % 2],
                    case_set=0,
                    training=number < study.training.cases,
                    view={"width": 8, "height": 8, "slices": 1, "bits": 8, "channels": 1},
                    answer={"altered": True} if number < study.training.cases else {},
                )
            )
    return store


def write_images(
    folder: Path,
    *,
    n_cases: int = 6,
    side: int = 24,
    arms: tuple[str, ...] = ("original", "altered"),
) -> Path:
    """``FOLDER/ARM/CASE.png``: noise, and the same with one level added in each later arm."""
    rng = np.random.default_rng(0)
    for number in range(n_cases):
        image = rng.integers(20, 200, (3, side, side)).astype(np.uint8)
        for step, arm in enumerate(arms):
            (folder / arm).mkdir(parents=True, exist_ok=True)
            data = PngCodec().encode(image + np.uint8(step))
            (folder / arm / f"case-{number:02d}.png").write_bytes(data)
    return folder


def made(folder: Path, images: Path, **changes: Any) -> Path:
    """A study made of a folder with arms: FOLDER/study and FOLDER/key."""
    arms: dict[str, Any] = {"original": {}, "altered": {}}
    study = load_study(fields(**({"arms": arms} | changes)))
    create_study(
        study, from_folder(images, study), folder=folder / "study", key=folder / "key", seed=1
    )
    return folder


@contextlib.contextmanager
def open_study(folder: Path) -> Iterator[Store]:
    """The database of such a study."""
    store = Store.open(database_url(folder / "study", None))
    try:
        yield store
    finally:
        store.close()


SCREEN = {
    "width": 1280,
    "height": 800,
    "screen_width": 1280,
    "screen_height": 800,
    "ratio": 1,
    "scale": 1,
    "colour_bits": 24,
}


def cheap_passwords(patch: pytest.MonkeyPatch) -> None:
    """Hashes of passwords that cost little: four threads and 64 MiB each are for real ones."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    patch.setattr(security, "PasswordHasher", lambda: cheap)


def client(base: str, **options: Any) -> httpx.Client:
    """A client of HTTP; without HTTPS the certificates need not be loaded, which takes a while."""
    options = {"timeout": 60} | options  # of a busy machine
    return httpx.Client(base_url=base, trust_env=False, verify=False, **options)  # noqa: S501


def ask(method: str, url: str, **options: Any) -> httpx.Response:
    """One request of nobody in particular."""
    with client("", cookies=options.pop("cookies", None)) as http:
        return http.request(method, url, **options)


class Browser:
    """A reader's browser without its page."""

    def __init__(self, base: str) -> None:
        self.http = client(base)
        self.csrf = ""
        self.keys = 0

    def enter(self, token: str) -> httpx.Response:
        return self.http.post("/api/enter", json={"token": token})

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get("/api/state").raise_for_status().json()
        self.csrf = found["csrf"]
        return found

    def post(self, path: str, body: object) -> httpx.Response:
        return self.http.post(path, json=body, headers={"X-CSRF-Token": self.csrf})

    def consent(self, language: str = "en") -> httpx.Response:
        self.state()
        body = {"agree": True, "language": language, "role": "other", "years": 3}
        return self.post("/api/consent", body)

    def submission(self, answers: dict[str, Any], *, revises: int = 0) -> dict[str, Any]:
        self.keys += 1
        return {
            "client_key": f"key-{id(self)}-{self.keys}",
            "revises": revises,
            "answers": answers,
            "elapsed_ms": 1200,
            "display": SCREEN,
        }

    def answer(self, answers: dict[str, Any]) -> dict[str, Any]:
        """Answers the case that is next; returns the receipt."""
        read = self.state()["read"]["id"]
        found = self.post(f"/api/reads/{read}/submissions", self.submission(answers))
        receipt: dict[str, Any] = found.raise_for_status().json()
        return receipt

    def close(self) -> None:
        self.http.close()


@contextlib.contextmanager
def signed_in(base: str, token: str) -> Iterator[Browser]:
    """A browser that has entered and consented."""
    browser = Browser(base)
    try:
        browser.enter(token).raise_for_status()
        browser.consent().raise_for_status()
        yield browser
    finally:
        browser.close()
