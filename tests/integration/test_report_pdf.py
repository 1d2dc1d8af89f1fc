"""The report as PDF, by WeasyPrint and from a browser's print: short, numbered, summary first."""

from __future__ import annotations

import base64
import builtins
import io
import re
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from tests.helpers import demo_like
from tests.helpers.chromium import EXECUTABLE, browser

from plexor.core.errors import MissingExtraError, PlexorError
from plexor.report import write_report, write_report_pdf
from plexor.report.pdf import for_paper, write_pdf

MOST_PAGES = 12


def _cannot_set_text() -> str:
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError) as error:
        return f"needs WeasyPrint and Pango: {error}"
    return ""


pango = pytest.mark.skipif(bool(_cannot_set_text()), reason=_cannot_set_text() or "it is there")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo_like.write(tmp_path_factory.mktemp("run")).path


def _check(pages: list[str], answer: str) -> None:
    plain = [" ".join(page.split()) for page in pages]
    assert 4 <= len(plain) <= MOST_PAGES
    for number, page in enumerate(plain, 1):
        assert f"{number} / {len(plain)}" in page
    assert answer in plain[0]
    assert "What this does not show" in plain[0]
    assert not any(word in plain[0] for word in ("By size of the change", "Every attack"))
    assert "By size of the change" in plain[1]
    whole = " ".join(plain)
    for heading in ("Every attack", "Class by class", "Example images", "Provenance"):
        assert heading in whole
    assert "JavaScript" not in whole
    assert "Comparator" not in whole


def _answer(run: Path) -> str:
    found = re.search(r'class="answer">([^<]*)<', (run / "report.html").read_text(encoding="utf-8"))
    assert found is not None
    return found[1].replace("\N{NO-BREAK SPACE}", " ").replace("&#39;", "'")


@pango
def test_the_pdf_of_a_run_like_the_demos(run: Path, tmp_path: Path) -> None:
    write_report(run)
    n_pages = write_report_pdf(run, tmp_path / "report.pdf")
    pdf = PdfReader(tmp_path / "report.pdf")
    assert len(pdf.pages) == n_pages
    _check([page.extract_text() for page in pdf.pages], _answer(run))
    pictures = [image for page in pdf.pages for image in page.images]
    assert len(pictures) >= 3 * 12 - 11, "equal originals may be stored once"


@pytest.mark.skipif(EXECUTABLE is None, reason="needs Chromium")
def test_the_browsers_print_of_a_run_like_the_demos(run: Path, tmp_path: Path) -> None:
    path = write_report(run)
    with browser(tmp_path) as page:
        page.open(path)
        printed = page.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
    pdf = PdfReader(io.BytesIO(base64.b64decode(printed["data"])))
    _check([one.extract_text() for one in pdf.pages], _answer(run))


def test_drawings_and_shades_are_written_out_in_the_colours_for_print(run: Path) -> None:
    page = write_report(run).read_text(encoding="utf-8")
    paper = for_paper(page)
    drawings = re.findall(r"<svg\b.*?</svg>", paper, flags=re.DOTALL)
    assert drawings
    assert not any("var(" in drawing for drawing in drawings)
    assert "#a5281b" in "".join(drawings), "attacks are red on paper"
    assert "<script" not in paper
    shades = re.findall(r'<td style="background:(#[0-9a-f]{6})"', paper)
    assert shades
    assert "--dark" not in paper[paper.index("</style>") :]
    # In full: 45 % of the control's blue, #2f6389, in the ground, #f4f2ec.
    whole = for_paper(page.replace("--dark:", "--dark:1;was:", 1).replace(";was:", '" x="'))
    assert 'style="background:#9bb2bf"' in whole


@pango
def test_a_wide_table_of_words_stays_on_its_page(run: Path) -> None:
    """Its last column is wrapped: in tables of numbers the last one is not."""
    import weasyprint

    page = write_report(run).read_text(encoding="utf-8")
    style = page[page.index("<style>") : page.index("</style>") + len("</style>")]
    words = "two scans of a person are not independent of each other, " * 4
    row = f"<tr><th>What</th><td>{words}</td><td>{words}</td><td>{words}</td></tr>"
    table = f'<table class="numbers said"><tbody>{row}</tbody></table>'
    (sheet,) = weasyprint.HTML(string=for_paper(f"<html>{style}<body>{table}")).render().pages
    boxes = [box for box in sheet._page_box.descendants() if box.element_tag == "td"]
    assert boxes
    assert max(box.position_x + box.width for box in boxes) <= sheet.width


@pango
def test_nothing_that_a_page_names_is_fetched(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (9, 9), "red").save(tmp_path / "secret.png")
    style = "<style>@media print { :root { --control: #2f6389; --raised: #fff; } }</style>"
    source = f"{style}<p>text</p><img src='{(tmp_path / 'secret.png').as_uri()}'>"
    assert write_pdf(source, tmp_path / "page.pdf") == 1
    assert not PdfReader(tmp_path / "page.pdf").pages[0].images


@pytest.mark.parametrize(
    ("raised", "expected", "words"),
    [
        (ModuleNotFoundError("none"), MissingExtraError, r"pip install 'plexor\[pdf\]'"),
        (OSError("cannot load library 'libpango'"), PlexorError, "apt-get install libpango"),
    ],
)
def test_what_is_missing_is_said(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    raised: Exception,
    expected: type[Exception],
    words: str,
) -> None:
    there = builtins.__import__

    def absent(name: str, *rest: Any, **named: Any) -> Any:
        if name == "weasyprint":
            raise raised
        return there(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(expected, match=words):
        write_pdf("<p>text</p>", tmp_path / "page.pdf")
