"""A model behind a server: answers, ledger, retries, and everything that a server may do wrong."""

from __future__ import annotations

import copy
import json
import pickle
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.helpers.model_server import CLASSES, State, logits, serving
from torch import Tensor

from plexor.core.errors import ModelError, OutageError, PlanError
from plexor.models import HasNetwork, Model, ModelSource, Preprocess, open_model
from plexor.models.model import asked_anew
from plexor.models.sources import http_client
from plexor.models.sources.endpoint_settings import Request, Response
from plexor.models.sources.ledger import Ledger

IMAGES = torch.arange(5 * 3 * 4 * 4.0).view(5, 3, 4, 4) % 256


@pytest.fixture
def server() -> Iterator[tuple[str, State]]:
    with serving() as found:
        yield found


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "sleep", lambda seconds: None)


def source(url: str, folder: Path, **more: Any) -> ModelSource:
    request = Request(ledger=folder / "answers.jsonl", **more.pop("request", {}))
    response = Response(**({"path": "predictions"} | more.pop("response", {})))
    defaults: dict[str, Any] = {"outputs": "probabilities", "classes": CLASSES}
    return ModelSource(url=url, request=request, response=response, **(defaults | more))


def pickled(model: Model) -> Model:
    copied: Model = pickle.loads(pickle.dumps(model))  # noqa: S301 (written a moment ago)
    return copied


def expected(images: Tensor) -> Tensor:
    return torch.from_numpy(logits(images.numpy() / np.float32(255))).float()


