"""Bedrock's binary frames, whose checksums no fuzzer would guess: it writes frames as lines, or
bytes whose checksums are made right.

    event contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}      a frame
"""

from __future__ import annotations

import struct
from zlib import crc32

from fuzz.entry import Entry, parse
from fuzz.laws import check_split
from fuzz.spoken import PROTOCOLS
from penstock.protocols.aws_eventstream import encode_frame, encode_headers

FORMS = ("lines", "mended", "raw")
_PRELUDE, _CRC = 12, 4


def one_input(data: bytes) -> None:
    """``FORM``, then frames."""
    entry = parse(data)
    form = entry.word(0, FORMS)
    if form == "lines":
        entry = entry._replace(body=b"".join(map(framed, entry.body.split(b"\n"))))
    elif form == "mended":
        entry = entry._replace(body=mended(entry.body))
    check(entry)


def check(entry: Entry) -> None:
    check_split(PROTOCOLS["bedrock_converse"], entry.body, entry.pieces(), entry.is_on)


def framed(line: bytes) -> bytes:
    """The frame that a line stands for: the type of its message, what it is, and its payload."""
    kind, _, rest = line.decode("utf-8", "replace").partition(" ")
    name, _, payload = rest.partition(" ")
    headers = {
        f":{kind}-type"[:60]: name,
        ":content-type": "application/json",
        ":message-type": kind,
    }
    return encode_frame(encode_headers(headers), payload.encode())


def mended(body: bytes) -> bytes:
    """The same bytes, in which the checksums of each frame are right."""
    found, at = bytearray(body), 0
    while at + _PRELUDE + _CRC <= len(found):
        total, _ = struct.unpack_from(">II", found, at)
        struct.pack_into(">I", found, at + 8, crc32(found[at : at + 8]))
        if not _PRELUDE + _CRC <= total <= len(found) - at:
            break
        end = at + total - _CRC
        struct.pack_into(">I", found, end, crc32(found[at:end]))
        at += total
    return bytes(found)
