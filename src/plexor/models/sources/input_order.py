"""The order in which a network takes the image and the numbers beside it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from plexor.core.errors import ModelError, PlanError, unknown

IMAGE = "image"
InputOrder = tuple[str | tuple[str, ...], ...]
"""An entry for each input of a network: "image", or names of features that come as one tensor."""


def usual_order(features: Sequence[str]) -> InputOrder:
    """The image, then all features together.

    Example:
        >>> usual_order(["icv", "sex"])
        ('image', ('icv', 'sex'))
    """
    return (IMAGE, tuple(features)) if features else (IMAGE,)


def check_order(order: InputOrder, features: Sequence[str]) -> None:
    """Checks that an order names the image and each feature once.

    Raises:
        PlanError: it does not.

    Example:
        >>> check_order((("icv",), "image"), ["icv"])
    """
    named = [name for entry in order for name in ((entry,) if isinstance(entry, str) else entry)]
    for name in named:
        if name not in (IMAGE, *features):
            raise PlanError(f"model: `inputs`: {unknown('input', name, (IMAGE, *features))}")
    for name in (IMAGE, *features):
        if (n := named.count(name)) != 1:
            raise PlanError(
                f"model: `inputs` names {name} {n} times, expected once; list `image` and every "
                "feature in the order in which the network takes them, features that come as one "
                "tensor in brackets, e.g. `inputs: [[icv, age], image]`"
            )


def arranged(
    order: InputOrder, names: Sequence[str], images: Tensor, features: Tensor | None
) -> tuple[Tensor, ...]:
    """The inputs of a network, in its order.

    Args:
        order: what the network takes.
        names: of the columns of ``features``.
        images: (N, C, *spatial).
        features: (N, len(names)), or None for a network of images alone.

    Returns:
        ``images``, and for each other entry a tensor (N, number of names in it).

    Raises:
        ModelError: there are no features, and the order names some.

    Example:
        >>> import torch
        >>> images, features = torch.zeros(1, 1, 2, 2), torch.tensor([[1450.0, 1.0]])
        >>> [tuple(one.shape) for one in arranged((("sex",), "image"), ["icv", "sex"],
        ...                                       images, features)]
        [(1, 1), (1, 1, 2, 2)]
    """
    found = []
    for entry in order:
        if entry == IMAGE:
            found.append(images)
            continue
        if features is None:
            raise ModelError(f"the network takes {entry} beside the image, and none were given")
        wanted = (entry,) if isinstance(entry, str) else entry
        found.append(features[:, [list(names).index(name) for name in wanted]])
    return tuple(found)


def order_of_file(
    where: str,
    shapes: Sequence[tuple[str, Sequence[int | None]]],
    features: Sequence[str],
    asked: InputOrder,
) -> InputOrder:
    """The order in which a file's network takes the image and the features.

    Args:
        where: the file, for messages.
        shapes: name and shape of each input of the file, in its order.
        features: names of the features of the model's card.
        asked: the order that the plan says; empty finds the image by its number of axes.

    Raises:
        PlanError: the file takes another number of inputs, or the plan has to say their order.

    Example:
        >>> order_of_file("net", [("v", (None, 2)), ("i", (None, 1, 8, 8))], ["icv", "sex"], ())
        (('icv', 'sex'), 'image')
    """
    listed = "; ".join(
        f"{name} ({', '.join('any' if n is None else str(n) for n in shape)})"
        for name, shape in shapes
    )
    order = asked or usual_order(features)
    if len(shapes) != len(order):
        if not features:
            rest = "; name its further numbers in `features`"
        else:
            rest = (
                " and `features`; say which come together, in the file's order, e.g. "
                f"`inputs: [image, [{features[0]}, ...], ...]`"
            )
        raise PlanError(
            f"model: {where} takes the inputs {listed or 'none'}, and the plan gives the image"
            f"{rest}"
        )
    images = [place for place, (_, shape) in enumerate(shapes) if len(shape) in (4, 5)]
    if not asked and len(images) == 1 and len(shapes) == 2:
        order = (order[0], order[1]) if images == [0] else (order[1], order[0])
    for (name, shape), entry in zip(shapes, order, strict=True):
        n = 1 if isinstance(entry, str) else len(entry)
        if entry != IMAGE and len(shape) == 2 and shape[1] not in (None, n):
            raise PlanError(
                f"model: {where} takes {shape[1]} numbers as {name}, and the plan gives {n}: "
                f"{entry if isinstance(entry, str) else ', '.join(entry)}"
            )
    return order


def place_of_image(order: InputOrder) -> int:
    """Which input is the image, counted from 0."""
    return order.index(IMAGE)
