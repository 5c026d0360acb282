"""What a caller says is kept beside what we mark, and never taken for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from fuzz.seeds import QUESTION
from penstock.errors import InvalidRequest
from penstock.protocols import Protocol, json, shelf

PROTOCOLS = [kind() for name, kind in shelf.find().items() if name != "chatbot_ui"]
each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda p: str(p.name))


@each_protocol
@pytest.mark.parametrize("said", ["x", 5, None, [1], {"citations": 5, "parameters": 5}], ids=repr)
def test_a_key_that_is_called_as_ours_is_the_callers(protocol: Protocol, said: Any) -> None:
    body = json.loads(json.encode(protocol.encode_request(QUESTION)))
    body = protocol.with_path(body, protocol.locate("m", stream=False))
    for place in objects(body):
        was = place.get("raw")
        place["raw"] = said
        with suppress(InvalidRequest):
            json.encode(protocol.encode_request(protocol.decode_request(body)))
        place.pop("raw") if was is None else place.update(raw=was)


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The value's objects, at any depth."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for inner in [*(value.values() if isinstance(value, dict) else value)]:
            yield from objects(inner)
