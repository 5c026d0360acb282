"""Sources that stand beside an answer's choices are told as citations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import StreamTruncated
from penstock.events import ReasoningDelta, TextDelta
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.dialects.xai import XAI
from penstock.types import CITATIONS, TextPart
from protocols.reading import by, outcome_of, read

GROK = XAI()
ADDRESSES = ["https://a.b/1", "https://a.b/2"]
RESULTS = [{"url": "https://a.b/2", "title": "Two", "date": None}, {"url": "https://a.b/1"}]
CITED = [{"url": "https://a.b/1"}, {"url": "https://a.b/2", "title": "Two"}]


def chunk(said: str, so_far: str, **more: Any) -> bytes:
    """A chunk with the whole message so far beside its piece."""
    choice = {
        "index": 0,
        "finish_reason": more.pop("finish_reason", None),
        "delta": {"role": "assistant", "content": said},
        "message": {"role": "assistant", "content": so_far},
    }
    body = {"id": "a", "model": "grok", "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps({**body, **more}).encode() + b"\r\n\r\n"


def usage(output: int) -> dict[str, int]:
    return {"prompt_tokens": 5, "completion_tokens": output, "total_tokens": 5 + output}


ABOUT: dict[str, Any] = {"citations": ADDRESSES, "search_results": RESULTS}
STREAM = (
    chunk("Hel", "Hel", usage=usage(1), **ABOUT)
    + chunk("lo [1]", "Hello [1]", usage=usage(4), **ABOUT)
    + chunk(
        "",
        "Hello [1]",
        usage=usage(4),
        finish_reason="stop",
        **{**ABOUT, "object": "chat.completion.done"},
    )
)


def test_a_stream_with_its_sources_on_every_chunk_names_them_once() -> None:
    outcome = read(GROK, by(STREAM, 1))
    assert outcome.events[1:4] == (
        TextDelta("Hel"),
        TextDelta("lo [1]"),
        TextDelta("", metadata={CITATIONS: CITED}),
    )
    reply = outcome.reply
    assert reply.text == "Hello [1]"
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.output, reply.usage.total) == (5, 4, 9)


def test_the_sources_are_told_to_a_caller_in_openais_words() -> None:
    answer = OpenAIChat().encode_response(read(GROK, STREAM).reply)
    notes = answer["choices"][0]["message"]["annotations"]
    assert [note["url_citation"]["url"] for note in notes] == ADDRESSES


def test_a_stream_that_ends_without_its_end_is_cut() -> None:
    assert read(GROK, chunk("Hel", "Hel", **ABOUT)).error is StreamTruncated


def test_a_whole_answers_sources_are_its_citations() -> None:
    choice = {"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}
    body = json.dumps({"id": "a", "choices": [choice], "citations": ADDRESSES}).encode()
    part = outcome_of(GROK.decode_response(body)).reply.message.content[0]
    assert part == TextPart("Hello", {CITATIONS: [{"url": address} for address in ADDRESSES]})


def test_search_results_alone_are_citations_in_their_order() -> None:
    stream = chunk("A", "A", search_results=RESULTS, finish_reason="stop")
    cited = read(GROK, stream).events[-2]
    assert cited == TextDelta("", metadata={CITATIONS: [CITED[1], CITED[0]]})


def test_sources_of_reasoning_alone_are_not_told_of_a_text() -> None:
    delta = {"index": 0, "delta": {"reasoning_content": "So"}, "finish_reason": "stop"}
    body = {"id": "a", "choices": [delta], "citations": ADDRESSES}
    events = read(GROK, b"data: " + json.dumps(body).encode() + b"\n\n").events
    assert events[1] == ReasoningDelta("So")
    assert len(events) == 3


@pytest.mark.parametrize("wrong", [7, "x", {}, [7], [None], [{}], [{"url": 7}]])
def test_sources_of_a_wrong_shape_are_no_citations(wrong: Any) -> None:
    stream = chunk("A", "A", citations=wrong, search_results=wrong, finish_reason="stop")
    outcome = read(GROK, stream)
    assert outcome.finish
    assert outcome.reply.text == "A"
    assert all(
        not isinstance(e, TextDelta) or e.metadata in (None, {CITATIONS: [{"url": "x"}]})
        for e in outcome.events
    )
