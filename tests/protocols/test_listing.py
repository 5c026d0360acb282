"""What is no list of models is told as such, in the same words by every protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock import protocols
from penstock.errors import UnexpectedAnswer
from penstock.protocols import Protocol, shelf
from penstock.protocols.listing import read_list, reading

LISTING = [kind for kind in shelf.find().values() if kind().models_request("key")]


@pytest.mark.parametrize("kind", LISTING, ids=lambda kind: str(kind.name))
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\xff", b"7", b'{"data": [', b"[" * 5000],
)
def test_what_is_no_list_is_an_error(kind: type[Protocol], body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer, match=r"model list is not one; check base_url$"):
        kind().decode_models(body)


@pytest.mark.parametrize("error", [KeyError, TypeError, ValueError, RecursionError])
def test_whatever_goes_wrong_it_is_no_list(error: type[Exception]) -> None:
    with pytest.raises(UnexpectedAnswer, match="model list"), reading():
        raise error


def test_a_list_is_read_in_its_form() -> None:
    assert read_list(b"[1, 2]", list[int]) == [1, 2]
    with pytest.raises(UnexpectedAnswer):
        read_list(b"[1, 2]", list[str])


def test_it_is_said_in_one_place() -> None:
    files = Path(*protocols.__path__).rglob("*.py")
    saying = {file.name for file in files if "model list is not one" in file.read_text("utf-8")}
    assert saying == {"listing.py"}
