"""The server of a study, asked over HTTP: who may do what, what is refused, what is kept."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.helpers.reader_study import (
    SCREEN,
    Browser,
    ask,
    cheap_passwords,
    client,
    made,
    open_study,
    signed_in,
    write_images,
)

from plexor.readers.enrol import close, forget, invite, progress
from plexor.readers.serve import served, set_password
from plexor.readers.store import Store
from plexor.readers.tables import (
    ReaderRow,
    ReadRow,
    SessionRow,
    StimulusRow,
    SubmissionRow,
    TokenRow,
)


@pytest.fixture(autouse=True)
def passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap_passwords(monkeypatch)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture
def study(images: Path, tmp_path: Path) -> Path:
    return made(tmp_path, images)


@pytest.fixture
def store(study: Path) -> Iterator[Store]:
    with open_study(study) as opened:
        yield opened


@pytest.fixture
def base(study: Path, store: Store) -> Iterator[str]:
    with served(store, study / "study") as address:
        yield address


def test_a_reader_reads_every_case_once_and_is_done(store: Store, base: str) -> None:
    (invitation,) = invite(store, ["r1"])
    with signed_in(base, invitation.token) as browser:
        seen = []
        for number in range(6):
            state = browser.state()
            assert (state["state"], state["done"], state["total"]) == ("reading", number, 6)
            seen.append(state["read"]["id"])
            receipt = browser.answer({"altered": number % 2 == 0})
            assert receipt["counted"]
            assert receipt["feedback"] == {}
        assert len(set(seen)) == 6
        assert browser.state()["state"] == "done"
        kept = browser.http.get("/api/mine").json()
    assert [read["submissions"][0]["answers"]["altered"] for read in kept["reads"]] == [
        number % 2 == 0 for number in range(6)
    ]


def test_another_device_goes_on_where_the_first_stopped(store: Store, base: str) -> None:
    (invitation,) = invite(store, ["r1"])
    with signed_in(base, invitation.token) as first, signed_in(base, invitation.token) as second:
        first.answer({"altered": True})
        assert second.state()["done"] == 1
        stale = first.state()["read"]["id"]
        second.answer({"altered": False})
        late = first.post(f"/api/reads/{stale}/submissions", first.submission({"altered": True}))
        assert late.json()["counted"] is False
        assert first.state()["done"] == 2
    with store.reading() as session:
        query = sa.select(SubmissionRow).where(SubmissionRow.read_id == stale)
        rows = list(session.scalars(query.order_by(SubmissionRow.id)))
    assert [(row.revision, row.answers["altered"]) for row in rows] == [(1, False), (None, True)]


def test_the_same_submission_many_times_at_once_is_one(store: Store, base: str) -> None:
    (invitation,) = invite(store, ["r1"])
    with signed_in(base, invitation.token) as browser:
        read = browser.state()["read"]["id"]
        body = browser.submission({"altered": True})
        found: list[dict[str, Any]] = []

        def send() -> None:
            reply = browser.post(f"/api/reads/{read}/submissions", body)
            found.append(reply.raise_for_status().json())

        threads = [threading.Thread(target=send) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [reply["revision"] for reply in found] == [1] * 8
        assert all(reply["counted"] for reply in found)
        other = body | {"answers": {"altered": False}}
        refused = browser.post(f"/api/reads/{read}/submissions", other)
        assert (refused.status_code, refused.json()["code"]) == (409, "key")
    with store.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(SubmissionRow)) == 1


def test_other_readers_cases_are_as_unknown_as_none(store: Store, base: str) -> None:
    mine, theirs = invite(store, ["r1", "r2"])
    with signed_in(base, mine.token) as browser, signed_in(base, theirs.token) as other:
        read = other.state()["read"]["id"]
        browser.state()
        for path in (f"/api/reads/{read}", f"/api/reads/{read}/images/0/0"):
            strange = browser.http.get(path)
            nothing = browser.http.get(path.replace(read, "0" * 16))
            assert strange.status_code == nothing.status_code == 404
            assert strange.json() == nothing.json()
        sent = browser.post(f"/api/reads/{read}/submissions", browser.submission({"altered": True}))
        assert sent.status_code == 404
    assert [p.done for p in progress(store)] == [0, 0]


def test_a_case_is_seen_only_in_its_turn(store: Store, base: str) -> None:
    (invitation,) = invite(store, ["r1"])
    with signed_in(base, invitation.token) as browser:
        first = browser.state()["read"]["id"]
        assert browser.http.get(f"/api/reads/{first}/images/0/0").status_code == 200
        for place in ("1/0", "0/1"):
            assert browser.http.get(f"/api/reads/{first}/images/{place}").status_code == 404
        browser.answer({"altered": True})
        again = browser.http.get(f"/api/reads/{first}/images/0/0")
        assert (again.status_code, again.json()["code"]) == (409, "order")
        assert browser.http.get(f"/api/reads/{first}").status_code == 409


@pytest.mark.parametrize(
    "answers", [{}, {"altered": 1}, {"altered": None}, {"altered": True, "more": 1}]
)
def test_wrong_answers_are_refused(store: Store, base: str, answers: dict[str, Any]) -> None:
    (invitation,) = invite(store, ["r1"])
    with signed_in(base, invitation.token) as browser:
        read = browser.state()["read"]["id"]
        sent = browser.post(f"/api/reads/{read}/submissions", browser.submission(answers))
        assert (sent.status_code, sent.json()["code"]) == (422, "invalid")
        assert browser.state()["done"] == 0


def test_nothing_without_consent(store: Store, base: str) -> None:
    (invitation,) = invite(store, ["r1"])
    browser = Browser(base)
    browser.enter(invitation.token)
    assert browser.state()["state"] == "consent"
    assert browser.state()["read"] is None
    browser.close()


def test_links_are_refused_when_wrong_revoked_or_expired(store: Store, base: str) -> None:
    (old,) = invite(store, ["r1"])
    with signed_in(base, old.token) as browser:
        (new,) = invite(store, ["r1"], renew=True)
        assert browser.http.get("/api/state").status_code == 401
    (past,) = invite(store, ["r2"], days=-1)
    other = Browser(base)
    for token in (old.token, past.token, "x" * 43):
        refused = other.enter(token)
        assert (refused.status_code, refused.json()["code"]) == (401, "link")
    assert other.enter(new.token).status_code == 200
    other.close()
    with store.reading() as session:
        kept = {row.hash for row in session.scalars(sa.select(TokenRow))}
        kept |= {row.hash for row in session.scalars(sa.select(SessionRow))}
    assert not kept & {old.token, new.token, past.token}


def test_guessing_is_slowed_down(store: Store, base: str) -> None:
    set_password(store, "a long password")
    browser = Browser(base)
    codes = {browser.enter("y" * 43).status_code for _ in range(40)}
    passwords = [
        browser.http.post("/api/investigator/login", json={"password": "guess"}).status_code
        for _ in range(8)
    ]
    browser.close()
    assert codes == {401, 429}
    assert passwords == [401] * 5 + [429] * 3


def test_a_request_from_another_page_changes_nothing(store: Store, base: str) -> None:
    (invitation,) = invite(store, ["r1"])
    with signed_in(base, invitation.token) as browser:
        read = browser.state()["read"]["id"]
        browser.csrf = "forged"
        sent = browser.post(f"/api/reads/{read}/submissions", browser.submission({"altered": True}))
        assert (sent.status_code, sent.json()["code"]) == (403, "csrf")
        assert browser.state()["done"] == 0


def test_cookies_and_headers(study: Path, store: Store) -> None:
    (invitation,) = invite(store, ["r1"])
    for https in (False, True):
        with served(store, study / "study", https=https) as base:
            reply = ask("POST", f"{base}/api/enter", json={"token": invitation.token})
            cookie = reply.headers["set-cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=strict" in cookie
            assert ("secure" in cookie) == https
            assert cookie.startswith("__host-") == https
            page = ask("GET", f"{base}/study")
            assert "unsafe" not in page.headers["content-security-policy"]
            assert "default-src 'none'" in page.headers["content-security-policy"]
            assert ("strict-transport-security" in page.headers) == https
            assert "server" not in page.headers
            assert "<script>" not in page.text
            assert " style=" not in page.text
            assert ask("GET", f"{base}/openapi.json").status_code == 404
            for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py"):
                assert ask("GET", base + path).status_code == 404


def test_the_investigator_sees_progress_and_no_answer(store: Store, base: str) -> None:
    set_password(store, "a long password")
    (invitation,) = invite(store, ["r1"])
    with signed_in(base, invitation.token) as browser:
        browser.answer({"altered": True})
        assert browser.http.get("/api/investigator/progress").status_code == 401
    with client(base) as http:
        wrong = http.post("/api/investigator/login", json={"password": "a wrong password"})
        assert wrong.status_code == 401
        http.post("/api/investigator/login", json={"password": "a long password"})
        found = http.get("/api/investigator/progress")
        assert http.get("/api/state").status_code == 401
    assert found.json()["readers"][0] | {"last_ms": None} == {
        "reader": "r1",
        "pilot": False,
        "consented": True,
        "withdrawn": False,
        "done": 1,
        "total": 6,
        "last_ms": None,
    }
    assert "altered" not in found.text


def test_a_closed_study_takes_no_answer(store: Store, base: str) -> None:
    (invitation,) = invite(store, ["r1"])
    with signed_in(base, invitation.token) as browser:
        read = browser.state()["read"]["id"]
        close(store, with_open_reads=True)
        sent = browser.post(f"/api/reads/{read}/submissions", browser.submission({"altered": True}))
        assert (sent.status_code, sent.json()["code"]) == (409, "closed")
        assert browser.state()["state"] == "closed"


def test_who_withdraws_is_out_and_can_be_forgotten(store: Store, base: str) -> None:
    (invitation,) = invite(store, ["r1"])
    with signed_in(base, invitation.token) as browser:
        browser.answer({"altered": True})
        assert browser.post("/api/withdraw", {}).json()["state"] == "withdrawn"
        assert browser.http.get("/api/mine").status_code == 200
        assert browser.enter(invitation.token).status_code == 401
    assert forget(store, "r1") == 1
    assert progress(store) == []


def test_signing_out_ends_the_session(store: Store, base: str) -> None:
    (invitation,) = invite(store, ["r1"])
    with signed_in(base, invitation.token) as browser:
        browser.state()
        cookie = dict(browser.http.cookies)
        assert browser.post("/api/leave", {}).status_code == 204
        assert ask("GET", f"{base}/api/state", cookies=cookie).status_code == 401


def test_bodies_that_are_too_large_or_no_json(base: str) -> None:
    big = ask("POST", f"{base}/api/enter", content=b"x" * 200_000)
    assert (big.status_code, big.json()["code"]) == (413, "too-large")
    for body in (b"", b"{", b"[]", b'{"token": NaN}', b'{"token": "\\ud800"}', b"\xff"):
        sent = ask(
            "POST", f"{base}/api/enter", content=body, headers={"content-type": "application/json"}
        )
        assert sent.status_code in (400, 422)
        assert "x" * 100 not in sent.text


def test_a_full_disk_is_told_and_the_answer_can_be_sent_again(store: Store, base: str) -> None:
    (invitation,) = invite(store, ["r1"])
    with signed_in(base, invitation.token) as browser:
        read = browser.state()["read"]["id"]
        body = browser.submission({"altered": True})

        def full(*_arguments: object) -> None:
            cause = sqlite3.OperationalError("database or disk is full")
            raise sa.exc.OperationalError("COMMIT", {}, cause)

        sa.event.listen(store._engine, "commit", full)
        refused = browser.post(f"/api/reads/{read}/submissions", body)
        sa.event.remove(store._engine, "commit", full)
        assert (refused.status_code, refused.json()["code"]) == (503, "database")
        assert "stays in the browser" in refused.json()["message"]
        again = browser.post(f"/api/reads/{read}/submissions", body)
        assert again.json()["counted"] is True
        assert browser.state()["done"] == 1


def test_images_of_the_next_case_may_be_fetched_ahead_and_no_others(
    images: Path, tmp_path: Path
) -> None:
    # Both arms of every case, in two blocks of three weeks' distance.
    changes = {"shown": "crossed", "blocks": {"number": 2, "arms": "separate", "washout_days": 21}}
    study = made(tmp_path, images, **changes)
    with open_study(study) as store, served(store, study / "study") as base:
        mine, theirs = invite(store, ["r1", "r2"])
        with signed_in(base, mine.token) as browser, signed_in(base, theirs.token) as other:
            with store.reading() as session:
                own = sa.select(ReadRow).join(ReaderRow).where(ReaderRow.name == "r1")
                reads = [row.id for row in session.scalars(own.order_by(ReadRow.position))]

            def status(asking: Browser, read: str) -> int:
                return asking.http.get(f"/api/reads/{read}/images/0/0").status_code

            for place in range(6):
                state = browser.state()
                assert state["read"]["id"] == reads[place]
                ahead = {"id": reads[place + 1], "slices": [1]} if place < 5 else None
                assert state["following"] == ahead
                found = [status(browser, read) for read in reads]
                assert [i for i, code in enumerate(found) if code == 200] == (
                    [place, place + 1] if place < 5 else [place]
                )
                assert status(other, reads[place + 1]) == 404
                assert browser.http.get(f"/api/reads/{reads[place + 1]}").status_code == 409
                assert (
                    browser.post(f"/api/reads/{reads[place + 1]}/open", SCREEN).status_code == 409
                )
                browser.answer({"altered": True})
            assert browser.state()["state"] == "pause"
            assert status(browser, reads[6]) == status(browser, reads[7]) == 409


def test_another_image_of_the_case_that_is_read_is_not_fetched_ahead(
    images: Path, tmp_path: Path
) -> None:
    order = {"apart": 0, "groups_apart": False}
    study = made(tmp_path, images, shown="crossed", order=order)
    neighbours = 0
    with open_study(study) as store, served(store, study / "study") as base:
        for number in range(4):
            (invitation,) = invite(store, [f"r{number}"])
            with store.reading() as session:
                cases = {row.id: row.case_token for row in session.scalars(sa.select(StimulusRow))}
                own = sa.select(ReadRow).join(ReaderRow).where(ReaderRow.ordinal == number)
                reads = list(session.scalars(own.order_by(ReadRow.position)))
            with signed_in(base, invitation.token) as browser:
                for one, after in itertools.pairwise(reads):
                    same = cases[one.stimuli[0]] == cases[after.stimuli[0]]
                    neighbours += same
                    assert (browser.state()["following"] is None) == same
                    found = browser.http.get(f"/api/reads/{after.id}/images/0/0")
                    assert found.status_code == (409 if same else 200)
                    browser.answer({"altered": True})
    assert neighbours
