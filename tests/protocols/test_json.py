"""JSON as services send it: strict and fast, but for halves of characters."""

from __future__ import annotations

import json as standard
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import InvalidRequest, MalformedStream
from penstock.protocols import json
from protocols.strategies import values

halves = st.text(
    st.characters() | st.sampled_from("\ud83d\ude00\udbff\udc00"),
    max_size=8,
)


@given(values)
def test_what_is_encoded_is_decoded(value: Any) -> None:
    assert json.loads(json.encode(value)) == value


@given(halves)
def test_halves_are_joined_and_lone_ones_replaced(text: str) -> None:
    mended = json.mend(text)
    mended.encode()
    assert json.mend(mended) == mended
    assert json.mend({text: [text, {"a": (text,)}]}) == {mended: [mended, {"a": [mended]}]}
    assert json.loads(standard.dumps([text]).encode()) == [mended]
    assert json.loads(json.encode({"a": text})) == {"a": mended}


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("\ud83d\ude00", "😀"),
        ("a\ud83d", "a\ufffd"),
        ("\ude00b", "\ufffdb"),
        ("\ud83dx\ude00", "\ufffdx\ufffd"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\ud83d\ud83d\ude00", "\ufffd😀"),
        ("\ufeffя", "\ufeffя"),
        ("", ""),
    ],
)
def test_examples_of_halves(text: str, mended: str) -> None:
    assert json.mend(text) == mended


def test_strings_under_spared_keys_keep_their_halves() -> None:
    data = standard.dumps({"content": "\ud83d", "id": "\ud83d", "x": {"content": "\ude00"}})
    read = json.loads_leniently(data.encode(), dict[str, Any], {"content"})
    assert read == {"content": "\ud83d", "id": "\ufffd", "x": {"content": "\ude00"}}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{}{}",
        b"nul",
        b"'a'",
        b'"\xff"',
        b'"\xed\xa0\xbd"',
        b'"\\ud83d',
        b'["\\ud83d", }',
        b"[" * 100_000,
        b'["\\ud83d", ' * 50_000,
        b'{"a":' * 100_000,
        b"1e999",
        b"9" * 5000,
        b'["\\ud83d", ' + b"9" * 5000 + b"]",
        b"\xfe\xff\x00{",
        b"[1,]",
        b"NaN",
    ],
    ids=lambda data: repr(data[:20]),
)
def test_whatever_is_wrong_with_json_raises_one_of_the_known_errors(data: bytes) -> None:
    with pytest.raises(json.UNREADABLE):
        json.loads(data)


# Depth.


def nested(levels: int, kind: str = "[]") -> bytes:
    opening, closing = (b"[", b"]") if kind == "[]" else (b'{"a":', b"}")
    return opening * levels + b"1" + closing * levels


@pytest.mark.parametrize("kind", ["[]", "{}"])
@pytest.mark.parametrize("half", [b"", b'"\\ud83d"'], ids=["whole", "halves"])
def test_a_services_json_may_be_so_deep_and_no_deeper(kind: str, half: bytes) -> None:
    deepest = nested(json.DEEPEST, kind).replace(b"1", half or b"1")
    json.encode(json.loads(deepest))
    with pytest.raises(json.UNREADABLE, match="deeper than 128 levels"):
        json.loads(nested(json.DEEPEST + 1, kind).replace(b"1", half or b"1"))


@given(values, st.integers(0, 6))
def test_depth_is_counted_as_it_is_written(value: Any, levels: int) -> None:
    def depth(value: Any) -> int:
        children = value.values() if isinstance(value, dict) else value
        return 1 + max(map(depth, children), default=0) if isinstance(value, dict | list) else 0

    value = json.loads(json.encode(value))
    assert json.is_deeper(value, levels) is (depth(value) > levels)


@pytest.mark.parametrize("levels", [200, 900, 990, 1000, 100_000])
@pytest.mark.parametrize("kind", ["[]", "{}"])
def test_no_depth_is_more_than_an_error(levels: int, kind: str) -> None:
    start = time.process_time()
    for data in (nested(levels, kind), nested(levels, kind)[:levels]):
        with pytest.raises(json.UNREADABLE):
            json.loads(data)
        with pytest.raises(MalformedStream):
            json.read_object(data, MalformedStream)
    assert time.process_time() - start < 0.05 * 4


@pytest.mark.parametrize("half", ["", "\ud83d"])
def test_what_is_too_deep_to_be_written_is_the_callers_fault(half: str) -> None:
    value: Any = half
    for _ in range(100_000):
        value = [value]
    circle: list[Any] = [half]
    circle.append(circle)
    for wrong in (value, circle):
        with pytest.raises(InvalidRequest, match="nested too deeply, or goes round in a circle"):
            json.encode(wrong)


def test_numbers_of_very_many_digits_are_unreadable_soon() -> None:
    start = time.process_time()
    for data in (b"9" * 100_000, b'["\\ud83d", %b]' % (b"9" * 100_000)):
        with pytest.raises(json.UNREADABLE):
            json.loads(data)
    assert time.process_time() - start < 0.1
