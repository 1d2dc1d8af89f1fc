"""A model behind a server: scores or decisions, each paid once."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from plexor.core.errors import ModelError, OutageError, brief
from plexor.core.ids import digest, digest_bytes
from plexor.models.card import ModelCard
from plexor.models.sources.endpoint_settings import Request, Response, default_ledger
from plexor.models.sources.http_client import Client
from plexor.models.sources.in_flight import in_flight
from plexor.models.sources.ledger import Ledger
from plexor.models.sources.opened import Opened
from plexor.models.sources.request_body import body_of, levels

_LABELS = ("label", "class", "className", "class_name", "name")
_SCORES = ("score", "probability", "confidence", "prob", "value")
"""Keys under which servers answer with a class and its probability, one mapping for each."""


def open_endpoint(url: str, request: Request, response: Response, card: ModelCard) -> Opened:
    """A model behind a server; nothing is asked yet.

    Raises:
        PlanError: the address is none, or a header takes a variable that is not set.
    """
    return Opened(
        network=Endpoint(url, request, response, card.task.classes),
        access="scores",
        name=f"server {urlsplit(url).hostname}",
    )


class Endpoint(nn.Module):
    """A server that is asked for images, as a network without gradients.

    Args:
        url: its address.
        request: how it is asked.
        response: where its answer holds the outputs.
        classes: names of the classes, for answers that hold names.

    Attributes:
        source_sha256: hash of address, form and response, which is part of the model's identity.
        n_paid: images that this process asked the server for.
    """

    def __init__(
        self, url: str, request: Request, response: Response, classes: Sequence[str]
    ) -> None:
        super().__init__()
        request.headers_with(os.environ)
        self._client = Client(url, request)
        self._request, self._response = request, response
        self._names = list(response.names or classes)
        self._ledger = Ledger(request.ledger or default_ledger(url))
        self._anew = False
        self._turn, self._on_way = threading.Lock(), 0
        self.n_paid = 0
        asked = [url, request.form, request.key, response.path, self._names]
        if request.document is not None or request.field:
            asked += [request.document, request.field]
        self.source_sha256 = digest(asked)

    def __getstate__(self) -> dict[str, Any]:
        return {name: one for name, one in self.__dict__.items() if name != "_turn"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._turn = threading.Lock()

    @property
    def per_second(self) -> float | None:
        """Requests in a second, at most."""
        return self._request.per_second

    @property
    def n_answered(self) -> int:
        """Images paid in every run with this ledger."""
        return len(self._ledger)

    @contextlib.contextmanager
    def asked_anew(self) -> Iterator[None]:
        """Context in which the server is asked also for images that it has answered before."""
        self._anew = True
        try:
            yield
        finally:
            self._anew = False

    def forward(self, images: Tensor, *features: Tensor) -> Tensor:
        """The server's outputs for images; of each image once, also if it occurs twice."""
        pixels: NDArray[Any] = images.detach().cpu().numpy().astype(np.float32)
        beside = features[0].detach().cpu().numpy().astype(np.float32) if features else None
        pixels = levels(pixels) if self._request.as_png else pixels
        keys = [self._key(pixels, beside, i) for i in range(len(pixels))]
        with self._turn:
            known = {} if self._anew else self._ledger.answers(keys)
        place = {key: i for i, key in enumerate(keys) if key not in known}
        at_once = 1 if self._request.as_png else self._request.batch
        missing = list(place)
        parts = [missing[i : i + at_once] for i in range(0, len(missing), at_once)]

        def ask(part: list[str]) -> dict[str, Any]:
            rows = [place[key] for key in part]
            return self._paid(part, pixels[rows], None if beside is None else beside[rows])

        for answers in in_flight(parts, ask, most=self._request.most_in_flight):
            known |= answers
        return _stacked([known[key] for key in keys], self._client.url).to(images.device)

    def _as_kept(self, answers: dict[str, Any]) -> dict[str, Any]:
        """Answers with their keys in the ledger: asked anew they are paid, and not given again."""
        if not self._anew:
            return answers
        n = self.n_answered
        return {f"{key} anew {n + i}": one for i, (key, one) in enumerate(answers.items())}

    def _key(self, pixels: NDArray[Any], beside: NDArray[np.float32] | None, i: int) -> str:
        also = b"" if beside is None else beside[i].tobytes()
        about = f"{self.source_sha256} {pixels.shape[1:]} ".encode()
        return digest_bytes(about + pixels[i].tobytes() + also)

    def _paid(
        self, keys: list[str], pixels: NDArray[Any], beside: NDArray[np.float32] | None
    ) -> dict[str, Any]:
        """Answers of one request, in the ledger before they are given."""
        n = len(keys)
        with self._turn:
            most, before = self._request.most_images, self.n_answered + self._on_way
            if most is not None and before + n > most:
                raise OutageError(
                    f"{self._client.url} was asked for {before:,} images, and "
                    f"`request.most_images` is {most:,}; raise it and run the same command again "
                    "to go on"
                )
            self._on_way += n
        try:
            answers = dict(zip(keys, self._ask(pixels, beside), strict=True))
        except BaseException:
            with self._turn:
                self._on_way -= n
            raise
        with self._turn:
            self._on_way -= n
            self.n_paid += n
            self._ledger.keep(self._as_kept(answers))
        return answers

    def _ask(self, pixels: NDArray[Any], beside: NDArray[np.float32] | None) -> list[Any]:
        data = self._client.post(*body_of(self._request, pixels, beside))
        return self._parsed(data, len(pixels))

    def _parsed(self, data: bytes, n_images: int) -> list[Any]:
        """The part of the answer for each image: numbers in lists."""
        url, path = self._client.url, self._response.path
        try:
            found = json.loads(data)
        except ValueError as error:
            raise OutageError(f"{url} answered with no JSON: {brief(error)}") from error
        for key in [one for one in path.split(".") if one]:
            try:
                found = found[int(key)] if isinstance(found, list) else found[key]
            except (KeyError, IndexError, TypeError, ValueError) as error:
                known = ", ".join(map(str, found)) if isinstance(found, dict) else type(found)
                raise OutageError(
                    f"{url} answered without {key!r} of `response.path: {path}` (found: {known})"
                ) from error
        each = self._each(found, n_images)
        if not isinstance(each, list) or len(each) != n_images:
            n = len(each) if isinstance(each, list) else type(each).__name__
            raise OutageError(f"{url} answered for {n} images, and was asked for {n_images}")
        return [self._numbers(one) for one in each]

    def _each(self, found: Any, n_images: int) -> Any:
        """The outputs image by image, where one image is answered bare, or all of them flat."""
        if self._request.form == "png":
            return [found]
        flat = isinstance(found, list) and all(isinstance(one, int | float) for one in found)
        if flat and len(found) != n_images and len(found) % n_images == 0:
            size = len(found) // n_images
            return [found[i : i + size] for i in range(0, len(found), size)]
        alone = n_images == 1 and not (isinstance(found, list) and len(found) == 1)
        return [found] if alone else found

    def _numbers(self, answer: Any) -> Any:
        """Numbers of an answer by class names."""
        if isinstance(answer, list) and answer and all(isinstance(one, dict) for one in answer):
            answer = _by_label(answer)
        if isinstance(answer, str):
            if answer not in self._names:
                raise OutageError(
                    f"{self._client.url} answered {answer!r}, which is none of "
                    f"{', '.join(self._names)}; write `response.names`"
                )
            return self._names.index(answer)
        if isinstance(answer, dict):
            if absent := [name for name in self._names if name not in answer]:
                raise OutageError(
                    f"{self._client.url} answered without {', '.join(absent)} (found: "
                    f"{', '.join(map(str, answer))}); write `response.names`"
                )
            return [answer[name] for name in self._names]
        return answer


def _by_label(answer: list[dict[str, Any]]) -> Any:
    """``[{"label": "naevus", "score": 0.9}, ...]`` as a mapping; anything else as it is."""
    found = {}
    for one in answer:
        name = next((one[key] for key in _LABELS if isinstance(one.get(key), str)), None)
        score = next((one[key] for key in _SCORES if key in one), None)
        if name is None or score is None:
            return answer
        found[name] = score
    return found


def _stacked(answers: list[Any], url: str) -> Tensor:
    """Answers of several images as one tensor; of class numbers (N,), else (N, ...)."""
    try:
        array = np.array(answers, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"{url} answered with outputs that are no numbers, or of unequal shape: {brief(error)}"
        ) from error
    if not np.isfinite(array).all():
        raise ModelError(f"{url} answered with numbers that are not finite")
    return torch.from_numpy(array.astype(np.float32))
