"""Attempts to break into a reader study, over HTTP."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from tests.helpers.reader_study import (
    Browser,
    ask,
    cheap_passwords,
    client,
    made,
    open_study,
    signed_in,
    write_images,
)

from plexor.readers import security
from plexor.readers.enrol import invite
from plexor.readers.serve import served, set_password
from plexor.readers.store import Store

READERS = ("mallory", "alice")
ZERO = chr(0x660)
"""A digit of another script."""


@pytest.fixture(autouse=True)
def passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap_passwords(monkeypatch)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attacked")
    return made(folder, write_images(folder / "images", side=8))


@pytest.fixture(scope="module")
def store(study: Path) -> Iterator[Store]:
    with open_study(study) as opened:
        yield opened


@pytest.fixture(scope="module")
def tokens(store: Store) -> dict[str, str]:
    return {one.reader: one.token for one in invite(store, READERS)}


@pytest.fixture(scope="module")
def base(study: Path, store: Store) -> Iterator[str]:
    with served(store, study / "study") as address:
        yield address


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops the clock of the limits, so that a slow machine earns no further attempts."""
    monkeypatch.setattr(security.RateLimit.__init__, "__defaults__", (lambda: 0.0,))


@pytest.fixture
def fresh(study: Path, store: Store, still: None) -> Iterator[str]:
    """A server that has counted nothing yet."""
    with served(store, study / "study") as address:
        yield address


@pytest.fixture
def mallory(base: str, tokens: dict[str, str]) -> Iterator[Browser]:
    with signed_in(base, tokens["mallory"]) as browser:
        yield browser


def test_a_cookie_of_the_attackers_choice_is_never_adopted(
    base: str, tokens: dict[str, str]
) -> None:
    planted = "planted-" + secrets.token_urlsafe(24)
    with client(base, cookies={"plexor-reader": planted}) as http:
        http.post("/api/enter", json={"token": tokens["alice"]}).raise_for_status()
    with client(base, cookies={"plexor-reader": planted}) as http:
        assert http.get("/api/state").status_code == 401


def test_readers_and_investigator_cannot_take_each_others_cookie(
    base: str, store: Store, mallory: Browser
) -> None:
    set_password(store, "a long password")
    own = mallory.http.cookies["plexor-reader"]
    as_investigator = {"plexor-investigator": own}
    assert (
        ask("GET", f"{base}/api/investigator/progress", cookies=as_investigator).status_code == 401
    )
    with client(base) as http:
        http.post("/api/investigator/login", json={"password": "a long password"})
        cookie = http.cookies["plexor-investigator"]
    assert ask("GET", f"{base}/api/state", cookies={"plexor-reader": cookie}).status_code == 401


def test_another_password_ends_the_investigators_sessions(base: str, store: Store) -> None:
    set_password(store, "the first password")
    with client(base) as http:
        http.post("/api/investigator/login", json={"password": "the first password"})
        set_password(store, "the first password")
        assert http.get("/api/investigator/progress").status_code == 200
        set_password(store, "the second password")
        assert http.get("/api/investigator/progress").status_code == 401


def test_what_changes_something_needs_the_sessions_own_token(
    base: str, tokens: dict[str, str], mallory: Browser
) -> None:
    read = mallory.state()["read"]["id"]
    body = mallory.submission({"altered": True})
    with signed_in(base, tokens["alice"]) as alice:
        for path, sent in (
            ("/api/consent", {"agree": True, "language": "en", "role": "other", "years": 1}),
            (f"/api/reads/{read}/submissions", body),
            (f"/api/reads/{read}/open", body["display"]),
            ("/api/withdraw", {}),
            ("/api/leave", {}),
        ):
            for token in ("", "x", alice.csrf, mallory.csrf[:-1], mallory.csrf + " x"):
                reply = mallory.http.post(path, json=sent, headers={"X-CSRF-Token": token})
                assert (reply.status_code, reply.json()["code"]) == (403, "csrf")
            assert mallory.http.post(path, json=sent).status_code == 403
    assert mallory.state()["done"] == 0


def test_pages_of_other_sites_cannot_even_sign_a_browser_in(
    base: str, tokens: dict[str, str]
) -> None:
    body = json.dumps({"token": tokens["mallory"]})
    for site in ("cross-site", "same-site", "x"):
        reply = ask(
            "POST",
            f"{base}/api/enter",
            content=body,
            headers={"sec-fetch-site": site, "content-type": "application/json"},
        )
        assert (reply.status_code, reply.json()["code"]) == (403, "csrf")
        assert "set-cookie" not in reply.headers
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        reply = ask("POST", f"{base}/api/enter", content=body, headers={"content-type": kind})
        assert reply.status_code == 422


def test_a_forged_address_does_not_reset_the_count(fresh: str) -> None:
    codes = [
        ask("POST",
            f"{fresh}/api/enter",
            json={"token": "z" * 43},
            headers={"x-forwarded-for": f"192.0.2.{i}", "x-real-ip": "192.0.2.1",
                     "forwarded": f"for=192.0.2.{i}"},
        ).status_code
        for i in range(30)
    ]  # fmt: skip
    assert codes[:20] == [401] * 20
    assert 429 in codes[20:]


