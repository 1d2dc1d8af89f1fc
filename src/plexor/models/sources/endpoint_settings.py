"""How a server is asked, and where in its answer the outputs are, as a plan says."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from plexor.core.errors import PlanError
from plexor.core.ids import digest

Form = Literal["json", "npy", "png"]
_IN_FLIGHT = 8
MARKS = ("{values}", "{flat}", "{shape}", "{png}", "{features}")
"""What stands in a document for the images of a request, and is replaced when it is sent."""
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How a server is asked.

    Attributes:
        form: "json", nested lists of values; "npy", NumPy's file format, (N, C, *spatial) float32;
            or "png", one image of 8 bits at a time, on which 0 after preprocessing is black and 1
            is white. Values are sent as ``preprocess`` makes them: with its window [0, 1] as they
            are stored.
        key: for "json", the name under which the images are, in a document of that one key.
        document: for "json", the document that is sent instead, with marks where images come:
            ``"{values}"`` nested lists of all images of the request, ``"{flat}"`` the same in one
            list, ``"{shape}"`` their shape, ``"{png}"`` one image as PNG in base64,
            ``"{features}"`` the numbers beside.
        field: for "png", the field of a form (``multipart/form-data``) in which the file is sent;
            "" sends the file as the body.
        headers: sent with every request. ``${NAME}`` is taken from the environment, so that no
            secret is in the plan.
        batch: images in one request, at most.
        per_second: requests in a second, at most; None sets no limit.
        in_flight: requests sent before the first of them is answered, at most; if not given 8 with
            ``per_second``, so that a slow answer does not lower the rate, else 1.
        timeout_s: seconds to wait for an answer.
        retries: further attempts after a timeout, or the status 429 or 5xx, with growing pauses.
        most_images: images for which the server is asked in all, at most, earlier runs with this
            ledger included; None sets no limit.
        ledger: file in which every answer is kept: an image that was answered is never sent again.
            Beside the plan if not given.

    Raises:
        PlanError: a number that has no meaning.
    """

    form: Form = "json"
    key: str = "instances"
    document: Mapping[str, Any] | None = None
    field: str = ""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    batch: int = 16
    per_second: float | None = None
    in_flight: int | None = None
    timeout_s: float = 60.0
    retries: int = 5
    most_images: int | None = None
    ledger: Path | None = None

    def __post_init__(self) -> None:
        for name, least in (("batch", 1), ("retries", 0), ("most_images", 1), ("in_flight", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise PlanError(f"request: `{name}` must be at least {least}, got {value}")
        for name in ("per_second", "timeout_s"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise PlanError(f"request: `{name}` must be a positive number, got {value}")
        marks = {one for one in MARKS if f'"{one}"' in json.dumps(self.document)}
        if self.document is not None and (
            self.form != "json" or not marks & {"{values}", "{flat}", "{png}"}
        ):
            raise PlanError(
                'request: `document` is for `form: json`, and says where images come: "{values}", '
                '"{flat}" or "{png}"'
            )
        if self.field and self.form != "png":
            raise PlanError("request: `field` is for `form: png`")
        for name, text in self.headers.items():
            if name.lower() in ("authorization", "x-api-key") and not _VARIABLE.search(text):
                raise PlanError(
                    f"request: the header {name} must come from the environment, e.g. "
                    f"`{name}: Bearer ${{TOKEN}}`, so that the plan holds no secret"
                )

    @property
    def as_png(self) -> bool:
        """Whether images are sent as PNG, one in each request."""
        return self.form == "png" or '"{png}"' in json.dumps(self.document)

    @property
    def most_in_flight(self) -> int:
        """Requests sent before the first of them is answered, at most."""
        return self.in_flight or (1 if self.per_second is None else _IN_FLIGHT)

    def variables(self) -> list[str]:
        """Names of the environment's variables that the headers take."""
        return [name for text in self.headers.values() for name in _VARIABLE.findall(text)]

    def headers_with(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The headers, with variables replaced.

        Raises:
            PlanError: a variable is not set.
        """
        if absent := [name for name in self.variables() if name not in environment]:
            raise PlanError(f"request: set {', '.join(absent)} in the environment")
        return {
            name: _VARIABLE.sub(lambda found: environment[found[1]], text)
            for name, text in self.headers.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Where in a server's answer the outputs are.

    Attributes:
        path: keys and numbers that lead to the outputs in the JSON document, with dots:
            "predictions", "result.scores"; "" takes the document. Under "png" the outputs of one
            image, else of all images of the request, in their order.
        names: class names as the server writes them, in the order of ``classes``, where it answers
            with names instead of numbers, or with a mapping from names to numbers; empty takes
            the names of ``classes``.
    """

    path: str = ""
    names: tuple[str, ...] = ()


def default_ledger(url: str) -> Path:
    """The ledger's name where the plan gives none."""
    return Path(f"{urlsplit(url).hostname or 'server'}-{digest(url)[:8]}.ledger.jsonl")
