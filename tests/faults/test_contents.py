"""Answers with something in them that should not be there."""

from __future__ import annotations

import json

import pytest

from faults.caller import BY_NAME, PROTOCOLS, ask
from faults.test_answers import read
from penstock.errors import PenstockError
from penstock.faults import TEXT, WORDS, serve
from penstock.protocols import Protocol

each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda each: each.name)
each_way = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


async def test_one_event_is_malformed_and_all_words_come() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "malformed-10")
    events = [event for event in heard.body.split(b"\n\n") if event.startswith(b"data: {")]
    said, bad = "", []
    for n, event in enumerate(events):
        try:
            choices = json.loads(event[6:])["choices"]
        except ValueError:
            bad.append(n)
        else:
            said += "".join(choice["delta"].get("content") or "" for choice in choices)
    assert bad == [11]  # the opening, ten words
    assert events[11].endswith(b'"choices":[{"index":0,"delta":{"content":')
    assert said == TEXT
    assert heard.body.endswith(b"data: [DONE]\n\n")
    assert heard.is_whole


@each_protocol
@each_way
@pytest.mark.parametrize("model", ["malformed-10", "utf8-10", "deep"])
async def test_nobody_reads_all_of_it(protocol: Protocol, stream: bool, model: str) -> None:
    if protocol.name == "chatbot_ui" and model == "deep":
        return  # bare text may say anything
    async with serve(pace=0) as server:
        heard = await ask(server, model, protocol, stream)
    assert heard.is_whole
    with pytest.raises(PenstockError):
        read(protocol, heard, stream)
    if stream:
        assert all(word.encode() in heard.body for word in WORDS)


@each_protocol
@each_way
async def test_a_long_line_is_as_long_as_it_says(protocol: Protocol, stream: bool) -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "line-2", protocol, stream, most=2**23)
    assert heard.body.count(b"a") >= 2**21
    assert heard.is_whole
    if protocol.name != "bedrock_converse" or not stream:
        assert "a" * 2**21 in read(protocol, heard, stream).text


async def test_sixty_four_mebibytes_come_if_somebody_reads_them() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "line-64", most=2**27)
    assert len(heard.raw) > 2**26
    assert heard.is_whole


@each_protocol
@each_way
async def test_bytes_alone_are_the_same_answer(protocol: Protocol, stream: bool) -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "bytes", protocol, stream)
    assert read(protocol, heard, stream).text == TEXT
    if stream:
        assert all(len(chunk) == 1 for chunk in heard.chunks[:-1])


async def test_bytes_drip() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "drip-1000")
    assert heard.end == "silence"
    assert len(heard.body) == 1


@each_protocol
@each_way
async def test_the_other_kind_of_answer_comes(protocol: Protocol, stream: bool) -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "swapped", protocol, stream)
    if protocol.name == "chatbot_ui":
        assert read(protocol, heard, True).text == TEXT
    else:
        assert read(protocol, heard, not stream).text == TEXT


def test_the_protocols_are_all_there_are() -> None:
    assert len(BY_NAME) == 9
