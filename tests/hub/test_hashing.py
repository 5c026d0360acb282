"""A file's SHA-256 is taken a stretch at a time, whoever reads the file."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.hub import hashing
from penstock.hub.hashing import Hash, catch_up
from penstock.hub.listing import File
from penstock.hub.progress import Checking, Step


def file_of(data: bytes) -> File:
    return File("a.gguf", len(data), hashlib.sha256(data).hexdigest())


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_pieces_come_to_what_the_whole_does(pieces: list[bytes]) -> None:
    hashed = Hash()
    for piece in pieces:
        hashed.add(piece)
    assert hashed.is_of(file_of(b"".join(pieces)))
    assert not hashed.is_of(file_of(b"".join(pieces) + b"."))


async def test_a_file_is_read_a_stretch_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "_BLOCK", 2)
    monkeypatch.setattr(hashing, "_STRETCH", 4)
    path, data = tmp_path / "a", b"0123456789"
    path.write_bytes(data)
    steps: list[Step] = []
    hashed = Hash()
    with path.open("rb") as source:
        await catch_up(hashed, 10, partial(hashed.read_on, source), 20, steps.append)
    assert steps == [Checking(0, 20), Checking(4, 20), Checking(8, 20)]
    assert hashed.is_of(file_of(data))


async def test_a_file_that_shrinks_meanwhile_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    hashed = Hash()
    with path.open("rb") as source:
        await catch_up(hashed, 10, partial(hashed.read_on, source), 10, lambda step: None)
    assert hashed.done == 3
