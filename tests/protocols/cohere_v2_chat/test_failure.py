"""Cohere's errors, amid a stream and instead of one; and its lists of models."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock import errors
from penstock.protocols.cohere_v2_chat import CohereChat
from penstock.types import ModelInfo
from protocols.reading import outcome_of, read

CHAT = CohereChat()


def event(type: str, **said: Any) -> bytes:
    data = json.dumps({"type": type, **said}).encode()
    return b"event: " + type.encode() + b"\ndata: " + data + b"\n\n"


def ending(**delta: Any) -> bytes:
    return event("message-end", delta=delta)


START = event("message-start", id="i", delta={"message": {"role": "assistant"}})
WORD = event("content-delta", index=0, delta={"message": {"content": {"text": "Hi"}}})


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"id": "i", "message": "invalid request"}', errors.InvalidRequest),
        (401, b'{"id": "i", "message": "no api key supplied"}', errors.Unauthorized),
        (404, b'{"message": "model \'x\' not found"}', errors.UnknownModel),
        (404, b'{"message": "no such page"}', errors.InvalidRequest),
        (422, b'{"message": "bad field"}', errors.InvalidRequest),
        (429, b'{"message": "trial key limit"}', errors.RateLimited),
        (500, b'{"message": "internal"}', errors.Unavailable),
        (503, b"<html>", errors.Unavailable),
    ],
)
def test_a_failed_answers_status_says_what_went_wrong(
    status: int, body: bytes, kind: type[errors.PenstockError]
) -> None:
    error = CHAT.decode_error(status, body)
    assert type(error) is kind
    assert error.status == status


@pytest.mark.parametrize(
    ("said", "kind", "message", "type"),
    [
        ({"finish_reason": "ERROR", "error": "no"}, errors.StreamFailed, "no", None),
        ({"error": "no", "error_type": "NEW"}, errors.StreamFailed, "no", "NEW"),
        (
            {"finish_reason": "ERROR", "error": "long", "error_type": "TOO_MANY_TOKENS"},
            errors.InvalidRequest,
            "long",
            "TOO_MANY_TOKENS",
        ),
        (
            {"finish_reason": "TIMEOUT"},
            errors.Timeout,
            "the service ended with TIMEOUT",
            "TIMEOUT",
        ),
        ({"finish_reason": "ERROR"}, errors.StreamFailed, "the service ended with ERROR", None),
    ],
)
def test_an_end_that_failed_is_no_end(
    said: dict[str, Any], kind: type[errors.PenstockError], message: str, type: str | None
) -> None:
    outcome = read(CHAT, START + ending(**said))
    assert outcome.failure == (kind, message, type, None, None)
    outcome = read(CHAT, START + WORD + ending(**said) + b"data: [DONE]\n\n")
    assert outcome.failure == (errors.StreamFailed, message, type, None, None)
    assert outcome.reply.text == "Hi"


def test_a_whole_answer_that_failed_is_none() -> None:
    body = {"id": "i", "message": {"content": [{"type": "text", "text": "H"}]}}
    outcome = outcome_of(
        CHAT.decode_response(json.dumps({**body, "finish_reason": "TIMEOUT"}).encode())
    )
    assert outcome.error is errors.StreamFailed
    assert outcome.reply.text == "H"
    assert outcome_of(CHAT.decode_response(b'{"id": "i", "message": "no"}')).failure == (
        errors.StreamFailed,
        "no",
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", errors.EmptyStream),
        (b"<html>", errors.UnexpectedAnswer),
        (b"{}", errors.UnexpectedAnswer),
        (b'{"message": []}', errors.UnexpectedAnswer),
        (b'{"message": {"content": 5}}', errors.UnexpectedAnswer),
        (b'{"message": {"content": ["Hi"]}}', errors.UnexpectedAnswer),
        (b'{"message": {"tool_calls": [5]}}', errors.UnexpectedAnswer),
        (b'{"message": {"content": []}}', errors.EmptyStream),
        (START + ending(), errors.EmptyStream),
        (START + event("content-delta", delta={}), errors.MalformedStream),
        (START + event("tool-call-delta", index=0, delta={}), errors.MalformedStream),
        (b"data: 5\n\n", errors.MalformedStream),
        (b"data: {}\n\n", errors.MalformedStream),
        (b'data: {"type": {}, "text": "\\ud83d"}\n\n', errors.MalformedStream),
        (START + event("message-end", delta=None), errors.MalformedStream),
    ],
)
def test_what_is_no_answer_is_an_error(body: bytes, kind: type[errors.PenstockError]) -> None:
    assert outcome_of(CHAT.decode_response(body)).error is kind


def test_events_that_were_invented_later_are_skipped() -> None:
    debug = event("debug", prompt="<BOS>")
    outcome = read(CHAT, debug + START + debug + WORD + ending(finish_reason="COMPLETE"))
    assert outcome.reply.text == "Hi"
    assert outcome.finish


def test_a_piece_of_a_block_that_never_began_begins_it() -> None:
    thought = event("content-delta", index=0, delta={"message": {"content": {"thinking": "Hm"}}})
    word = event("content-delta", index=1, delta={"message": {"content": {"text": "Hi"}}})
    reply = read(CHAT, thought + word + ending(finish_reason="COMPLETE")).reply
    assert (reply.reasoning, reply.text) == ("Hm", "Hi")


LISTED: dict[str, Any] = {
    "name": "command-a-03-2025",
    "endpoints": ["chat"],
    "context_length": 256000,
}


def test_a_list_of_models_is_read_and_written_again() -> None:
    listed = CHAT.decode_models(json.dumps({"models": [LISTED]}).encode())
    assert [model.id for model in listed] == ["command-a-03-2025"]
    assert CHAT.encode_models(listed) == {"models": [LISTED]}
    assert CHAT.encode_models([ModelInfo("a")]) == {
        "models": [{"name": "a", "endpoints": ["chat"]}]
    }
    assert CHAT.models_request("k") == ("GET", "/v1/models?endpoint=chat&page_size=1000", b"")
    assert CHAT.key_headers("k") == {"Authorization": "Bearer k"}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"models": 5}', b'{"models": [{}]}', b"{}"])
def test_what_is_no_list_of_models_is_an_error(body: bytes) -> None:
    with pytest.raises(errors.UnexpectedAnswer):
        CHAT.decode_models(body)
