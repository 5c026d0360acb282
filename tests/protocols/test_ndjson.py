"""Lines of JSON: the splitter's promises."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import MalformedStream
from penstock.protocols import ndjson
from penstock.protocols.ndjson import MAX_LINE, NDJSONDecoder, encode_line
from protocols.reading import by, sliced


def split(*pieces: bytes) -> list[bytes]:
    return list(_split(pieces))


def _split(pieces: Iterable[bytes]) -> Iterator[bytes]:
    decoder = NDJSONDecoder()
    for piece in pieces:
        yield from decoder.feed(piece)
    yield from decoder.close()


soup = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b" ", b"{}", "я\u2028".encode()])).map(
    b"".join
)


@given(soup, st.data())
def test_any_slicing_gives_the_same_lines(body: bytes, data: st.DataObject) -> None:
    lines = [line.strip() for line in body.split(b"\n") if line.strip()]
    cuts = data.draw(st.lists(st.integers(0, len(body))))
    assert split(body) == split(*sliced(body, cuts)) == split(*by(body, 1)) == lines


@given(st.lists(st.text(min_size=1).map(lambda t: t.encode().strip()).filter(bool)))
def test_what_is_encoded_is_decoded(values: list[bytes]) -> None:
    values = [value.replace(b"\n", b"") or b"x" for value in values]
    values = [value.strip() or b"x" for value in values]
    assert split(b"".join(map(encode_line, values))) == values


def test_blank_lines_are_skipped_and_a_last_line_needs_no_end() -> None:
    assert split(b'\r\n\n  \n{"a": 1}\r\n[2]') == [b'{"a": 1}', b"[2]"]


def test_pending_counts_the_bytes_of_the_line_under_way() -> None:
    decoder = NDJSONDecoder()
    assert [list(decoder.feed(piece)) for piece in (b"a\nbc", b"d")] == [[b"a"], []]
    assert decoder.pending == 3


@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize("size", [39, 40, 41])
def test_the_limit_holds_at_the_same_byte_however_the_body_is_cut(
    monkeypatch: pytest.MonkeyPatch, size: int, end: bytes
) -> None:
    assert MAX_LINE == 8 * 1024 * 1024
    monkeypatch.setattr(ndjson, "MAX_LINE", 40)
    body = b"{}\n" + b"x" * size + end
    for cut in range(len(body) + 1):
        said: list[bytes] = []
        if size > 40:
            with pytest.raises(MalformedStream, match="40"):
                said.extend(_split(sliced(body, [cut])))
            assert said == [b"{}"]
        else:
            assert split(*sliced(body, [cut])) == [b"{}", b"x" * size]


@pytest.mark.slow
def test_a_megabyte_fed_byte_by_byte_takes_time_in_proportion() -> None:
    began = process_time()
    assert split(*by(b"x" * 2**20, 1)) == [b"x" * 2**20]
    assert process_time() - began < 20


def test_small_pieces_take_room_in_proportion() -> None:
    decoder = NDJSONDecoder()
    tracemalloc.start()
    try:
        for _ in range(2**16):
            assert not list(decoder.feed(b"x" + bytes(1)))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert decoder.pending == 2**17
