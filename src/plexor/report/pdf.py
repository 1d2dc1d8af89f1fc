"""A report's page as PDF, by WeasyPrint: the same template, laid out by its rules for print."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plexor.cases.formats.whole_files import switch_kept
from plexor.core.errors import MissingExtraError, PlexorError
from plexor.core.files import write_atomic

_MIXED = 0.45
"""Share of a role's colour in the darkest cell, as in the style sheet."""


def write_pdf(page: str, path: Path | str) -> int:
    """Writes a page as PDF; nothing that it names is fetched.

    Args:
        page: HTML with all its pictures in it.
        path: the file.

    Returns:
        The number of pages.

    Raises:
        MissingExtraError: WeasyPrint is not installed.
        PlexorError: Pango, which WeasyPrint sets text with, is not there.
        OSError: the file cannot be written.
    """
    weasyprint = _weasyprint()
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols=("data",))
    with _quiet():
        document = weasyprint.HTML(string=for_paper(page), url_fetcher=fetcher).render()
        data: bytes = document.write_pdf()
    write_atomic(Path(path), data)
    return len(document.pages)


def for_paper(page: str) -> str:
    """The page for a program that runs no script and knows neither mixed colours nor variables.

    Colours of drawings and shades of cells are written out, from the style sheet's rules for print.
    """
    colours = _print_colours(page)

    def plain(drawing: re.Match[str]) -> str:
        return re.sub(r"var\(--([\w-]+)\)", lambda name: colours[name[1]], drawing[0])

    def shaded(cell: re.Match[str]) -> str:
        return f'style="background:{_mixed(colours, float(cell[1]))}"'

    page = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)
    page = re.sub(r"<svg\b.*?</svg>", plain, page, flags=re.DOTALL)
    page = re.sub(r'style="--dark:([\d.]+)"', shaded, page)
    # A title in a drawing is a hint on a screen.
    return re.sub(r'<g class="mark"><title>.*?</g>', "", page)


def _print_colours(page: str) -> Mapping[str, str]:
    """Name → colour in the style sheet's rules for print."""
    style = page[page.index("<style>") : page.index("</style>")]
    printed = style[style.index("@media print") :]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", printed))


def _mixed(colours: Mapping[str, str], dark: float) -> str:
    """Colour of a cell of that darkness."""
    share = _MIXED * dark
    pairs = zip(_bytes(colours["control"]), _bytes(colours["raised"]), strict=True)
    return "#" + "".join(f"{round(share * one + (1 - share) * other):02x}" for one, other in pairs)


def _bytes(colour: str) -> bytes:
    digits = colour.removeprefix("#")
    return bytes.fromhex(digits if len(digits) == 6 else "".join(2 * digit for digit in digits))


def _weasyprint() -> Any:
    try:
        with switch_kept():  # it lets truncated images pass, everywhere
            import weasyprint
    except ModuleNotFoundError as error:
        raise MissingExtraError("weasyprint") from error
    except OSError as error:
        raise PlexorError(
            f"a PDF needs Pango, which WeasyPrint cannot load ({error}); install it "
            "(Debian: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0), or "
            "print report.html from a browser"
        ) from error
    return weasyprint


@contextmanager
def _quiet() -> Iterator[None]:
    """Without a warning for each rule that is for screens only."""
    logger = logging.getLogger("weasyprint")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
