"""What a table of answers says of the images that they are about."""

from __future__ import annotations

import pandas as pd

from plexor.readers.design import Positive


def is_positive(positive: Positive, own: pd.DataFrame) -> pd.Series[bool]:
    """Whether the image of each answer is positive."""
    return own["arm"] == positive.arm if positive.arm else own["truth"] == positive.truth


def groups_of(own: pd.DataFrame) -> list[str] | None:
    """The group of each row; None where every image is of a group of its own."""
    images = own.drop_duplicates("image")
    return None if images["group"].is_unique else own["group"].tolist()
