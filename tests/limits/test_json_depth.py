"""The depth of JSON, found without decoding."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.limits.json_depth import is_deeper


def depth_of(value: Any) -> int:
    """The reference: of the decoded value."""
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


texts = st.text(alphabet='[]{}"\\,: aü\n', max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(texts, children, max_size=4),
    max_leaves=30,
)


@given(value=values, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]), depth=st.integers(1, 12))
def test_it_agrees_with_a_decoder(value: Any, ascii_only: bool, indent: int | None, depth: int) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert is_deeper(text, depth) == (depth_of(value) > depth)


@given(text=st.binary(max_size=200), depth=st.integers(1, 5))
def test_it_takes_any_bytes(text: bytes, depth: int) -> None:
    is_deeper(text, depth)


@pytest.mark.parametrize(
    ("text", "deeper"),
    [
        (b'["]]]]", [[', True),
        (b'"[[[["', False),
        (b'"\\"[[[["', False),
        (b'"\\\\"[[[', True),
        (b'{"a": {"[": [1]}}', True),
        (b"[1], [2], [3]", False),
        (b"", False),
    ],
)
def test_brackets_in_strings_dont_count(text: bytes, deeper: bool) -> None:
    assert is_deeper(text, 2) is deeper


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 2_000_000,
        b"[]," * 1_000_000,
        b'"' * 3_000_001,
        b'"\\' * 1_500_000,
        b'{"a":' * 600_000,
        b'"[",[' * 600_000,
    ],
    ids=["deep", "wide", "quotes", "escapes", "objects", "strings"],
)
def test_three_megabytes_of_anything_are_quick(text: bytes) -> None:
    began = time.process_time()
    is_deeper(text, 64)
    assert time.process_time() - began < 1
