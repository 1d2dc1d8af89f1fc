"""Reading of text by RapidOCR, which carries its networks in its wheel and asks no server."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from plexor.core.errors import MissingExtraError
from plexor.shortcuts.find.strokes import Plane
from plexor.shortcuts.find.tag import Box, Tag

_TALL = 48
"""Rows that a line of text is enlarged to, the height that the recogniser was trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A line of text as read.

    Attributes:
        text: stripped; "" where nothing was read.
        score: the reader's own, 0 to 1.
        box: position of a line that the reader found itself; None for a given line.
    """

    text: str
    score: float
    box: Box | None = None


class Reader(Protocol):
    """Reads text in images."""

    def read(self, plane: Plane, tags: Sequence[Tag]) -> list[Read]:
        """Reads the text of each tag, in order; the image is brightness (H, W), 0 to 1.

        Mirrored and rotated tags are turned upright before reading.
        """
        ...

    def search(self, plane: Plane) -> list[Read]:
        """Every line of text that the reader finds in the whole image."""
        ...


@dataclass(frozen=True, kw_only=True)
class RapidOcr:
    """RapidOCR's networks (PP-OCR), run by onnxruntime on the processor.

    Attributes:
        longest: the longer side of the image in a search, in pixels; larger images are reduced.
        threads: used by onnxruntime.
    """

    longest: int = 1280
    threads: int = 1

    @cached_property
    def _engine(self) -> Any:
        try:
            import onnxruntime  # noqa: F401 (RapidOCR logs its absence and goes on)
            from rapidocr import RapidOCR
        except ModuleNotFoundError as error:
            raise MissingExtraError("rapidocr") from error
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        return RapidOCR(
            params={
                "Global.log_level": "error",
                "Global.max_side_len": self.longest,
                "EngineConfig.onnxruntime.intra_op_num_threads": self.threads,
            }
        )

    def read(self, plane: Plane, tags: Sequence[Tag]) -> list[Read]:
        """See ``Reader``."""
        found = []
        for tag in tags:
            around = tag.box.grown(max(3, tag.box.height // 5)).within(*plane.shape)
            stood = np.rot90(plane[around.slices], -tag.turns)
            shown = _enlarged(stood[:, ::-1] if tag.mirrored else stood)
            result = self._engine(shown, use_det=False, use_cls=False, use_rec=True)
            texts, scores = result.txts or ("",), result.scores or (0.0,)
            found.append(Read(text=texts[0].strip(), score=float(scores[0])))
        return found

    def search(self, plane: Plane) -> list[Read]:
        """See ``Reader``."""
        # all flags: RapidOCR keeps those of the call before
        result = self._engine(_bytes(plane), use_det=True, use_cls=False, use_rec=True)
        if result.boxes is None:
            return []
        found = []
        for corners, text, score in zip(result.boxes, result.txts, result.scores, strict=True):
            (x0, y0), (x1, y1) = np.floor(corners.min(0)), np.ceil(corners.max(0))
            box = Box(x0=int(x0), y0=int(y0), x1=int(x1), y1=int(y1)).within(*plane.shape)
            found.append(Read(text=text.strip(), score=float(score), box=box))
        return found


def reader() -> RapidOcr | None:
    """The reader, or None where the extra ``ocr`` is not installed."""
    from importlib.util import find_spec

    there = all(find_spec(name) is not None for name in ("rapidocr", "onnxruntime"))
    return RapidOcr() if there else None


def _bytes(plane: Plane) -> Any:
    """Brightness as RapidOCR takes it: uint8 (H, W, 3)."""
    grey = np.round(plane * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _enlarged(plane: Plane) -> Any:
    """A small part enlarged by whole pixels to at least the recogniser's height."""
    times = max(1, -(-_TALL // plane.shape[0]))
    return _bytes(np.kron(plane, np.ones((times, times), dtype=np.float32)))
