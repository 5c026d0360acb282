"""Server-sent events: the splitter's promises, whatever protocol is inside."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterable, Iterator
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import MalformedStream
from penstock.protocols import sse
from penstock.protocols.sse import MAX_EVENT, SSEDecoder, encode_event
from protocols.reading import by, sliced


def split(*pieces: bytes) -> list[bytes]:
    """The data of all events in a body that arrives in these pieces."""
    return list(_split(SSEDecoder(), pieces))


def _split(decoder: SSEDecoder, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield from decoder.feed(piece)
    yield from decoder.close()


def reference(body: bytes) -> list[bytes]:
    """The WHATWG algorithm, line by line, as slow as it is plain (with our two departures)."""
    events: list[bytes] = []
    data: list[bytes] = []
    for line in re.split(rb"\r\n|\r|\n", body.removeprefix(b"\xef\xbb\xbf") + b"\n\n"):
        name, _, value = line.lstrip().partition(b":")
        if not line:
            events += [b"\n".join(data)] if data else []
            data = []
        elif name == b"data" and b":" in line:
            data.append(value.removeprefix(b" "))
    return events


soup = st.lists(
    st.sampled_from(
        [
            b"\r",
            b"\n",
            b"\r\n",
            b"\n\n",
            b"data",
            b":",
            b" ",
            b"data: ",
            b"x",
            b"\xef\xbb\xbf",
            b": c",
        ]
    ),
    max_size=24,
).map(b"".join)


@given(soup)
def test_events_are_those_of_the_standard(body: bytes) -> None:
    assert split(body) == reference(body)


@given(soup, st.data())
def test_any_slicing_gives_the_same_events(body: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(body))))
    assert split(*sliced(body, cuts)) == split(*by(body, 1)) == split(body)


@given(st.lists(st.text().map(lambda text: text.replace("\r", "").replace("\n", "").encode())))
def test_what_is_encoded_is_decoded(values: list[bytes]) -> None:
    assert split(b"".join(map(encode_event, values))) == values


@given(soup, st.data())
def test_pending_bytes_are_those_after_the_last_whole_event(
    body: bytes, data: st.DataObject
) -> None:
    """A relay may pass on all but the pending bytes: they alone make up the event under way."""
    decoder = SSEDecoder()
    before: list[bytes] = []
    cut = data.draw(st.integers(0, len(body)))
    for piece in sliced(body[:cut], data.draw(st.lists(st.integers(0, cut)))):
        before += decoder.feed(piece)
    passed_on = body[: cut - decoder.pending]
    assert split(passed_on) == before


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a \n\n", [b" a "]),
        (b"data: a\ndata: b\ndata:\n\n", [b"a\nb\n"]),
        (b"data: a: b\n\n", [b"a: b"]),
        (b"event: x\nid: 1\nretry: 5\ndata: a\nwhatever\n\n", [b"a"]),
        (b": comment\n\n:\n\ndata: a\n: comment\n\n", [b"a"]),
        (b"\n\n\n\ndata: a\n\n\n\n", [b"a"]),
        (b" data: a\n\n\tdata: b\n\n", [b"a", b"b"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [b"a"]),
        (b"data: a", [b"a"]),
        (b"data: a\r", [b"a"]),
        (b"data: a\rdata: b\r\n\rdata: c\n\r", [b"a\nb", b"c"]),
        ("data: \u2028\u2029\u0085\x1c\n\n".encode(), ["\u2028\u2029\u0085\x1c".encode()]),
        (b"data: \x0b\x0c\n\n", [b"\x0b\x0c"]),
        (b"data: \xff\x00\n\n", [b"\xff\x00"]),
        (b"database: a\n\n", []),
        (b"event: ping\n\n", []),
        (b"<html>", []),
        (b"", []),
    ],
)  # fmt: skip
def test_examples_read_as_the_standard_says(body: bytes, events: list[bytes]) -> None:
    assert split(body) == events
    assert split(*by(body, 1)) == events


def test_a_byte_order_mark_fed_byte_by_byte_hides_no_unfinished_event() -> None:
    assert split(*by(b"\xef\xbb\xbfdata: a", 1)) == [b"a"]


def long_event(size: int) -> bytes:
    return b"data: " + b"x" * (size - 6)


def test_an_event_may_have_eight_mebibytes_and_no_more() -> None:
    assert MAX_EVENT == 8 * 1024 * 1024
    for cut in (0, 7, MAX_EVENT, MAX_EVENT + 1):
        assert len(split(*sliced(long_event(MAX_EVENT) + b"\n\n", [cut]))[0]) == MAX_EVENT - 6
        with pytest.raises(MalformedStream, match=str(MAX_EVENT)):
            split(*sliced(long_event(MAX_EVENT + 1) + b"\n\n", [cut]))


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n", b"\r\n", b""])
@pytest.mark.parametrize("size", [39, 40, 41, 42, 46])
@pytest.mark.parametrize("head", [b"", b"data: a\r\n\r\n", b"\n", b"\r\n"])
def test_the_limit_holds_at_the_same_byte_however_the_body_is_cut(
    monkeypatch: pytest.MonkeyPatch, head: bytes, size: int, end: bytes
) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 40)
    body = head + long_event(size) + end
    expected = [b"a"] * (b"a" in head)
    slicings = [sliced(body, [cut]) for cut in range(len(body) + 1)]
    for pieces in (*slicings, by(body, 1), by(body, 3)):
        said: list[bytes] = []
        if size > 40:
            with pytest.raises(MalformedStream):
                said.extend(_split(SSEDecoder(), pieces))
            assert said == expected
        else:
            assert split(*pieces) == [*expected, b"x" * (size - 6)]


def test_an_event_that_never_ends_is_refused_as_soon_as_it_is_too_long() -> None:
    decoder = SSEDecoder()
    endless = (b"x" * 65536 for _ in range(MAX_EVENT // 65536 + 2))
    with pytest.raises(MalformedStream):
        list(_split(decoder, endless))
    assert decoder.pending <= MAX_EVENT + 65536


@pytest.mark.slow
@pytest.mark.parametrize("line", [b"data: x\n", b"data: x\r\n", b": c\r"], ids=repr)
def test_a_quarter_megabyte_fed_byte_by_byte_takes_time_in_proportion(line: bytes) -> None:
    body = b"data: " + line * (2**18 // len(line)) + b"\n\n"
    began = process_time()
    assert len(split(*by(body, 1))) == 1
    assert process_time() - began < 10  # joined anew at each line end: many minutes


def test_small_pieces_take_room_in_proportion() -> None:
    decoder = SSEDecoder()
    tracemalloc.start()
    try:
        for _ in range(2**16):
            assert not list(decoder.feed(b"x" + bytes(1)))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert decoder.pending == 2**17
