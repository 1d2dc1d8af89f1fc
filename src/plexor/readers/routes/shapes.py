"""Types of requests and responses."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from plexor.readers.question import Language

ReadId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
Place = Annotated[int, Path(ge=0, le=100_000)]
_Size = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
_STRICT = ConfigDict(extra="forbid")


class Enter(BaseModel):
    """The token of a personal link."""

    model_config = _STRICT
    token: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{20,100}$")]


class Login(BaseModel):
    """The investigator's password."""

    model_config = _STRICT
    password: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Consent(BaseModel):
    """A reader's consent, with role and experience."""

    model_config = _STRICT
    agree: Literal[True]
    language: Language
    role: Literal["radiologist", "dermatologist", "other-physician", "resident", "student", "other"]
    years: Annotated[float, Field(ge=0, le=80, allow_inf_nan=False)]


class Screen(BaseModel):
    """The browser's window and screen, in CSS pixels."""

    model_config = _STRICT
    width: _Size
    height: _Size
    screen_width: _Size
    screen_height: _Size
    ratio: _Size
    scale: _Size
    colour_bits: _Size
    zoom: _Size = 0


class Submission(BaseModel):
    """The answers to one read; see ``plexor.readers.service.submit``."""

    model_config = _STRICT
    client_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
    revises: Annotated[int, Field(ge=0, le=1_000_000)]
    answers: Annotated[dict[str, JsonValue], Field(max_length=20)]
    elapsed_ms: Annotated[int, Field(ge=0, le=1_000_000_000)]
    display: Screen


class Refusal(BaseModel):
    """Why a request was refused."""

    code: str
    message: str
