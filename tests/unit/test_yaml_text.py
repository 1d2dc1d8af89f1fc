"""YAML files that people write: what is read, what is refused, and where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from plexor.core.errors import PlanError
from plexor.core.yaml_text import MAX_DEPTH, MAX_VALUES, YamlError, read_written, read_yaml

PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abyn01", max_size=4), inner)
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_what_pyyaml_writes_is_read_as_pyyaml_reads_it(value: object) -> None:
    document = read_yaml(yaml.safe_dump(value))
    assert document.root.value == value
    assert not document.complaints


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("NO", "NO"),
        ("True", True),
        ("2024-13-45", "2024-13-45"),
        ("2024-01-05", "2024-01-05"),
        ("0x1F", 31),
        ("-0x1F", -31),
        ("1.5e+3", 1500.0),
        ("-.inf", float("-inf")),
        ("~", None),
        ("'010'", "010"),
        ("!!str 010", "010"),
    ],
)
def test_one_reading_of_what_programs_read_differently(written: str, value: object) -> None:
    document = read_yaml(f"key: {written}\n")
    assert document.root.value == {"key": value}
    assert not document.complaints


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 010", "line 1, column 4: 010 is 8 to some programs and 10 to others; write 10, or"),
        ("a: 1:30", "line 1, column 4: 1:30 is the number 90 to some programs and a text"),
        ("a:\n  b: 1_000", "line 2, column 6: 1_000 is the number 1000 to some"),
        ("a: 0b11", "line 1, column 4: 0b11 is the number 3 to some"),
        ("a: 1_0.5", "line 1, column 4: 1_0.5 is the number 10.5 to some"),
        ("a: " + "9" * 5000, "line 1, column 4: a number of 5,000 characters, expected at most"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the key 'a' is given twice, first on line 1; keep"),
        ("{b: {c: 1, c: 2}}", "line 1, column 12: the key 'c' is given twice, first on line 1"),
        ("? [a]\n: 1", "line 1, column 3: a key must be a text or a number, got a mapping or a"),
        ("a: !!binary eA==", "line 1, column 4: the tag tag:yaml.org,2002:binary is not read"),
        ("!!python/object/apply:os.abort []", "line 1, column 1: the tag tag:yaml.org,2002:python"),
        ("<<: 3", "line 1, column 5: `<<` takes mappings only"),
    ],
)
def test_complaints_with_their_place(text: str, complaint: str) -> None:
    (found,) = read_yaml(text).complaints
    assert str(found).startswith(complaint)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "not valid YAML: "),
        ("a: b: c", "line 1, column 5: not valid YAML: "),
        ("a: \x07", "line 1, column 4: the character U+0007 is not allowed in YAML"),
        ("a: " + "[" * (MAX_DEPTH + 1), f"column {MAX_DEPTH + 3}: more than {MAX_DEPTH} mappings"),
        ("- 0\n" * (MAX_VALUES + 1), f"line {MAX_VALUES}, column 3: more than 100,000 values"),
        ("a: 1\n---\nb: 1", "line 2, column 1: expected one document, found a second"),
        ("a: *b", "line 1, column 4: "),
        ("a: &a [*a]", "line 1, column 8: the alias *a cannot be used here: it contains itself"),
        ("a: " + "x" * 2**20, "expected at most 1,048,576 characters, got 1,048,579"),
    ],
)
def test_texts_that_are_refused_as_a_whole(text: str, said: str) -> None:
    with pytest.raises(YamlError) as caught:
        read_yaml(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_alias_counts_as_what_it_stands_for() -> None:
    """Nine levels of nine aliases would be 387 million values."""
    levels = "\n".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(YamlError, match="more than 100,000 values, aliases written out"):
        read_yaml(f"a: &a [{', '.join('x' * 9)}]\n{levels}\n")


def test_merged_keys_yield_to_own_ones() -> None:
    text = "base: &base {norm: linf, radius: 2}\nused: {<<: *base, radius: 4}\n"
    document = read_yaml(text)
    assert document.root.value["used"] == {"norm": "linf", "radius": 4}
    assert document.mark(["used", "norm"]) == (1, 20)
    assert document.mark(["used", "radius"], of_key=True) == (2, 19)


def test_places_pass_over_what_is_not_in_the_file() -> None:
    document = read_yaml("probes:\n  - attack: pgd\n    threat: {norm: l7}\n")
    assert document.mark(["probes", 0, "pgd", "threat", "norm"]) == (3, 20)
    assert document.mark(["probes", 0, "pgd", "threat", "radius"]) == (3, 13)
    assert document.mark([]) == (1, 1)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a: \xff", "is not valid YAML: byte 3 is not UTF-8; save it as UTF-8"),
        (b"#" * (2**20 + 1), "has more than 1,048,576 bytes, and no plan is so large"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(data)
    with pytest.raises(PlanError, match=said):
        read_written(path, "plan")


@pytest.mark.parametrize("name", ["folder", "no\0name", "absent"])
def test_paths_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(PlanError, match="cannot read the plan"):
        read_written(tmp_path / name, "plan")