@pytest.mark.usefixtures("still")
def test_behind_a_proxy_only_the_address_that_it_appends_counts(study: Path, store: Store) -> None:
    with served(store, study / "study", proxy="127.0.0.1") as base:

        def attempt(forwarded: str) -> int:
            headers = {"x-forwarded-for": forwarded}
            return ask(
                "POST", f"{base}/api/enter", json={"token": "z" * 43}, headers=headers
            ).status_code

        codes = [attempt(f"198.51.100.{i}, 192.0.2.9") for i in range(30)]
        assert 429 in codes[20:]
        assert attempt("192.0.2.10") == 401


def test_signing_in_again_and_again_gives_no_further_allowance(
    fresh: str, tokens: dict[str, str]
) -> None:
    browser = Browser(fresh)
    codes = [browser.enter(tokens["alice"]).status_code for _ in range(40)]
    browser.close()
    assert codes[0] == 200
    assert codes[-1] == 429


@pytest.mark.parametrize(
    "odd", ["../../key", "%2e%2e%2fkey", "0" * 15, "0" * 17, "0" * 16 + "%0a", ZERO * 16, "%00"]
)
def test_ids_that_lead_elsewhere_find_nothing(mallory: Browser, odd: str) -> None:
    for path in (f"/api/reads/{odd}", f"/api/reads/{odd}/images/0/0", f"/texts/{odd}"):
        reply = mallory.http.get(path)
        assert reply.status_code in (404, 422)
        assert "study.yaml" not in reply.text


def test_places_that_are_no_numbers_or_out_of_range_find_nothing(mallory: Browser) -> None:
    read = mallory.state()["read"]["id"]
    for place in ("-1/0", "0/-1", "0/100001", "1e3/0", "0/0.png", "0/..", f"{ZERO}/0", "99999/0"):
        assert mallory.http.get(f"/api/reads/{read}/images/{place}").status_code in (404, 422)


def test_headers_cannot_be_put_into_a_response(base: str, mallory: Browser) -> None:
    for headers in (
        {"accept-language": "fr\tset-cookie: a=b"},
        {"host": "evil.example"},
        {"x-forwarded-host": "evil.example"},
        {"cookie": "plexor-reader=\xe9\xff; a=b"},
    ):
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        for path in ("/study", "/study/", "/static", "/api/state", "//evil.example/static"):
            reply = ask("GET", base + path, headers=raw)
            assert reply.status_code in ((403,) if "host" in headers else (200, 401, 404))
            assert "evil.example" not in str(reply.headers)
            assert "set-cookie" not in reply.headers


def test_bodies_that_are_deep_huge_or_odd_are_refused(mallory: Browser) -> None:
    read = mallory.state()["read"]["id"]
    good = json.dumps(mallory.submission({"altered": True}))
    deep = "[" * 3000 + "]" * 3000
    for body in (
        good.replace("true", deep),
        good.replace("true", "[" * 40_000),
        good.replace("1200", "9" * 5000),
        good.replace("1200", "1e999"),
        good.replace("1200", "NaN"),
        good.replace('"altered"', '"\\u0000"'),
        good.replace('"altered"', '"__proto__"'),
        good[:-1] + ', "reader_id": 2}',
        good + good,
    ):
        reply = mallory.http.post(
            f"/api/reads/{read}/submissions",
            content=body.encode(),
            headers={"X-CSRF-Token": mallory.csrf, "content-type": "application/json"},
        )
        assert reply.status_code in (400, 422), body[:80]
    assert mallory.state()["done"] == 0


@pytest.mark.parametrize("number", ["9" * 400, "-1e-400", "1e400", "NaN", "1" * 4000, "true"])
def test_marks_at_odd_places_are_refused_or_kept(tmp_path: Path, number: str) -> None:
    marks = {"id": "where", "ask": "Where?", "type": "marks", "most": 3, "points": 1}
    study = made(tmp_path, write_images(tmp_path / "images", side=8), questions=[marks])
    with open_study(study) as store, served(store, study / "study") as base:
        (invitation,) = invite(store, ["mallory"])
        with signed_in(base, invitation.token) as browser:
            read = browser.state()["read"]["id"]
            mark = {"x": 1, "y": 12321, "slice": 0, "rating": 1}
            reply = browser.http.post(
                f"/api/reads/{read}/submissions",
                content=json.dumps(browser.submission({"where": [mark]})).replace("12321", number),
                headers={"X-CSRF-Token": browser.csrf, "content-type": "application/json"},
            )
    assert reply.status_code in ((200,) if number == "-1e-400" else (400, 422))


def test_a_name_that_was_turned_to_this_machine_is_refused(base: str, mallory: Browser) -> None:
    for host, code in (
        ("evil.example", 403),
        ("evil.example:80", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost:9", 200),
        ("[::1]:8750", 200),
        ("127.0.0.1", 200),
    ):
        assert mallory.http.get("/api/state", headers={"host": host}).status_code == code


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_other_accounts_of_the_machine_can_read_neither_images_nor_key(study: Path) -> None:
    assert [(study / name).stat().st_mode & 0o077 for name in ("study", "key")] == [0, 0]


def test_a_password_takes_as_long_to_refuse_where_none_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    # The stand-in is a whole argon2 hash with the costs of a real one: no shorter way round.
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(security._NO_PASSWORD, "a guess")
    real, none = security.hash_password("a long password"), security._NO_PASSWORD
    assert real.split("$")[:4] == none.split("$")[:4]
