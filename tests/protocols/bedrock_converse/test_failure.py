"""Bedrock's errors, amid a stream and instead of one; and what no answer may hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock import errors
from penstock.protocols.aws_eventstream import (
    EventStreamDecoder,
    encode_frame,
    encode_headers,
    read_headers,
    split_frame,
)
from penstock.protocols.bedrock_converse import BedrockConverse
from penstock.types import ChatRequest
from protocols.reading import by, outcome_of, read

CONVERSE = BedrockConverse()

TYPES = [
    (403, "AccessDeniedException", errors.Unauthorized),
    (400, "ConflictException", errors.InvalidRequest),
    (403, "ExpiredTokenException", errors.Unauthorized),
    (500, "InternalServerException", errors.Unavailable),
    (424, "ModelErrorException", errors.Unavailable),
    (429, "ModelNotReadyException", errors.Unavailable),
    (408, "ModelTimeoutException", errors.Timeout),
    (404, "ResourceNotFoundException", errors.UnknownModel),
    (400, "ServiceQuotaExceededException", errors.RateLimited),
    (503, "ServiceUnavailableException", errors.Unavailable),
    (429, "ThrottlingException", errors.RateLimited),
    (403, "UnrecognizedClientException", errors.Unauthorized),
    (400, "ValidationException", errors.InvalidRequest),
]
each_type = pytest.mark.parametrize(("status", "type", "kind"), TYPES, ids=[t[1] for t in TYPES])


def event(kind: str, value: Any) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    payload = value if isinstance(value, bytes) else json.dumps(value).encode()
    return encode_frame(encode_headers(headers), payload)


def exception(kind: str, value: Any) -> bytes:
    headers = {":message-type": "exception", ":exception-type": kind}
    return encode_frame(encode_headers(headers), json.dumps(value).encode())


def delta(number: Any, said: Any) -> bytes:
    return event("contentBlockDelta", {"contentBlockIndex": number, "delta": said})


START = event("messageStart", {"role": "assistant"})
TEXT = delta(0, {"text": "Hi"})
CALL = {"toolUse": {"toolUseId": "t", "name": "f"}}
STOP = event("messageStop", {"stopReason": "end_turn"})
METADATA = event("metadata", {"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}})


@each_type
def test_the_type_in_the_header_says_what_went_wrong(
    status: int, type: str, kind: type[errors.PenstockError]
) -> None:
    said = {"x-amzn-errortype": f"{type}:http://internal.amazon.com/coral/"}
    error = CONVERSE.decode_error(status, b'{"message": "no"}', headers=said)
    assert error.__class__ is kind
    assert (error.status, error.type, error.code, error.message) == (status, type, type, "no")


@each_type
def test_the_type_in_the_body_does_too(
    status: int, type: str, kind: type[errors.PenstockError]
) -> None:
    body = json.dumps({"__type": f"com.amazon.coral#{type}", "message": "no"}).encode()
    error = CONVERSE.decode_error(status, body)
    assert (error.__class__, error.type) == (kind, type)
    assert outcome_of(CONVERSE.decode_response(body)).error is kind
    assert read(CONVERSE, by(body, 5)).error is kind


@each_type
def test_an_error_that_was_read_is_told_in_the_same_words(
    status: int, type: str, kind: type[errors.PenstockError]
) -> None:
    error = CONVERSE.decode_error(status, b'{"message": "no"}', headers={"x-amzn-errortype": type})
    told, body = CONVERSE.encode_error(error)
    assert (told, body) == (error.http_status, {"message": "no", "__type": type})
    assert CONVERSE.decode_error(told, json.dumps(body).encode()).__class__ is kind


STREAMED = [
    ("internalServerException", errors.Unavailable),
    ("modelStreamErrorException", errors.Unavailable),
    ("serviceUnavailableException", errors.Unavailable),
    ("throttlingException", errors.RateLimited),
    ("validationException", errors.InvalidRequest),
    ("somethingNewException", errors.Unavailable),
]


@pytest.mark.parametrize(("type", "kind"), STREAMED)
def test_an_exception_before_the_first_word_is_of_its_own_class(
    type: str, kind: type[errors.PenstockError]
) -> None:
    for before in (b"", START, START + delta(0, {"text": ""})):
        outcome = read(CONVERSE, before + exception(type, {"message": "no"}) + STOP)
        assert outcome.failure
        assert outcome.failure[:4] == (kind, "no", type, type)


@pytest.mark.parametrize(("type", "kind"), STREAMED)
def test_an_exception_after_the_first_word_is_a_stream_that_failed(
    type: str, kind: type[errors.PenstockError]
) -> None:
    for words in (TEXT, TEXT + STOP):
        outcome = read(CONVERSE, START + words + exception(type, {"message": "no"}) + METADATA)
        assert outcome.failure
        assert outcome.failure[:4] == (errors.StreamFailed, "no", type, type)
        assert outcome.reply.text == "Hi"


def test_an_error_without_a_model_is_in_the_headers() -> None:
    said = {":message-type": "error", ":error-code": "429", ":error-message": "slow down"}
    outcome = read(CONVERSE, START + TEXT + encode_frame(encode_headers(said), b""))
    assert outcome.failure
    assert outcome.failure[:3] == (errors.StreamFailed, "slow down", "429")


@pytest.mark.parametrize(
    ("error", "status", "type", "streamed"),
    [
        (errors.InvalidRequest("x"), 400, "ValidationException", "validationException"),
        (errors.ContentFiltered("x"), 400, "ValidationException", "validationException"),
        (errors.UnknownModel("x"), 404, "ResourceNotFoundException", "validationException"),
        (errors.Unauthorized("x"), 401, "AccessDeniedException", "validationException"),
        (errors.ConfigError("x"), 500, "InternalServerException", "internalServerException"),
        (errors.RateLimited("x", type="t"), 429, "ThrottlingException", "throttlingException"),
        (errors.Timeout("x"), 504, "ModelTimeoutException", "modelStreamErrorException"),
        (errors.StreamStalled("x"), 504, "ModelStreamErrorException", "modelStreamErrorException"),
        (
            errors.Unavailable("x"),
            502,
            "ServiceUnavailableException",
            "serviceUnavailableException",
        ),
    ],
)
def test_every_error_has_a_type_that_awss_clients_know(
    error: errors.PenstockError, status: int, type: str, streamed: str
) -> None:
    assert CONVERSE.encode_error(error) == (status, {"message": "x", "__type": type})
    (frame,) = EventStreamDecoder().feed(CONVERSE.encoder(ChatRequest()).error(error))
    headers, payload = split_frame(frame)
    assert read_headers(headers)[":exception-type"] == streamed
    assert read_headers(headers)[":message-type"] == "exception"
    assert json.loads(payload) == {"message": "x"}


def test_a_front_that_answers_in_its_own_words_is_judged_by_the_status() -> None:
    page = CONVERSE.decode_error(503, b"<html>no</html>", "Service Unavailable")
    assert isinstance(page, errors.Unavailable)
    assert "html" not in page.message
    assert isinstance(CONVERSE.decode_error(429, b""), errors.RateLimited)
    other = CONVERSE.decode_error(403, b'{"message": "no", "__type": 5}')
    assert isinstance(other, errors.Unauthorized)
    assert other.type is None


DEEP = b'{"contentBlockIndex":0,"delta":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001


@pytest.mark.parametrize(
    "frame",
    [
        event("contentBlockDelta", b"[]"),
        event("contentBlockDelta", b"{"),
        event("contentBlockDelta", b""),
        event("contentBlockDelta", DEEP),
        event("contentBlockDelta", {}),
        delta(None, {"text": "x"}),
        delta(-1, {"text": "x"}),
        delta(True, {"text": "x"}),
        delta("0", {"text": "x"}),
        delta(0, None),
        delta(0, "x"),
        delta(0, {"text": 5}),
        delta(0, {"toolUse": {"input": "x"}}),
        delta(0, {"toolUse": {"input": 5}}),
        delta(0, {"toolUse": None}),
        delta(0, {"reasoningContent": 5}),
        delta(0, {"reasoningContent": {"text": 5}}),
        delta(0, {"reasoningContent": {"signature": []}}),
        delta(0, {"reasoningContent": {"redactedContent": {}}}),
        delta(0, {"citation": "x"}),
        event("contentBlockStart", {"contentBlockIndex": 1}),
        event("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": 5}}),
        event("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": {"name": "f"}}}),
        event("contentBlockStop", {}),
        event("messageStop", {"stopReason": 5}),
        event("messageStop", b"null"),
        event("metadata", b"x"),
        encode_frame(b"\x01", b"{}"),
        b"\x00" * 12,
    ],
)
def test_what_the_protocol_does_not_allow_is_a_malformed_stream(frame: bytes) -> None:
    body = START + TEXT + frame + STOP + METADATA
    assert read(CONVERSE, body).error is errors.MalformedStream
    if len(body) < 5000:
        assert read(CONVERSE, by(body, 1)) == read(CONVERSE, body)


@pytest.mark.parametrize(
    "frame",
    [
        event("invented", {"a": 1}),
        event("ping", b""),
        event("initial-response", {}),
        encode_frame(b"", b""),
        encode_frame(encode_headers({":message-type": "invented"}), b"x"),
        event("contentBlockStop", {"contentBlockIndex": 9}),
        delta(0, {"invented": 5}),
        delta(0, {}),
        delta(7, {"image": {"source": {}}}),
        delta(0, {"reasoningContent": {"invented": 5}}),
        delta(0, {"text": None}),
        event("contentBlockStart", {"contentBlockIndex": 5, "start": {}}),
    ],
)
def test_what_was_invented_later_is_skipped(frame: bytes) -> None:
    usual = START + TEXT + TEXT + STOP + METADATA
    for place in (START, START + TEXT):
        body = place + frame + usual[len(place) :]
        assert read(CONVERSE, body) == read(CONVERSE, usual)


def test_a_nest_too_deep_for_us_is_an_error_of_ours() -> None:
    for depth in (300, 450, 900, 5_000, 100_000):
        nest = b'{"a":' * depth + b"1" + b"}" * depth
        start = b'{"contentBlockIndex":1,"start":{"image":' + nest + b"}}"
        opaque = event("contentBlockStart", start)
        outcome = read(CONVERSE, START + TEXT + opaque + STOP + METADATA)
        assert outcome.finish or outcome.error is errors.MalformedStream
        call = b'{"toolUse":{"toolUseId":"t","name":"f","input":' + nest + b"}}"
        whole = b'{"output":{"message":{"content":[' + call + b"]}}}"
        answer = outcome_of(CONVERSE.decode_response(whole))
        assert answer.finish or answer.error is errors.UnexpectedAnswer


@pytest.mark.parametrize("held", [[], 5, None, {}, {"content": 5}, {"content": "x"}])
def test_a_block_of_bedrocks_own_of_an_odd_shape_is_kept_as_it_is(held: Any) -> None:
    start = event("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolResult": held}})
    more = delta(1, {"toolResult": [{"text": "a"}]}) + delta(1, {"toolUse": {"input": "{"}})
    outcome = read(CONVERSE, START + TEXT + start + more + STOP + METADATA)
    assert outcome.finish
    encoder = CONVERSE.encoder(ChatRequest())
    assert read(CONVERSE, b"".join(map(encoder.encode, outcome.events))).reply == outcome.reply


def test_a_block_of_nothing_is_none() -> None:
    body = {"output": {"message": {"content": [{}, {"text": "a"}]}}, "stopReason": "end_turn"}
    outcome = outcome_of(CONVERSE.decode_response(json.dumps(body).encode()))
    assert [type(part).__name__ for part in outcome.reply.message.content] == ["TextPart"]
    assert outcome.reply.text == "a"


def test_a_stream_that_says_nothing_is_empty() -> None:
    silent = event("messageStop", {})
    for body in (b"", b"\n\n", event("ping", {}), START + silent + METADATA):
        assert read(CONVERSE, body).error is errors.EmptyStream
    for body in (START, START + silent):
        assert read(CONVERSE, body, delimited=False).error is errors.StreamTruncated


def test_the_numbers_may_come_before_the_end() -> None:
    usual, other = START + TEXT + STOP + METADATA, START + TEXT + METADATA + STOP
    assert read(CONVERSE, other) == read(CONVERSE, usual)


def test_half_a_character_waits_for_the_other_half() -> None:
    one, other = b'{"contentBlockIndex":0,"delta":{"text":"\\ud83d"}}', b'"\\ude42!"'
    first = event("contentBlockDelta", one)
    second = event("contentBlockDelta", one.replace(b'"\\ud83d"', other))
    end = STOP + METADATA
    assert read(CONVERSE, START + TEXT + first + second + TEXT + end).reply.text == "Hi🙂!Hi"
    assert read(CONVERSE, START + TEXT + first + TEXT + end).reply.text == "Hi\ufffdHi"
    assert read(CONVERSE, START + TEXT + first + end).reply.text == "Hi\ufffd"
    stop = event("contentBlockStop", {"contentBlockIndex": 0})
    assert read(CONVERSE, START + TEXT + first + stop + end).reply.text == "Hi\ufffd"


def test_sealed_reasoning_in_pieces_is_joined_as_the_bytes_that_it_is() -> None:
    sealed = [
        delta(0, {"reasoningContent": {"redactedContent": data}}) for data in ("YQ==", "Yg==")
    ]
    (part,) = read(CONVERSE, START + b"".join(sealed) + STOP + METADATA).reply.message.content
    assert part.metadata == {"bedrock_converse": {"redactedContent": "YWI="}}  # type: ignore[union-attr]


def test_arguments_that_come_after_their_blocks_end_still_count() -> None:
    start = event("contentBlockStart", {"contentBlockIndex": 0, "start": CALL})
    stop = event("contentBlockStop", {"contentBlockIndex": 0})
    late = delta(0, {"toolUse": {"input": "{}"}})
    (call,) = read(CONVERSE, START + start + stop + late + STOP + METADATA).reply.tool_calls
    assert call.arguments == "{}"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[1]",
        b"{}",
        b'{"output": 5}',
        b'{"output": {"message": {"content": [5]}}}',
        b'{"output": {"message": {"content": [{"toolUse": {"name": "f"}}]}}}',
        b'{"output": {"message": {"content": [{"text": 5}]}}}',
        b'{"output": {"message": {"content": []}}, "stopReason": 5}',
        b"hello, world",
        b"{..}",
    ],
)
def test_an_answer_of_another_kind_is_an_error(body: bytes) -> None:
    error = outcome_of(CONVERSE.decode_response(body)).error
    kinds = (errors.UnexpectedAnswer, errors.MalformedStream, errors.StreamTruncated)
    assert error in kinds
    assert read(CONVERSE, body).error is error


def test_a_whole_answer_of_nothing_is_empty_unless_it_says_why_it_ended() -> None:
    body: dict[str, Any] = {"output": {"message": {"role": "assistant", "content": []}}}
    assert outcome_of(CONVERSE.decode_response(json.dumps(body).encode())).error is (
        errors.EmptyStream
    )
    body["stopReason"] = "end_turn"
    assert outcome_of(CONVERSE.decode_response(json.dumps(body).encode())).finish
