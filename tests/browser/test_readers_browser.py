"""Reader studies in a real Chromium: every design, by click and by key, at several sizes."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import axe_playwright_python
import numpy as np
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, Route
from tests.helpers.chromium import EXECUTABLE
from tests.helpers.playwright_page import DESK, PHONE, TABLET, chromium, opened
from tests.helpers.reader_study import YES_NO, made, open_study, write_images

from plexor.cases.formats import read_image
from plexor.cases.formats.png import PngCodec
from plexor.readers.enrol import invite
from plexor.readers.serve import served
from plexor.readers.store import Store
from plexor.readers.tables import OpeningRow, ReaderRow, ReadRow, SubmissionRow

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="needs Chromium")
SHOTS = os.environ.get("PLEXOR_SCREENSHOTS")
CROSSED = {"shown": "crossed", "order": {"apart": 1}}
DESIGNS: dict[str, dict[str, Any]] = {
    "yes-no": {"training": {"cases": 1}, "analysis": {"positive": {"altered": {"arm": "altered"}}}},
    "rating": {
        "questions": [
            YES_NO,
            {"id": "sure", "ask": "How sure?", "type": "rating", "points": 6, "low": "guess"},
        ]
    },
    "options": {
        "questions": [
            {
                "id": "dx",
                "ask": "Diagnosis?",
                "type": "options",
                "options": [{"id": "nv", "text": "Naevus"}, {"id": "mel", "text": "Melanoma"}],
            }
        ]
    },
    "pair": CROSSED
    | {
        "show": "pair",
        "questions": [{"id": "which", "ask": "Which was altered?", "type": "side"}],
        "display": {"compare": ["flicker", "side-by-side"]},
    },
    "marks": {
        "questions": [{"id": "where", "ask": "Where?", "type": "marks", "most": 3, "points": 4}]
    },
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"), n_cases=4, side=96)


@dataclass
class Served:
    """A study that is served."""

    base: str
    folder: Path
    store: Store

    def link(self, reader: str) -> str:
        """The personal link of a new reader."""
        (invitation,) = invite(self.store, [reader])
        return invitation.link(self.base)

    def submissions(self, reader: str) -> list[SubmissionRow]:
        """What a reader sent and counted, in order."""
        with self.store.reading() as session:
            query = sa.select(SubmissionRow).join(ReaderRow).where(ReaderRow.name == reader)
            counted = query.where(SubmissionRow.revision.is_not(None))
            return list(session.scalars(counted.order_by(SubmissionRow.id)))


class Studies:
    """Studies by their changes, each made and served once; readers are cheap, studies are not."""

    def __init__(self, folder: Path, images: Path, stack: contextlib.ExitStack) -> None:
        self._folder, self._images, self._stack = folder, images, stack
        self._made: dict[str, Served] = {}

    def __call__(self, *, images: Path | None = None, **changes: Any) -> Served:
        """The study with these changes."""
        name = repr((images, sorted(changes.items())))
        if name not in self._made:
            folder = self._folder / str(len(self._made))
            made(folder, images or self._images, **({"display": {}} | changes))
            store = self._stack.enter_context(open_study(folder))
            base = self._stack.enter_context(served(store, folder / "study"))
            self._made[name] = Served(base=base, folder=folder, store=store)
        return self._made[name]


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory, images: Path) -> Iterator[Studies]:
    with contextlib.ExitStack() as stack:
        yield Studies(tmp_path_factory.mktemp("studies"), images, stack)


def begin(page: Page) -> None:
    """Consents, and waits for the first case."""
    consent(page)
    phase(page, "reading")


def consent(page: Page) -> None:
    """Fills the first form."""
    phase(page, "consent")
    page.select_option("#role", "resident")
    page.fill("#years", "4")
    page.check("#agree")
    page.click("button[type=submit]")


def phase(page: Page, *names: str) -> str:
    """Waits until the page is in one of these phases; which."""
    page.wait_for_function("names => names.includes(document.body?.dataset.phase)", arg=list(names))
    found: str = page.evaluate("document.body?.dataset.phase")
    return found


def case_number(page: Page, number: int) -> None:
    """Waits until a case is shown."""
    page.wait_for_function(
        "number => document.body?.dataset.phase === 'reading' && "
        "document.getElementById('where').textContent.includes(` ${number} `)",
        arg=number,
    )


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png")


AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")


def findings(page: Page) -> list[str]:
    """What axe-core finds serious or critical."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run().then((result) => result.violations)")
    return [
        f"{page.url} {one['id']}: {[node['html'][:80] for node in one['nodes']][:3]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


KEYS = {"yes-no": ["y"], "rating": ["y", "4"], "options": ["2"], "pair": ["r"]}
CLICKS = {
    "yes-no": ["label[data-key=n]"],
    "rating": ["label[data-key=n]", "label[data-key='5']"],
    "options": ["text=Naevus"],
    "pair": ["label[data-key=l]"],
}


def answer(page: Page, design: str, number: int) -> None:
    """One case, by mouse where the number is even, by keys where it is odd."""
    by_key = number % 2 == 1
    if design != "marks":
        for step in (KEYS if by_key else CLICKS)[design]:
            if by_key:
                page.keyboard.press(step)
            else:
                page.click(step)
    else:
        if by_key:
            page.keyboard.press("Shift+ArrowLeft")
            page.keyboard.press("m")
        else:
            page.click(".pane canvas")
        for mark in page.query_selector_all(".marks select"):
            mark.select_option("3")
    page.click("#send")


@pytest.mark.parametrize("size", ["desk", "tablet"])
@pytest.mark.parametrize("design", DESIGNS)
def test_each_design_is_read_to_its_end(
    browser: Browser, studies: Studies, design: str, size: str
) -> None:
    # At a desk axe-core looks, too; it needs pages without their Content-Security-Policy.
    device = {"desk": DESK | {"bypass_csp": True}, "tablet": TABLET}[size]
    study = studies(**DESIGNS[design])
    with opened(browser, study.link(size), **device) as page:
        look = findings if size == "desk" else lambda _: []
        phase(page, "consent")
        shot(page, f"{design}-{size}-consent")
        assert page.url.endswith("/study")
        found = look(page)
        begin(page)
        if design == "yes-no":
            assert page.inner_text("#where") == "Practice"
            page.click("label[data-key=y]")
            page.click("#send")
            phase(page, "feedback")
            shot(page, f"{design}-{size}-feedback")
            page.keyboard.press("Enter")
            phase(page, "reading")
        shot(page, f"{design}-{size}-case")
        if design == "marks":
            page.click(".pane canvas")
        found += look(page)
        for number in range(20):
            answer(page, design, number)
            page.wait_for_function(
                "number => document.body?.dataset.phase === 'done' || "
                "(document.body?.dataset.phase === 'reading' && "
                "document.getElementById('where').textContent.includes(` ${number} `))",
                arg=number + 2,
            )
            if phase(page, "done", "reading") == "done":
                break
        assert "read every case" in page.inner_text("#message")
        assert found == []
    with study.store.reading() as session:
        own = sa.select(ReadRow.id).join(ReaderRow).where(ReaderRow.name == size)
        reads = set(session.scalars(own))
        openings = list(session.scalars(sa.select(OpeningRow)))
    kept = study.submissions(size)
    assert {row.read_id for row in kept} == reads
    assert {row.display["ratio"] for row in openings if row.read_id in reads} == {1}
    assert all(row.elapsed_ms > 0 for row in kept)
    if design == "marks":
        assert all(0 <= row.answers["where"][0]["x"] < 96 for row in kept)


def test_shown_pixels_are_the_stored_ones(browser: Browser, studies: Studies) -> None:
    study = studies()
    with opened(browser, study.link("pixels"), **DESK) as page:
        begin(page)
        query = sa.select(ReadRow).join(ReaderRow).where(ReaderRow.name == "pixels")
        with study.store.reading() as session:
            (stimulus,) = session.scalars(query.order_by(ReadRow.position)).all()[0].stimuli
        stored = read_image(study.folder / "study" / "images" / stimulus / "0.png").pixels
        shown = page.evaluate(
            """() => {
              const canvas = document.querySelector('.pane canvas');
              const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
              let text = '';  // a list of numbers would take Playwright a minute
              for (const row of Array.from({length: canvas.height}, (_, y) => y)) {
                const ends = [row * canvas.width * 4, (row + 1) * canvas.width * 4];
                text += String.fromCharCode(...data.data.subarray(...ends));
              }
              return {width: canvas.width, height: canvas.height, data: btoa(text)};
            }"""
        )
    data = np.frombuffer(base64.b64decode(shown["data"]), np.uint8)
    pixels = data.reshape(shown["height"], shown["width"], 4)
    scale = min(8, shown["width"] // 96, shown["height"] // 96)
    left, top = (round((shown[n] - 96 * scale) / 2) for n in ("width", "height"))
    part = pixels[top : top + 96 * scale, left : left + 96 * scale, :3]
    expected = np.moveaxis(stored, 0, -1).repeat(scale, axis=0).repeat(scale, axis=1)
    assert scale >= 2
    assert np.array_equal(part, expected)


def test_sixteen_bits_are_windowed_as_stored(
    browser: Browser, studies: Studies, tmp_path: Path
) -> None:
    ramp = np.arange(0, 64 * 64, dtype=np.uint16).reshape(1, 64, 64) * 16
    for arm in ("original", "altered"):
        folder = tmp_path / "images" / arm
        folder.mkdir(parents=True)
        (folder / "a.png").write_bytes(PngCodec().encode(ramp))
        (folder / "b.png").write_bytes(PngCodec().encode(ramp[:, ::-1].copy()))
    changes = {"shown": "counterbalanced", "display": {"zoom": 1}}
    study = studies(images=tmp_path / "images", **changes)
    with opened(browser, study.link("r1"), **DESK) as page:
        begin(page)
        shot(page, "sixteen-bits")
        level, width = np.percentile(ramp, [1, 99]).mean(), np.ptp(np.percentile(ramp, [1, 99]))
        grey = np.clip(np.round((ramp[0] - (level - width / 2)) * 255 / width), 0, 255)
        shown = page.evaluate(
            """() => {
              const canvas = document.querySelector('.pane canvas');
              const [x, y] = [canvas.width, canvas.height].map((n) => Math.round((n - 64) / 2));
              return Array.from(canvas.getContext('2d').getImageData(x, y, 64, 64).data);
            }"""
        )
        found = np.array(shown).reshape(64, 64, 4)[..., 0]
        assert min(np.abs(found - grey).max(), np.abs(found - grey[::-1]).max()) <= 1
        page.keyboard.press("w")


def test_an_answer_waits_in_the_browser_until_the_server_is_back(
    browser: Browser, studies: Studies
) -> None:
    study, name = studies(), secrets.token_hex(4)
    with opened(browser, study.link(name), **DESK) as page:
        begin(page)

        def cut(route: Route) -> None:
            route.abort()

        page.route("**/submissions", cut)
        page.keyboard.press("y")
        page.keyboard.press("Enter")
        page.wait_for_selector("#status.warn")
        assert "kept in this browser" in page.inner_text("#status")
        shot(page, "offline")
        page.reload()
        page.wait_for_selector("text=/kept in this browser/")
        assert study.submissions(name) == []
        page.unroute("**/submissions", cut)
        case_number(page, 2)
        assert [row.answers for row in study.submissions(name)] == [{"altered": True}]
        page.reload()
        phase(page, "reading")
        assert len(study.submissions(name)) == 1


def test_ten_minutes_without_the_server_and_a_clock_that_jumps(
    browser: Browser, studies: Studies
) -> None:
    study, name = studies(), secrets.token_hex(4)
    with opened(browser, "about:blank", **DESK) as page:
        page.clock.install()
        page.goto(study.link(name))
        begin(page)
        page.clock.set_system_time("2001-01-01")
        page.route("**/api/**", lambda route: route.abort())
        page.keyboard.press("y")
        page.keyboard.press("Enter")
        page.wait_for_selector("#status.warn")
        for _ in range(10):
            page.clock.fast_forward("01:00")
        assert "kept in this browser" in page.inner_text("#status")
        assert study.submissions(name) == []
        page.unroute_all()
        page.clock.fast_forward("00:20")
        case_number(page, 2)
        (row,) = study.submissions(name)
        assert row.answers == {"altered": True}
        assert 0 < row.elapsed_ms < 60_000


def test_a_full_disk_is_told_and_the_answer_stays_in_the_browser(
    browser: Browser, studies: Studies
) -> None:
    study, name = studies(), secrets.token_hex(4)

    def full(*_arguments: object) -> None:
        cause = sqlite3.OperationalError("database or disk is full")
        raise sa.exc.OperationalError("COMMIT", {}, cause)

    with opened(browser, study.link(name), **DESK) as page:
        begin(page)
        page.wait_for_load_state("networkidle")
        sa.event.listen(study.store._engine, "commit", full)
        try:
            page.keyboard.press("n")
            page.keyboard.press("Enter")
            page.wait_for_selector("#status.warn")
            assert "kept in this browser" in page.inner_text("#status")
        finally:
            sa.event.remove(study.store._engine, "commit", full)
        case_number(page, 2)
        assert [row.answers for row in study.submissions(name)] == [{"altered": False}]


def test_the_next_case_is_fetched_while_this_one_is_read_and_timed_from_its_display(
    browser: Browser, studies: Studies
) -> None:
    study, name = studies(), secrets.token_hex(4)
    with opened(browser, "about:blank", **DESK) as page:
        asked: list[str] = []
        page.on("requestfinished", lambda request: asked.append(request.url))
        page.clock.install()
        page.goto(study.link(name))
        with study.store.reading() as session:
            own = sa.select(ReadRow).join(ReaderRow).where(ReaderRow.name == name)
            reads = list(session.scalars(own.order_by(ReadRow.position)))
        with page.expect_request_finished(lambda request: f"{reads[1].id}/images" in request.url):
            begin(page)
        fetched = [url.split("/")[-4] for url in asked if "/images/" in url]
        assert fetched == [reads[0].id, reads[1].id]
        page.clock.fast_forward("00:30")  # the next image lies ready all the while
        page.route("**/images/**", lambda route: route.abort())
        page.keyboard.press("y")
        page.keyboard.press("Enter")
        case_number(page, 2)
        stored = read_image(study.folder / f"study/images/{reads[1].stimuli[0]}/0.png").pixels
        middle = page.evaluate(
            """() => {
              const canvas = document.querySelector('.pane canvas');
              const at = [canvas.width / 2 + 1, canvas.height / 2 + 1, 1, 1];
              return Array.from(canvas.getContext('2d').getImageData(...at).data.subarray(0, 3));
            }"""
        )
        assert middle == stored[:, 48, 48].tolist()
        page.unroute_all()
        page.keyboard.press("y")
        page.keyboard.press("Enter")
        page.clock.fast_forward("00:05")  # what could not be fetched ahead is fetched now
        case_number(page, 3)
        first, second = study.submissions(name)
        assert second.elapsed_ms < 30_000 <= first.elapsed_ms
    with study.store.reading() as session:
        own_openings = OpeningRow.read_id.in_([read.id for read in reads])
        shown = set(session.scalars(sa.select(OpeningRow.read_id).where(own_openings)))
    assert shown <= {read.id for read in reads[:3]}


def test_an_answer_waits_for_its_reader_while_another_uses_the_browser(
    browser: Browser, studies: Studies
) -> None:
    study, one, two = studies(), secrets.token_hex(4), secrets.token_hex(4)
    link = study.link(one)
    with opened(browser, link, **DESK) as page:
        begin(page)
        other = page.context.new_page()
        other.goto(study.link(two))
        begin(other)
        page.keyboard.press("y")
        page.keyboard.press("Enter")
        page.wait_for_url("**/study")  # as the other reader, who is signed in now
        phase(page, "reading")
        assert study.submissions(one) == study.submissions(two) == []
        page.goto(study.base)
        page.goto(link)
        case_number(page, 2)
        assert [row.answers for row in study.submissions(one)] == [{"altered": True}]


def test_two_tabs_and_the_back_button_leave_one_answer(browser: Browser, studies: Studies) -> None:
    study, name = studies(), secrets.token_hex(4)
    with opened(browser, study.link(name), **DESK) as page:
        begin(page)
        other = page.context.new_page()
        other.goto(page.url)
        phase(other, "reading")
        page.keyboard.press("y")
        page.keyboard.press("Enter")
        case_number(page, 2)
        other.keyboard.press("n")
        other.keyboard.press("Enter")
        other.wait_for_function(
            "() => document.getElementById('status').textContent.includes('another tab')"
        )
        page.go_back()
        page.goto(page.url)
        assert [row.answers for row in study.submissions(name)] == [{"altered": True}]


def test_a_scaled_screen_is_refused_in_words(browser: Browser, studies: Studies) -> None:
    study, name = studies(), secrets.token_hex(4)
    with opened(browser, study.link(name), **DESK, device_scale_factor=1.25) as page:
        consent(page)
        page.wait_for_selector("#refusal:visible")
        assert "Set the zoom to 100 %" in page.inner_text("#refusal")
        shot(page, "refusal")
        page.keyboard.press("y")
        page.keyboard.press("Enter")
        assert study.submissions(name) == []


@pytest.mark.parametrize(("allowed", "refused"), [("phone", False), ("tablet", True)])
def test_small_screens_where_the_design_allows_them(
    browser: Browser, studies: Studies, allowed: str, refused: bool
) -> None:
    changes: dict[str, Any] = {} if refused else {"display": {"smallest_screen": allowed}}
    study = studies(**changes)
    with opened(browser, study.link("phone"), **PHONE) as page:
        consent(page)
        page.wait_for_selector("#reading:visible")
        if not refused:
            phase(page, "reading")
        assert page.is_visible("#refusal") == refused
        shot(page, f"phone-{allowed}")


def test_time_runs_out(browser: Browser, studies: Studies) -> None:
    study, name = studies(time_limit_s=0.3), "r1"
    with opened(browser, study.link(name), **DESK) as page:
        consent(page)
        page.wait_for_selector("text=/Time is up/")
        shot(page, "time-up")
        page.click("#send")
        case_number(page, 2)
        assert [row.answers for row in study.submissions(name)] == [{"altered": None}]


def test_french_and_a_correction(browser: Browser, studies: Studies) -> None:
    question = YES_NO | {"ask": {"en": "Altered?", "fr": "Image modifiée ?"}}
    changes: dict[str, Any] = {
        "languages": ["fr", "en"],
        "questions": [question],
        "corrections": True,
    }
    study, name = studies(**changes), "r1"
    with opened(browser, study.link(name), **DESK) as page:
        begin(page)
        assert page.get_attribute("html", "lang") == "fr"
        assert "Image modifiée ?" in page.inner_text("#questions")
        shot(page, "french")
        page.keyboard.press("o")
        page.keyboard.press("Enter")
        case_number(page, 2)
        phase(page, "reading")
        page.click("text=Cas précédent")
        page.wait_for_function("() => document.querySelector('#questions input:checked')")
        phase(page, "reading")
        page.keyboard.press("n")
        page.keyboard.press("Enter")
        case_number(page, 2)
        rows = study.submissions(name)
        assert [(row.revision, row.answers["altered"]) for row in rows] == [(1, True), (2, False)]


def test_pages_are_labelled(browser: Browser, studies: Studies) -> None:
    study = studies()
    with opened(browser, study.link("labels"), **DESK, bypass_csp=True) as page:
        begin(page)
        unlabelled = page.evaluate(
            """() => [...document.querySelectorAll('button, input, select, canvas, a')]
              .filter((one) => one.checkVisibility() && !(one.getAttribute('aria-label') ||
                one.textContent.trim() || (one.labels && one.labels.length)))
              .map((one) => one.outerHTML)"""
        )
        assert unlabelled == []
        small = page.evaluate(
            """() => [...document.querySelectorAll('.side button, .choice')]
              .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 24)
              .map((one) => one.outerHTML)"""
        )
        assert small == []
        for path, shown in (("screen", "#ratio:not(:empty)"), ("investigator", "#password")):
            page.goto(f"{study.base}/{path}")
            page.wait_for_selector(shown)
            shot(page, path)
            assert findings(page) == []
