"""Texts of the pages: one catalogue for each language, and the study's own texts."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from plexor.readers.design import Design

_HERE = Path(__file__).parent


@functools.cache
def catalogue(language: str) -> Mapping[str, str]:
    """Key → text, in one language."""
    text = (_HERE / "texts" / f"{language}.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


@functools.cache
def page(name: str, language: str) -> str:
    """A page in one language."""
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template(name).render(language=language, t=catalogue(language))


def preferred(accepted: str, offered: Sequence[str]) -> str:
    """The first offered language that a browser accepts; else the first offered.

    Args:
        accepted: the header Accept-Language; its weights are not read, since browsers send
            languages in order.
        offered: languages of the study.

    Example:
        >>> preferred("de, fr-CA;q=0.8, en;q=0.5", ["en", "fr"])
        'fr'
    """
    for part in accepted.split(","):
        code = part.split(";")[0].strip()[:2].lower()
        if code in offered:
            return code
    return offered[0]


def study_texts(design: Design, language: str) -> dict[str, Any]:
    """The part of the design that the page needs, with texts in one language."""

    def said(text: Any) -> str:
        return design.text(text, language)

    questions = []
    for question in design.questions:
        told: dict[str, Any] = {"id": question.id, "ask": said(question.ask), "type": question.type}
        match question.type:
            case "rating":
                told |= {"points": question.points}
                told |= {"low": said(question.low), "high": said(question.high)}
            case "options":
                told["options"] = [{"id": o.id, "text": said(o.text)} for o in question.options]
            case "marks":
                told |= {"most": question.most, "points": question.points}
            case _:
                pass
        questions.append(told)
    return {
        "title": said(design.title),
        "instructions": said(design.instructions),
        "consent": said(design.consent),
        "contact": design.contact,
        "language": language,
        "languages": list(design.languages),
        "questions": questions,
        "show": design.show,
        "display": design.display.model_dump(mode="json"),
        "time_limit_s": design.time_limit_s,
        "corrections": design.corrections,
        "feedback": design.training.feedback,
    }
