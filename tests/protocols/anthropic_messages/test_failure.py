"""Anthropic's errors, amid a stream and instead of one; and its lists of models."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock import errors
from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.types import ChatRequest, ModelInfo
from protocols.reading import by, outcome_of, read

MESSAGES = AnthropicMessages()

TYPES = [
    (400, "invalid_request_error", errors.InvalidRequest),
    (401, "authentication_error", errors.Unauthorized),
    (402, "billing_error", errors.RateLimited),
    (403, "permission_error", errors.Unauthorized),
    (404, "not_found_error", errors.UnknownModel),
    (413, "request_too_large", errors.InvalidRequest),
    (429, "rate_limit_error", errors.RateLimited),
    (500, "api_error", errors.Unavailable),
    (504, "timeout_error", errors.Timeout),
    (529, "overloaded_error", errors.Unavailable),
]
each_type = pytest.mark.parametrize(("status", "type", "kind"), TYPES, ids=[t[1] for t in TYPES])


def failure(type: str, message: str = "no") -> dict[str, Any]:
    return {"type": "error", "error": {"type": type, "message": message}, "request_id": "req_1"}


def event(value: dict[str, Any]) -> bytes:
    return b"event: x\ndata: " + json.dumps(value).encode() + b"\n\n"


START = event({"type": "message_start", "message": {"id": "m", "model": "c", "usage": {}}})
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
DELTA = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "text_delta", "text": "Hi"},
}
STOP = event({"type": "message_stop"})


@each_type
def test_a_failed_answers_type_says_what_went_wrong(
    status: int, type: str, kind: type[errors.PenstockError]
) -> None:
    error = MESSAGES.decode_error(status, json.dumps(failure(type)).encode())
    assert error.__class__ is kind
    assert (error.status, error.type, error.message) == (status, type, "no")


@each_type
def test_an_error_before_the_first_word_is_of_its_own_class(
    status: int, type: str, kind: type[errors.PenstockError]
) -> None:
    for before in (b"", START, START + event(BLOCK)):
        outcome = read(MESSAGES, before + event(failure(type)) + STOP)
        assert outcome.failure
        assert outcome.failure[:3] == (kind, "no", type)
        assert not outcome.finish
    whole = json.dumps(failure(type)).encode()
    assert outcome_of(MESSAGES.decode_response(whole)).error is kind
    assert read(MESSAGES, by(whole, 5)).error is kind


@each_type
def test_an_error_after_the_first_word_is_a_stream_that_failed(
    status: int, type: str, kind: type[errors.PenstockError]
) -> None:
    for words in (event(DELTA), event(DELTA) * 3):
        outcome = read(MESSAGES, START + event(BLOCK) + words + event(failure(type)) + STOP)
        assert outcome.failure
        assert outcome.failure[:3] == (errors.StreamFailed, "no", type)


@each_type
def test_an_error_that_was_read_is_told_in_the_same_words(
    status: int, type: str, kind: type[errors.PenstockError]
) -> None:
    error = MESSAGES.decode_error(status, json.dumps(failure(type)).encode())
    told, body = MESSAGES.encode_error(error)
    assert told == error.http_status
    assert body == {**failure(type), "request_id": None}
    streamed = MESSAGES.encoder(ChatRequest()).error(error).decode()
    assert streamed.startswith("event: error\ndata: {")
    assert json.loads(streamed.partition("data: ")[2]) == {
        "type": "error",
        "error": {"type": type, "message": "no"},
    }


@pytest.mark.parametrize(
    ("error", "status", "type"),
    [
        (errors.InvalidRequest("x"), 400, "invalid_request_error"),
        (errors.ContentFiltered("x"), 400, "invalid_request_error"),
        (errors.UnknownModel("x"), 404, "not_found_error"),
        (errors.Unauthorized("x"), 401, "authentication_error"),
        (errors.ConfigError("x"), 500, "api_error"),
        (errors.RateLimited("x", type="tokens"), 429, "rate_limit_error"),
        (errors.Timeout("x"), 504, "timeout_error"),
        (errors.StreamStalled("x"), 504, "timeout_error"),
        (errors.StreamTruncated("x"), 502, "api_error"),
        (errors.Unavailable("x", type="server_error"), 502, "api_error"),
    ],
)
def test_every_error_has_a_type_that_anthropics_clients_know(
    error: errors.PenstockError, status: int, type: str
) -> None:
    body = {"type": "error", "error": {"type": type, "message": "x"}, "request_id": None}
    assert MESSAGES.encode_error(error) == (status, body)


def test_a_front_that_answers_in_its_own_words_is_judged_by_the_status() -> None:
    page = MESSAGES.decode_error(503, b"<html>no</html>", "Service Unavailable")
    assert isinstance(page, errors.Unavailable)
    assert "html" not in page.message
    assert isinstance(MESSAGES.decode_error(429, b""), errors.RateLimited)
    other = MESSAGES.decode_error(403, b'{"error": {"message": "no", "type": "invented"}}')
    assert isinstance(other, errors.Unauthorized)


@pytest.mark.parametrize(
    "payload",
    [
        b"[]",
        b"{}",
        b"{",
        b'{"type": 5}',
        b'{"type": "content_block_start", "index": 0}',
        b'{"type": "content_block_start", "content_block": {"type": "text"}}',
        b'{"type": "content_block_start", "index": 0, "content_block": {"type": "text","text":5}}',
        b'{"type": "content_block_delta", "index": 0, "delta": "x"}',
        b'{"type": "content_block_delta", "index": 7, "delta": {"type": "text_delta"}}',
        b'{"type": "message_delta"}',
        b'{"type": "message_start", "message": 5}',
    ],
)
def test_what_the_protocol_does_not_allow_is_a_malformed_stream(payload: bytes) -> None:
    body = START + event(BLOCK) + event(DELTA) + b"data: " + payload + b"\n\n"
    assert read(MESSAGES, body + STOP).error is errors.MalformedStream
    assert read(MESSAGES, by(body + STOP, 1)) == read(MESSAGES, body + STOP)


@pytest.mark.parametrize(
    "value",
    [
        {"type": "ping"},
        {"type": "invented", "delta": "x", "index": "y"},
        {"type": "content_block_stop", "index": 9},
        {**DELTA, "delta": {"type": "invented_delta", "x": 1}},
    ],
)
def test_what_was_invented_later_is_skipped(value: dict[str, Any]) -> None:
    usual = START + event(BLOCK) + event(DELTA) + event(DELTA) + STOP
    for place in (START, START + event(BLOCK), START + event(BLOCK) + event(DELTA)):
        if value["type"] != "content_block_delta" or event(BLOCK) in place:
            body = place + event(value) + usual[len(place) :]
            assert read(MESSAGES, body) == read(MESSAGES, usual)


def test_a_stream_that_says_nothing_is_empty() -> None:
    for body in (b"", b"\n\n", event({"type": "ping"}), b"data: [DONE]\n\n", START + STOP):
        assert read(MESSAGES, body).error is errors.EmptyStream
    assert read(MESSAGES, START).error is errors.StreamTruncated


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"{}", b'{"content": 5}', b"hello", b"{..}"])
def test_an_answer_of_another_kind_is_an_error(body: bytes) -> None:
    error = outcome_of(MESSAGES.decode_response(body)).error
    assert error in (errors.UnexpectedAnswer, errors.EmptyStream)
    assert read(MESSAGES, body).error is error


def test_the_key_goes_where_anthropic_looks_for_it() -> None:
    headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    assert MESSAGES.key_headers("k") == headers


def test_a_list_of_models_is_read_and_written() -> None:
    models = (ModelInfo("claude-x", "Claude X"), ModelInfo("bare", "bare"))
    listed = MESSAGES.encode_models(models)
    assert (listed["first_id"], listed["last_id"]) == ("claude-x", "bare")
    assert MESSAGES.decode_models(json.dumps(listed).encode()) == models
    assert MESSAGES.encode_models([])["first_id"] is None
    with pytest.raises(errors.UnexpectedAnswer):
        MESSAGES.decode_models(b"<html>")
    request = MESSAGES.models_request("k")
    assert request
    assert request[:1] == ("GET",)
    assert request[1].partition("?")[0] == "/v1/models"
