"""A page as its readers meet it: its text, its tags, its images."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "img", "input", "br", "link"}
_SKIPPED = {"style", "script"}
_BLOCKS = {
    "p", "h1", "h2", "h3", "h4", "li", "dt", "dd", "tr", "caption", "figcaption", "summary",
    "title", "desc", "svg", "section", "article", "div", "pre", "option", "details", "table",
}  # fmt: skip


@dataclass
class Tag:
    """An element's start."""

    name: str
    attributes: dict[str, str]


@dataclass
class Page(HTMLParser):
    """Parsed HTML; refuses tags that are not closed in the order they were opened."""

    source: str
    tags: list[Tag] = field(default_factory=list)
    lines: list[str] = field(default_factory=lambda: [""])
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.source)
        self.close()
        assert self._open == [], f"never closed: {self._open}"

    @property
    def text(self) -> str:
        """What is read aloud or printed, a block a line."""
        lines = (" ".join(line.split()) for line in self.lines)
        return "\n".join(line for line in lines if line) + "\n"

    def all(self, name: str) -> list[Tag]:
        """Every element of that name."""
        return [tag for tag in self.tags if tag.name == name]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(Tag(tag, {key: value or "" for key, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)
        self._break(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(Tag(tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1] == tag, f"</{tag}> closes <{self._open[-1]}>"
        self._open.pop()
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if not _SKIPPED & set(self._open):
            self.lines[-1] += data.replace("\n", " ")

    def _break(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.lines.append("")
        elif tag in ("td", "th"):
            self.lines[-1] += " "
