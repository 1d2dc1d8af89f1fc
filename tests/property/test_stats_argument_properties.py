"""Labels and groups are numbered alike, whatever container and type they come in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexor.core.errors import PlanError
from plexor.stats.argument import class_codes, group_codes

TYPES = st.sampled_from(["bool", "int8", "int64", "uint8", "uint64"])
CLASSES = st.lists(st.one_of(st.booleans(), st.integers(-130, 300)), min_size=1, unique=True)


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9), max_size=30), TYPES)
def test_whole_numbers_are_grouped_as_their_list_is(numbers: list[int], dtype: str) -> None:
    array = np.array(numbers, np.int64).astype(dtype)
    codes, n_groups = group_codes(array, array.size)
    expected, n_expected = group_codes(array.tolist(), array.size)
    assert n_groups == n_expected == len(set(codes.tolist()))
    assert len(set(zip(codes.tolist(), expected.tolist(), strict=True))) == n_groups


@given(CLASSES, TYPES, st.data())
def test_whole_numbers_have_the_classes_their_list_has(
    classes: list[bool | int], dtype: str, data: st.DataObject
) -> None:
    chosen = data.draw(st.lists(st.sampled_from(classes), max_size=30))
    labels = np.array(chosen, np.int64).astype(dtype)
    if all(label in classes for label in labels.tolist()):
        found = class_codes("truth", labels, classes)
        assert found.tolist() == [classes.index(label) for label in labels.tolist()]
    else:
        with pytest.raises(PlanError, match="is none of the classes"):
            class_codes("truth", labels, classes)
