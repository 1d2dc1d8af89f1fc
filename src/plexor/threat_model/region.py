"""The part of an image that an adversary may change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, Self, TypeVar

from plexor.core.errors import PlanError, unknown
from plexor.core.wording import counted


class Region(Protocol):
    """A part of every image, as a value.

    Attributes:
        form: how a plan writes it, for messages and docs.
        plan_type: type of what a plan may write, for the JSON schema.
    """

    form: ClassVar[str]
    plan_type: ClassVar[Any]

    @property
    def kind(self) -> str:
        """Its name in the catalogue."""
        ...

    @property
    def name(self) -> str:
        """As it stands in a probe's id."""
        ...

    @property
    def place(self) -> str:
        """As it stands in a sentence, e.g. ``within 8 pixels of the edge``."""
        ...

    @property
    def short(self) -> object:
        """The short form a plan writes; ``read`` gives the region back."""
        ...

    @classmethod
    def read(cls, written: object) -> Self | None:
        """The region that a plan's short form stands for; None if it is not of this kind."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Border:
    """The outermost pixels or voxels on every side.

    Attributes:
        width: how many.
    """

    width: int
    form: ClassVar[str] = "{border: WIDTH}"
    plan_type: ClassVar[Any] = dict[Literal["border"], int]
    kind: Literal["border"] = "border"

    def __post_init__(self) -> None:
        if self.width < 1:
            raise PlanError(f"region: a border is at least 1 pixel wide, got {self.width}")

    @property
    def name(self) -> str:
        """With its width."""
        return f"border-{self.width}"

    @property
    def place(self) -> str:
        """With its width."""
        return f"within {counted(self.width, 'pixel')} of the edge"

    @property
    def short(self) -> dict[str, object]:
        """``{border: 8}``."""
        return {"border": self.width}

    @classmethod
    def read(cls, written: object) -> Self | None:
        """``{border: 8}``."""
        match written:
            case {"border": width, **rest} if type(width) is int and not rest:
                return cls(width=width)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """The part of each case that a mask covers, or the part that it leaves out.

    Attributes:
        mask: its name among the masks of the cohort.
        outside: take what the mask leaves out.
    """

    mask: str
    outside: bool = False
    form: ClassVar[str] = "{masked: NAME, outside: true}"
    plan_type: ClassVar[Any] = dict[Literal["masked", "outside"], str | bool]
    kind: Literal["masked"] = "masked"

    @property
    def name(self) -> str:
        """With its side."""
        return f"{self._side}-{self.mask}"

    @property
    def place(self) -> str:
        """With its side."""
        return f"{self._side} the marked {self.mask}"

    @property
    def short(self) -> dict[str, object]:
        """``{masked: lesion}``, ``{masked: lesion, outside: true}``."""
        return {"masked": self.mask} | ({"outside": True} if self.outside else {})

    @classmethod
    def read(cls, written: object) -> Self | None:
        """``{masked: lesion}``, ``{masked: lesion, outside: true}``."""
        match written:
            case {"masked": str() as mask, "outside": bool() as outside, **rest} if not rest:
                return cls(mask=mask, outside=outside)
            case {"masked": str() as mask, **rest} if not rest:
                return cls(mask=mask)
        return None

    @property
    def _side(self) -> str:
        return "outside" if self.outside else "inside"


REGIONS: dict[str, type[Border | Masked]] = {"border": Border, "masked": Masked}
"""``kind`` → the class."""
R = TypeVar("R", bound=Region)


def region_from(data: Mapping[str, Any]) -> Border | Masked:
    """The region that plain data of a run describes.

    Raises:
        PlanError: a kind that is not known.

    Example:
        >>> region_from({"kind": "border", "width": 8})
        Border(width=8, kind='border')
    """
    return REGIONS[region_key(data)](**data)


def region_key(data: Mapping[str, Any]) -> str:
    """The key in the catalogue of the region that plain data describes.

    Raises:
        PlanError: a kind that is not known.
    """
    kind = str(data.get("kind"))
    if kind not in REGIONS:
        raise PlanError("region: " + unknown("kind", kind, REGIONS))
    return kind


def read_region(written: object, regions: Iterable[type[R]]) -> R:
    """The region that a plan's short form stands for.

    Args:
        written: e.g. ``{"border": 8}``.
        regions: the kinds to choose from.

    Raises:
        PlanError: none of them is written so.
    """
    known = tuple(regions)
    for region in known:
        if (found := region.read(written)) is not None:
            return found
    forms = " or ".join(f"`{region.form}`" for region in known)
    raise PlanError(f"region: expected {forms}, got {written!r}")
