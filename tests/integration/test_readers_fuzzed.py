"""The server asked by schemathesis, from its own OpenAPI: whatever is sent, no error of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.helpers.reader_study import Browser, made, open_study, write_images

from plexor.readers.app import create_app
from plexor.readers.enrol import invite
from plexor.readers.serve import served, set_password
from plexor.readers.settings import Settings

PATHS = (
    "/",
    "/enter",
    "/study",
    "/screen",
    "/investigator",
    "/api/enter",
    "/api/state",
    "/api/mine",
    "/api/investigator/progress",
    "/api/investigator/leave",
    "/api/consent",
    "/api/reads/{read_id}",
    "/api/reads/{read_id}/open",
    "/api/reads/{read_id}/submissions",
    "/api/reads/{read_id}/images/{slot}/{piece}",
    "/api/investigator/login",
    "/texts/{language}",
)

ENDING = {"/api/leave", "/api/withdraw"}
"""Take nothing, and would end the session that the others need."""


@pytest.fixture(scope="module")
def served_study(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[schemathesis.BaseSchema, Browser]]:
    folder = tmp_path_factory.mktemp("fuzzed")
    made(folder, write_images(folder / "images", side=8))
    with open_study(folder) as store, served(store, folder / "study") as base:
        set_password(store, "a long password")
        (invitation,) = invite(store, ["r1"])
        browser = Browser(base)
        browser.enter(invitation.token)
        browser.consent()
        settings_ = Settings(images=folder / "study" / "images", https=False)
        openapi = create_app(store, settings_).openapi()
        schema = schemathesis.openapi.from_dict(openapi)
        schema.config.update(base_url=base)
        yield schema, browser
        browser.close()


def test_no_path_was_forgotten(served_study: tuple[schemathesis.BaseSchema, Browser]) -> None:
    schema, _ = served_study
    assert set(PATHS) | ENDING == set(schema.raw_schema["paths"])


@given(data=st.data())
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)
def test_nothing_that_is_sent_breaks_the_server(
    served_study: tuple[schemathesis.BaseSchema, Browser], data: st.DataObject
) -> None:
    schema, browser = served_study
    path = data.draw(st.sampled_from(PATHS))
    method = data.draw(st.sampled_from(sorted(schema[path])))
    case = data.draw(schema[path][method].as_strategy())
    if "read_id" in case.path_parameters and data.draw(st.booleans()):
        current = browser.state()["read"]
        case.path_parameters["read_id"] = current["id"] if current else "0" * 16
    headers = {"X-CSRF-Token": browser.csrf}
    response = case.call(headers=headers, cookies=dict(browser.http.cookies))
    assert response.status_code < 500
