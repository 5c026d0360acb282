"""Answers whose bytes are whole and are not what they should be."""

from __future__ import annotations

from struct import pack
from zlib import crc32

from penstock.faults import http
from penstock.faults.answers import Answer
from penstock.faults.endings import well
from penstock.faults.script import Bytewise, Repeat, Script

_BLOCK = b"a" * 65536
_MEBIBYTE = 2**20
_DEEP = 100_000
_MARK = b"\x00"


def _with(answer: Answer, count: int, bad: bytes) -> Script:
    """An event more after ``count`` tokens; a whole answer is that event."""
    if not answer.streamed:
        return [answer.head(len(bad)), bad]
    parts = [*answer.upto(count), bad, *answer.after(count)]
    return [answer.head(), *answer.carried(parts), answer.last]


def malformed(answer: Answer, count: int) -> Script:
    """An event whose JSON ends where its text should begin."""
    return _with(answer, count, answer.unfinished(count))


def invalid_utf8(answer: Answer, count: int) -> Script:
    """An event whose text is two bytes that UTF-8 never has."""
    return _with(answer, count, answer.event(count, b'"\xff\xfe"'))


def deep(answer: Answer) -> Script:
    """An event with lists in lists instead of its text."""
    return _with(answer, 1, answer.event(1, b"[" * _DEEP + b"]" * _DEEP))


def long_line(answer: Answer, mebibytes: int) -> Script:
    """One event of so many MiB; nothing of it but a block is held."""
    before, _, after = answer.event(1, b'"' + _MARK + b'"').partition(_MARK)
    size = mebibytes * _MEBIBYTE
    if answer.content_type.startswith("application/vnd.amazon"):
        before, after = _long_frame(size), b""
    times = size // len(_BLOCK)
    if not answer.streamed:
        return [answer.head(len(before) + size + len(after)), before, Repeat(_BLOCK, times), after]
    begin = answer.carried([*answer.upto(1), before])
    end = answer.carried([after, *answer.after(1)])
    return [answer.head(), *begin, Repeat(http.chunk(_BLOCK), times), *end, answer.last]


def _long_frame(size: int) -> bytes:
    """The lengths of a frame of that size, with their checksum; what it says does not matter."""
    lengths = pack(">II", size + 16, 0)
    return lengths + pack(">I", crc32(lengths))


def bytewise(answer: Answer) -> Script:
    """Every byte alone, and in a chunk of its own."""
    return slowly(answer, 0)


def slowly(answer: Answer, milliseconds: int) -> Script:
    """Every byte alone, one each so many milliseconds."""
    every = milliseconds / 1000
    if answer.streamed:
        return [answer.head(), Bytewise(answer.data, every, http.chunk), answer.last]
    return [answer.head(), Bytewise(answer.data, every)]


def swapped(answer: Answer) -> Script:
    """The kind of answer that was not asked for."""
    return well(answer.swapped())
