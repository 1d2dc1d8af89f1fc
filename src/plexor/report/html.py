"""The page as one self-contained HTML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

if TYPE_CHECKING:
    from plexor.report.compare_page import ComparePage
    from plexor.report.reader_section import ReaderPage
    from plexor.report.study_page import StudyView
    from plexor.report.tag_page import TagView
    from plexor.report.view import View


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
    return environment.get_template(template).render(
        page=page,
        version=version,
        style=Markup(_source(environment, "report.css")),  # noqa: S704 (our own file)
        script=Markup(_source(environment, "report.js")),  # noqa: S704 (our own file)
        cases_script=Markup(_source(environment, "cases.js")),  # noqa: S704 (our own file)
        tables_script=Markup(_source(environment, "tables.js")),  # noqa: S704 (our own file)
        volumes_script=Markup(_source(environment, "volumes.js")),  # noqa: S704 (our own file)
    )


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None  # noqa: S101
    return environment.loader.get_source(environment, name)[0]
