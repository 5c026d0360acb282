"""Server-sent events in every form mean the same."""

from __future__ import annotations

import pytest

from faults.caller import BY_NAME, PROTOCOLS, Heard, ask
from faults.test_answers import read
from penstock.faults import FAULTS, TEXT, serve
from penstock.protocols import Protocol

FORMS = [name for name in FAULTS if name.startswith("sse-")]
SSE = [each for each in PROTOCOLS if each.stream_type.startswith("text/event-stream")]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda each: each.name)
async def test_each_form_is_the_same_answer(form: str, protocol: Protocol) -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, form, protocol)
        usual = await ask(server, "ok", protocol)
    assert read(protocol, heard, True).text == TEXT
    if protocol in SSE:
        assert shape(heard) != shape(usual) or (form, protocol.name) == (
            "sse-crlf",
            "gemini_generate",
        )


def shape(heard: Heard) -> bytes:
    """The answer without its times."""
    return bytes(byte for byte in heard.body if not 48 <= byte <= 57)


async def body(form: str) -> bytes:
    async with serve(pace=0) as server:
        return (await ask(server, form, BY_NAME["anthropic_messages"])).body


async def test_the_forms_are_what_they_are_called() -> None:
    assert b"\n" not in await body("sse-cr")
    assert (await body("sse-crlf")).count(b"\r\n") == (await body("sse-crlf")).count(b"\n")
    assert b"data: " not in await body("sse-tight")
    assert b"event:message_stop\ndata:{" in await body("sse-tight")
    assert b'\ndata: {\ndata: "type":' in await body("sse-multiline")
    assert b"\n: a comment\n" in await body("sse-comments")
    assert b"\nunknown: field\n" in await body("sse-fields")
    assert (await body("sse-bom")).startswith(b"\xef\xbb\xbfevent: message_start")
