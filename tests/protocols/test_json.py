"""JSON as services send it: strict and fast, but for halves of characters."""

from __future__ import annotations

import json as standard
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
