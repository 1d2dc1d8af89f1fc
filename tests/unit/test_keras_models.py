"""Keras models as tutorials and applications build them: the answers that Keras gives itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from plexor.core.errors import ModelError, PlanError
from plexor.models import ModelSource, Preprocess, open_model

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras, with NumPy 2
STORED = Preprocess(window=(0, 1))


def keras() -> Any:
    from plexor.models.sources.keras_file import _keras

    return _keras()


def head(tail: Callable[[Any, Any], Any]) -> Any:
    """A model of 6×6 images with one channel, whose last layers are those of ``tail``."""
    given = keras().Input((6, 6, 1))
    return keras().Model(given, tail(keras(), keras().layers.Flatten()(given)))


def scaled(k: Any, flat: Any) -> Any:
    """Scaled by operators, as ``preprocess_input`` of an application is."""
    return k.layers.Dense(3, activation="softmax")((flat / 127.5 - 1.0)[:, :20])


def augmented(k: Any, flat: Any) -> Any:
    grid = k.layers.RandomFlip("horizontal")(k.layers.Reshape((6, 6, 1))(flat))
    return k.layers.Dense(3, activation="softmax")(k.layers.Flatten()(grid))


def nested(k: Any, flat: Any) -> Any:
    last = [k.layers.Dense(3), k.layers.Softmax(), k.layers.Reshape((3,))]
    return k.Sequential([k.Input((36,)), *last])(flat)


def by_operation(k: Any, flat: Any) -> Any:
    return k.ops.softmax(k.layers.Dense(3)(flat))


@pytest.mark.parametrize("tail", [scaled, augmented, nested, by_operation])
def test_the_last_softmax_is_taken_off_and_the_answers_stay(tail: Any, tmp_path: Path) -> None:
    made = head(tail)
    made.compile("adam", "categorical_crossentropy")  # how it is trained is not read
    made.save(tmp_path / "net.keras")
    model = open_model(
        ModelSource(
            keras=tmp_path / "net.keras", classes=("a", "b", "c"), channels=1, preprocess=STORED
        )
    )
    images = torch.from_numpy(np.random.default_rng(0).uniform(0, 9, (2, 1, 6, 6))).float()
    wanted = made(images.movedim(1, -1), training=False).detach()
    logits = model.outputs(images.requires_grad_())
    torch.testing.assert_close(logits.softmax(1), wanted, rtol=1e-5, atol=1e-6)
    assert model.card.source["outputs"] == "softmax"
    # logits of a softmax that is not taken off would have exponentials that sum to 1
    assert (logits.exp().sum(1) - 1).abs().max() > 1e-3
    assert torch.autograd.grad(logits[:, 0].sum(), images)[0].abs().max() > 0


def test_one_of_several_outputs_is_named_as_in_keras(tmp_path: Path) -> None:
    def two(k: Any, flat: Any) -> Any:
        dense = k.layers.Dense
        return [dense(3, "softmax", name="finding")(flat), dense(1, "sigmoid", name="sex")(flat)]

    made = head(two)
    made.save(tmp_path / "net.keras")
    given: dict[str, Any] = {"keras": tmp_path / "net.keras", "channels": 1, "preprocess": STORED}
    images = torch.rand(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    finding, sex = (one.detach() for one in made(images.movedim(1, -1), training=False))
    model = open_model(ModelSource(classes=("a", "b", "c"), head="finding", **given))
    torch.testing.assert_close(model.outputs(images).softmax(1), finding, rtol=1e-5, atol=1e-6)
    model = open_model(ModelSource(classes=("f", "m"), task="binary", head=1, **given))
    torch.testing.assert_close(model.outputs(images).sigmoid(), sex, rtol=1e-5, atol=1e-6)
    with pytest.raises(PlanError, match="has the outputs finding, sex; name the one that counts"):
        open_model(ModelSource(classes=("a", "b", "c"), **given))


def test_channels_first_is_read_from_the_file(tmp_path: Path) -> None:
    k = keras()
    made = k.Sequential(
        [
            k.Input((2, 6, 5)),
            k.layers.MaxPooling2D(2, data_format="channels_first"),
            k.layers.Flatten(data_format="channels_first"),
            k.layers.Dense(3),
        ]
    )
    made.save(tmp_path / "net.keras")
    model = open_model(
        ModelSource(
            keras=tmp_path / "net.keras", classes=("a", "b", "c"), channels=2, preprocess=STORED
        )
    )
    images = torch.rand(2, 2, 6, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.outputs(images), made(images, training=False).detach())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net.weights.h5", "holds weights without a network; build the network in Keras"),
        ("net.h5", "is an HDF5 file, as Keras 2 wrote models; convert it once with tf2onnx"),
    ],
)
def test_files_of_hdf5_are_refused_with_the_way_out(
    name: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    with pytest.raises(ModelError, match=message):
        open_model(ModelSource(keras=tmp_path / name, classes=("a", "b")))