def same(model: Model, images: Tensor = IMAGES) -> None:
    found = model.outputs(images).softmax(1)
    torch.testing.assert_close(found, expected(images).softmax(1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", ["json", "npy", "png"])
def test_a_server_is_asked_in_each_form(
    server: tuple[str, State], tmp_path: Path, form: Any
) -> None:
    url, state = server
    more = {"response": {"path": "predictions.0"}} if form == "png" else {}
    model = open_model(source(f"{url}/scores", tmp_path, request={"form": form}, **more))
    same(model)
    assert model.access == "scores"
    assert not isinstance(model, HasNetwork)
    assert state.requests == (5 if form == "png" else 1)


def test_windowed_values_are_sent_as_they_are(server: tuple[str, State], tmp_path: Path) -> None:
    url, _ = server
    stored = replace(
        source(f"{url}/scores", tmp_path, request={"form": "npy"}),
        preprocess=Preprocess(window=(0, 1)),
    )
    found = open_model(stored).outputs(IMAGES / 255).softmax(1)
    torch.testing.assert_close(found, expected(IMAGES).softmax(1), rtol=1e-4, atol=1e-5)


def test_names_and_decisions_are_understood(server: tuple[str, State], tmp_path: Path) -> None:
    url, _ = server
    named = source(f"{url}/named", tmp_path, response={"names": ("AK", "MEL", "NV")})
    same(open_model(named))
    decided = expected(IMAGES).argmax(1)
    words = open_model(source(f"{url}/decisions", tmp_path, outputs="decisions"))
    assert words.access == "decisions"
    assert torch.equal(words.task.decide(words.outputs(IMAGES)), decided)
    one = source(
        f"{url}/labels",
        tmp_path,
        outputs="decisions",
        request={"form": "png"},
        response={"path": "result.label"},
    )
    model = open_model(one)
    assert torch.equal(model.task.decide(model.outputs(IMAGES)), decided)


def test_an_image_is_paid_once_by_every_process(server: tuple[str, State], tmp_path: Path) -> None:
    url, state = server
    asked = source(f"{url}/scores", tmp_path, request={"batch": 2})
    model = open_model(asked)
    same(model, IMAGES[[0, 1, 1, 0]])
    assert len(state.asked) == 2
    same(model)
    assert len(state.asked) == len(set(state.asked)) == 5
    for other in (open_model(asked), copy.deepcopy(model), pickled(model)):
        same(other)
    assert len(state.asked) == 5
    with asked_anew(model):
        same(model)
    assert len(state.asked) == len(Ledger(tmp_path / "answers.jsonl")) == 10


def test_a_line_cut_off_by_a_kill_costs_one_question(
    server: tuple[str, State], tmp_path: Path
) -> None:
    url, state = server
    asked = source(f"{url}/scores", tmp_path)
    same(open_model(asked))
    ledger = tmp_path / "answers.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-9])
    same(open_model(asked))
    assert len(state.asked) == 6
    same(open_model(asked))
    assert len(state.asked) == 6
    assert len(Ledger(ledger)) == 5


def test_another_address_or_form_does_not_use_the_answers(
    server: tuple[str, State], tmp_path: Path
) -> None:
    url, state = server
    one = open_model(source(f"{url}/scores", tmp_path))
    other = open_model(source(f"{url}/named", tmp_path, response={"names": ("AK", "MEL", "NV")}))
    assert one.identity() != other.identity()
    same(one)
    same(other)
    assert len(state.asked) == 10


def test_a_limit_of_images_ends_before_it_is_passed(
    server: tuple[str, State], tmp_path: Path
) -> None:
    url, state = server
    limited = source(f"{url}/scores", tmp_path, request={"most_images": 3, "batch": 1})
    with pytest.raises(OutageError, match=r"asked for 3 images, and `request\.most_images` is 3"):
        open_model(limited).outputs(IMAGES)
    assert len(state.asked) == 3
    with pytest.raises(OutageError, match="was asked for 3 images"):
        open_model(limited).outputs(IMAGES)
    assert len(state.asked) == 3
    same(open_model(source(f"{url}/scores", tmp_path)))
    assert len(state.asked) == 5


def test_a_busy_server_is_asked_again(server: tuple[str, State], tmp_path: Path) -> None:
    url, state = server
    same(open_model(source(f"{url}/busy", tmp_path)))
    assert state.requests == 4


def test_the_rate_is_kept(
    server: tuple[str, State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _ = server
    slept: list[float] = []
    monkeypatch.setattr(http_client, "sleep", slept.append)
    monkeypatch.setattr(http_client, "monotonic", lambda: 100.0)
    same(open_model(source(f"{url}/scores", tmp_path, request={"batch": 1, "per_second": 4})))
    assert slept == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_slow_answers_are_waited_for_together_and_kept_apart(
    server: tuple[str, State], tmp_path: Path
) -> None:
    """Five questions of which each takes 2 s: asked one after another they would take 10 s."""
    url, state = server
    more = {"batch": 1, "in_flight": 5}
    start = time.monotonic()
    same(open_model(source(f"{url}/slow", tmp_path, request=more)))
    assert time.monotonic() - start < 8
    assert len(set(state.asked)) == 5


def test_what_was_paid_is_kept_when_another_question_on_its_way_fails(
    server: tuple[str, State], tmp_path: Path
) -> None:
    url, state = server
    more = {"batch": 1, "in_flight": 3, "retries": 0}
    failing = open_model(source(f"{url}/every-third-fails", tmp_path, request=more))
    with pytest.raises(OutageError, match="answered with status 503"):
        failing.outputs(IMAGES)
    paid = len(state.asked)
    assert len((tmp_path / "answers.jsonl").read_text().splitlines()) == paid >= 2


def test_a_limit_of_images_counts_those_on_their_way(
    server: tuple[str, State], tmp_path: Path
) -> None:
    url, state = server
    more = {"batch": 1, "in_flight": 4, "most_images": 3}
    with pytest.raises(OutageError, match=r"`request\.most_images` is 3"):
        open_model(source(f"{url}/scores", tmp_path, request=more)).outputs(IMAGES)
    assert len(state.asked) == 3


def test_a_redirect_on_the_same_host_is_followed(server: tuple[str, State], tmp_path: Path) -> None:
    url, _ = server
    same(open_model(source(f"{url}/moved", tmp_path)))


def test_secrets_come_from_the_environment(
    server: tuple[str, State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, state = server
    request = {"headers": {"Authorization": "Bearer ${MODEL_TOKEN}"}}
    with pytest.raises(PlanError, match="set MODEL_TOKEN in the environment"):
        open_model(source(f"{url}/scores", tmp_path, request=request))
    monkeypatch.setenv("MODEL_TOKEN", "s3cret")
    model = open_model(source(f"{url}/scores", tmp_path, request=request))
    same(model)
    assert state.headers[0]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in json.dumps(model.card.to_dict())
    assert b"s3cret" not in pickle.dumps(model)


@pytest.mark.parametrize(
    ("path", "more", "error", "sentence"),
    [
        ("down", {"retries": 1}, OutageError, "answered with status 503, 2 times; .* run the same"),
        ("refuses", {}, OutageError, "status 401: .*no such token.*; check `url`"),
        ("elsewhere", {}, OutageError, "redirects to http://127.0.0.2:9, another host"),
        ("slow", {"timeout_s": 0.2, "retries": 0}, OutageError, "not answer within 0.2 s, 1 times"),
        ("text", {}, OutageError, "answered with no JSON"),
        ("labels", {}, OutageError, r"without 'predictions' of .* \(found: result\)"),
        ("fewer", {}, OutageError, "answered for 4 images, and was asked for 5"),
        ("named", {}, OutageError, r"without keratosis.*\(found: AK, MEL, NV\); write"),
        ("nan", {}, ModelError, "numbers that are not finite"),
        ("ragged", {}, ModelError, "of unequal shape"),
        ("short", {}, ModelError, r"outputs of shape \(5, 2\), expected \(5, 3\)"),
    ],
)
def test_what_a_server_does_wrong_is_one_sentence(  # noqa: PLR0917 (a fixture for each)
    server: tuple[str, State],
    tmp_path: Path,
    path: str,
    more: dict[str, Any],
    error: type[Exception],
    sentence: str,
) -> None:
    url, _ = server
    model = open_model(source(f"{url}/{path}", tmp_path, request=more))
    with pytest.raises(error, match=sentence) as caught:
        model.outputs(IMAGES)
    assert "\n" not in str(caught.value)


def test_nobody_at_the_address_is_one_sentence(tmp_path: Path) -> None:
    model = open_model(source("http://127.0.0.1:9/x", tmp_path, request={"retries": 0}))
    with pytest.raises(OutageError, match="cannot be reached"):
        model.outputs(IMAGES)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://host/x", "must start with http"),
        ("http://", "must start with http"),
        ("http://user:pass@host/x", "holds a name or password"),
        ("http://host:99999/x", "is no address"),
    ],
)
def test_what_is_no_address_is_refused(url: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=sentence):
        open_model(source(url, tmp_path))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"batch": 0}, "`batch` must be at least 1"),
        ({"per_second": 0.0}, "`per_second` must be a positive number"),
        ({"headers": {"Authorization": "Bearer abc"}}, "must come from the environment"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PlanError, match=sentence):
        Request(**more)


def test_a_png_needs_values_from_black_to_white(server: tuple[str, State], tmp_path: Path) -> None:
    url, _ = server
    model = open_model(source(f"{url}/scores", tmp_path, request={"form": "png"}))
    with pytest.raises(ModelError, match=r"values of 0 to 1, got 0 to 11\.8 after"):
        model.outputs(IMAGES.clamp(max=200) * 15)
    two = source(f"{url}/scores", tmp_path, request={"form": "png"}, channels=2)
    with pytest.raises(ModelError, match="images of 1 or 3 channels"):
        open_model(two).outputs(IMAGES[:, :2])
