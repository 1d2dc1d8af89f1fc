"""Finding of burnt-in tags: ours beside OCR of the whole film and presidio-image-redactor.

Films as acquired, and boxes that were drawn on them by hand. Presidio looks for names and numbers
in what Tesseract reads; it is told that every text counts, since a lone R is none. It is taken as
it is set up, and with Tesseract's layout for sparse text; both need the program ``tesseract``, and
are left out where it is missing.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measuring import interleaved, seconds, write_result
from PIL import Image as Picture

from plexor.cases import Case, Image, read_image
from plexor.shortcuts.find import Box, Finder, RapidOcr, Tag, agreement, search
from plexor.shortcuts.find.strokes import brightness
from plexor.shortcuts.find.tag import KINDS, Kind

BOXES = Path(__file__).parents[1] / "tests" / "data" / "tag_boxes.csv"
LETTERS: tuple[Kind, ...] = ("laterality", "text", "time", "identifier")
SIDES = (1000, 2000)
"""Longer side of the films taken, in pixels."""
COHORTS = (30, 120)
Found = dict[str, list[Tag]]


class Contenders:
    """Every contender looks at the same decoded films, and gives boxes of text."""

    def __init__(self, films: Mapping[str, Image]) -> None:
        self.films = films
        self.found: dict[str, Found] = {}
        self.grey = {
            name: np.round(brightness(film) * 255).astype(np.uint8) for name, film in films.items()
        }
        self.reader = RapidOcr()
        self.presidio: Any = None

    def all(self) -> dict[str, Callable[[], None]]:
        calls = {
            "plexor, without OCR": self._ours(Finder()),
            "plexor, with OCR": self._ours(Finder(reader=self.reader)),
            "plexor, `--search whole`": self._ours(Finder(reader=self.reader, search="whole")),
            "RapidOCR of the whole film": self._each("RapidOCR of the whole film", self._ocr),
        }
        if shutil.which("tesseract"):
            for name, options in (
                ("Presidio, every text", {}),
                ("Presidio, every text, sparse layout", {"config": "--psm 11"}),
            ):
                calls[name] = self._each(name, self._redactor(options))
        else:
            print("Presidio is left out: the program tesseract is not installed")
        return {name: call for name, call in calls.items() if self._tried(name, call)}

    def _tried(self, name: str, call: Callable[[], None]) -> bool:
        """One film first, which also loads what is loaded once."""
        every = self.films
        self.films = dict(list(every.items())[:1])
        try:
            call()
        except ImportError as error:
            print(f"{name} is left out: {error}")
            return False
        finally:
            self.films = every
        return True

    def _ours(self, finder: Finder) -> Callable[[], None]:
        how = "`--search whole`" if finder.search == "whole" else "with OCR"
        name = f"plexor, {how if finder.reader else 'without OCR'}"
        return self._each(name, lambda film: finder(self.films[film]))

    def _each(self, name: str, look: Callable[[str], list[Tag]]) -> Callable[[], None]:
        def call() -> None:
            self.found[name] = {film: look(film) for film in self.films}

        return call

    def _ocr(self, film: str) -> list[Tag]:
        reads = self.reader.search(self.grey[film].astype(np.float32) / 255)
        return [_text(read.box) for read in reads if read.box is not None and read.text]

    def _redactor(self, options: dict[str, str]) -> Callable[[str], list[Tag]]:
        def look(film: str) -> list[Tag]:
            if self.presidio is None:
                self.presidio = _every_text()
            found = self.presidio.analyze(Picture.fromarray(self.grey[film]), options or None)
            return [
                _text(Box(x0=one.left, y0=one.top, x1=one.left + one.width,
                          y1=one.top + one.height))
                for one in found
            ]  # fmt: skip

        return look


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=Path, required=True, help="folder that the boxes speak of")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        print(json.dumps({"peak": _peak(options.films, options.peak)}))
        return
    drawn = {
        name: tags
        for name, tags in _drawn().items()
        if SIDES[0] <= max(read_image(options.films / name).pixels.shape) <= SIDES[1]
    }
    contenders = Contenders({name: read_image(options.films / name) for name in drawn})
    calls = contenders.all()
    timings = interleaved(calls, options.repeats)
    rows: list[dict[str, Any]] = []
    for name in calls:
        found = contenders.found[name]
        got = agreement(found, drawn, kinds=LETTERS)
        covered, n = _covered(found, drawn)
        rows.append(
            {
                "name": name,
                "seconds": seconds(timings[name]),
                "per_second": len(drawn) / float(np.median([t.cpu for t in timings[name]])),
                "recall": got.recall.value,
                "covered": covered / n,
                "precision": None if np.isnan(got.precision.value) else got.precision.value,
                "touching": _touching(found, drawn),
                "n_boxes": n,
            }
        )
    peaks = [round(_apart(options.films, n)) for n in COHORTS]
    settings = {"films": len(drawn), "repeats": options.repeats, "cohorts": COHORTS, "peaks": peaks}
    write_result("finder", settings, rows)


def _covered(found: Mapping[str, Sequence[Tag]], drawn: Mapping[str, Sequence[Tag]]) -> Any:
    """Drawn boxes of which at least half lies in found ones, and drawn boxes in all."""
    hits, n = 0, 0
    for name, tags in drawn.items():
        for tag in (tag for tag in tags if tag.kind in LETTERS):
            mask = np.zeros((tag.box.height, tag.box.width), dtype=bool)
            for other in (one.box for one in found[name] if one.kind in LETTERS):
                top, left = max(0, other.y0 - tag.box.y0), max(0, other.x0 - tag.box.x0)
                mask[top : max(0, other.y1 - tag.box.y0), left : max(0, other.x1 - tag.box.x0)] = 1
            hits, n = hits + (mask.mean() >= 0.5), n + 1
    return int(hits), n


def _touching(
    found: Mapping[str, Sequence[Tag]], drawn: Mapping[str, Sequence[Tag]]
) -> float | None:
    """Share of found boxes that share any pixel with a drawn one; None where none was found."""
    hits = [
        any(tag.box.shared(one.box) > 0 for tag in drawn[name] if tag.kind in LETTERS)
        for name in drawn
        for one in found[name]
        if one.kind in LETTERS
    ]
    return float(np.mean(hits)) if hits else None


def _every_text() -> Any:
    """Presidio's image analyser with a blank language model and one rule: every text counts."""
    import spacy
    from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NlpEngineProvider
    from presidio_image_redactor import ImageAnalyzerEngine

    with tempfile.TemporaryDirectory() as folder:
        spacy.blank("en").to_disk(folder)
        model = {"lang_code": "en", "model_name": folder}
        configuration = {"nlp_engine_name": "spacy", "models": [model]}
        engine = NlpEngineProvider(nlp_configuration=configuration).create_engine()
        engine.load()
    any_text = Pattern(name="any text", regex=r"\S+", score=1.0)
    rule = PatternRecognizer(supported_entity="TEXT", patterns=[any_text])
    registry = RecognizerRegistry(recognizers=[rule], supported_languages=["en"])
    return ImageAnalyzerEngine(AnalyzerEngine(registry=registry, nlp_engine=engine))


def _text(box: Box) -> Tag:
    return Tag(box=box, kind="text")


def _drawn() -> dict[str, list[Tag]]:
    boxes: dict[str, list[Tag]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO(BOXES.read_text())):
        sides = {name: int(row[name]) for name in ("x0", "y0", "x1", "y1")}
        kind = next(kind for kind in KINDS if kind == row["kind"])
        boxes[row["path"]].append(Tag(box=Box(**sides), kind=kind, text=row["text"]))
    return dict(boxes)


def _peak(films: Path, n: int) -> float:
    """MiB at most while the finder goes through a cohort of ``n`` images."""
    paths = sorted(films / name for name in _drawn())
    cases = [Case(id=str(i), path=paths[i % len(paths)], truth="", group=str(i)) for i in range(n)]
    for _ in search(cases, Finder()):
        pass
    # not ru_maxrss, which a process takes over from the one that started it
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _apart(films: Path, n: int) -> float:
    command = [sys.executable, __file__, "--films", str(films), "--peak", str(n)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(json.loads(said.splitlines()[-1])["peak"])


if __name__ == "__main__":
    main()
