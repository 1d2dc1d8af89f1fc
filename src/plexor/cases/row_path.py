"""Paths of files from the cells of a manifest's row: one column, or a template of several."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from plexor.core.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPath:
    """How a path is assembled from a row's cells.

    Attributes:
        parts: pairs of a text and the column that follows it; None after the last text.

    Example:
        >>> RowPath.of_template("masks/{image_id}.png").fill({"image_id": "ISIC_1"})
        'masks/ISIC_1.png'
    """

    parts: tuple[tuple[str, str | None], ...]

    @classmethod
    def of_column(cls, name: str) -> Self:
        """The path is the cell itself."""
        return cls(parts=(("", name),))

    @classmethod
    def of_template(cls, template: str) -> Self:
        """Text with columns in braces, e.g. ``"masks/{image_id}.png"``.

        Raises:
            DataError: the braces do not match, or hold more than a column's name.
        """
        try:
            parts = list(string.Formatter().parse(template))
        except ValueError as error:
            raise DataError(f"path template {template!r}: {error}") from error
        if any(spec or conversion for _, _, spec, conversion in parts):
            raise DataError(f"path template {template!r}: only {{column}} is understood")
        return cls(parts=tuple((text, column) for text, column, _, _ in parts))

    @classmethod
    def of_either(cls, written: str) -> Self:
        """From a template if it has braces, else from the name of a column.

        Raises:
            DataError: the template is invalid.
        """
        braces = "{" in written or "}" in written
        return cls.of_template(written) if braces else cls.of_column(written)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the path is made from."""
        return tuple(column for _, column in self.parts if column is not None)

    def lacks(self, texts: Mapping[str, str]) -> bool:
        """Whether any of its cells is empty."""
        return not all(texts[column] for column in self.columns)

    def fill(self, texts: Mapping[str, str]) -> str:
        """The path for a row's cells, column → text."""
        return "".join(text + (texts[column] if column else "") for text, column in self.parts)
