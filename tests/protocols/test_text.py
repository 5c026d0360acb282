"""Bare text: characters are never split, and what is not UTF-8 is said so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import MalformedStream, PenstockError, StreamTruncated
from penstock.protocols.text import TextDecoder
from protocols.reading import by, sliced
from protocols.strategies import AWKWARD


def decode(*pieces: bytes) -> tuple[str, type[PenstockError] | None]:
    decoder = TextDecoder()
    said: list[str] = []
    try:
        for piece in pieces:
            said.extend(decoder.feed(piece))
        decoder.close()
    except PenstockError as error:
        return "".join(said), type(error)
    return "".join(said), None


@given(st.text(), st.data())
def test_any_slicing_of_text_gives_the_text(text: str, data: st.DataObject) -> None:
    body = text.encode()
    cuts = data.draw(st.lists(st.integers(0, len(body))))
    assert decode(*sliced(body, cuts)) == decode(*by(body, 1)) == (text, None)


@given(st.binary())
def test_any_slicing_of_any_bytes_gives_the_same_text_and_the_same_end(body: bytes) -> None:
    assert decode(*by(body, 1)) == decode(body)


def test_every_cut_inside_a_character_is_an_error() -> None:
    text = "".join(AWKWARD)
    body = text.encode()
    whole = {len(text[:size].encode()) for size in range(len(text) + 1)}
    for cut in range(len(body) + 1):
        said, error = decode(body[:cut])
        assert said == body[:cut].decode(errors="ignore")
        assert error is (None if cut in whole else StreamTruncated)


@pytest.mark.parametrize(
    "wrong", [b"\xff", b"\x80", b"\xc0\xaf", b"\xed\xa0\xbd", b"\xf4\x90\x80\x80", b"\xd0x"]
)
def test_what_is_not_text_is_an_error_after_the_text_before_it(wrong: bytes) -> None:
    body = "Привет ".encode() + wrong + b" more"
    assert decode(body) == decode(*by(body, 1)) == ("Привет ", MalformedStream)


def test_pending_counts_the_bytes_of_the_character_under_way() -> None:
    decoder = TextDecoder()
    pending = []
    for piece in by("я🎉".encode(), 1):
        list(decoder.feed(piece))
        pending.append(decoder.pending)
    assert pending == [1, 0, 1, 2, 3, 0]
