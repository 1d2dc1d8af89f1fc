"""The page as one self-contained HTML file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from plexor.report.compare_page import ComparePage
    from plexor.report.reader_section import ReaderPage
    from plexor.report.study_page import StudyView
    from plexor.report.tag_page import TagView
    from plexor.report.view import View


_SOURCES = (
    "report.css",
    "report.js",
    "tables.js",
    "tips.js",
    "cases.js",
    "comparator.js",
    "volumes.js",
)


def render(
    page: View | StudyView | ReaderPage | TagView | ComparePage,
    version: str,
    *,
    template: str = "report.html",
) -> str:
    """Fills a template; escapes everything except our own drawings, style and script.

    Args:
        page: the template's content: a ``View``, ``StudyView``, ``ReaderPage``, ``TagView`` or
            ``ComparePage``.
        version: of Plexor.
        template: its file.
    """
    environment = Environment(
        loader=PackageLoader("plexor.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["drawing"] = Markup
    environment.filters["marked"] = _marked
    return environment.get_template(template).render(
        page=page,
        version=version,
        source={  # our own files
            name: Markup(_source(environment, name))  # noqa: S704
            for name in _SOURCES
        },
    )


def _marked(text: str) -> Markup:
    """Text with what stands between backticks as code, escaped."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None  # noqa: S101
    return environment.loader.get_source(environment, name)[0]
