"""Google's errors, amid a stream and instead of one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock import errors
from penstock.protocols.gemini_generate import GeminiGenerate
from penstock.types import ChatRequest
from protocols.reading import by, outcome_of, read

GEMINI = GeminiGenerate()
ARRAY = ChatRequest(metadata={"gemini_generate": {"raw": {"alt": "json"}}})
STATUSES = [
    (400, "INVALID_ARGUMENT", errors.InvalidRequest),
    (400, "FAILED_PRECONDITION", errors.InvalidRequest),
    (401, "UNAUTHENTICATED", errors.Unauthorized),
    (403, "PERMISSION_DENIED", errors.Unauthorized),
    (404, "NOT_FOUND", errors.UnknownModel),
    (429, "RESOURCE_EXHAUSTED", errors.RateLimited),
    (499, "CANCELLED", errors.Unavailable),
    (500, "INTERNAL", errors.Unavailable),
    (503, "UNAVAILABLE", errors.Unavailable),
    (504, "DEADLINE_EXCEEDED", errors.Timeout),
]
each_status = pytest.mark.parametrize(
    ("code", "word", "kind"), STATUSES, ids=[word for _, word, _ in STATUSES]
)


def failure(code: int, word: str, *details: Any) -> dict[str, Any]:
    said = {"code": code, "message": "no", "status": word}
    return {"error": said | ({"details": list(details)} if details else {})}


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\r\n\r\n"


WORD = {"candidates": [{"content": {"parts": [{"text": "Hi"}], "role": "model"}, "index": 0}]}


@each_status
def test_a_failed_answers_status_word_says_what_went_wrong(
    code: int, word: str, kind: type[errors.PenstockError]
) -> None:
    for value in (failure(code, word), [failure(code, word)]):  # a list where a stream was asked
        error = GEMINI.decode_error(code, json.dumps(value).encode())
        assert error.__class__ is kind
        assert (error.status, error.type, error.code, error.message) == (
            code,
            word,
            str(code),
            "no",
        )


@each_status
def test_an_error_before_the_first_word_is_of_its_own_class(
    code: int, word: str, kind: type[errors.PenstockError]
) -> None:
    value = failure(code, word)
    for body in (event(value), json.dumps(value).encode(), json.dumps([value]).encode()):
        for outcome in (read(GEMINI, body), read(GEMINI, by(body, 5))):
            assert outcome.failure
            assert outcome.failure[:4] == (kind, "no", word, str(code))
        assert outcome_of(GEMINI.decode_response(body)).error is kind


@each_status
def test_an_error_after_the_first_word_is_a_stream_that_failed(
    code: int, word: str, kind: type[errors.PenstockError]
) -> None:
    value = failure(code, word)
    for body in (event(WORD) + event(value), json.dumps([WORD, value]).encode()):
        outcome = read(GEMINI, body)
        assert outcome.failure
        assert outcome.failure[:4] == (errors.StreamFailed, "no", word, str(code))


@each_status
def test_an_error_that_was_read_is_told_in_the_same_words(
    code: int, word: str, kind: type[errors.PenstockError]
) -> None:
    error = GEMINI.decode_error(code, json.dumps(failure(code, word)).encode())
    told, body = GEMINI.encode_error(error)
    assert told == error.http_status
    assert body == failure(told, word)
    streamed = GEMINI.encoder(ChatRequest()).error(error)
    assert streamed == event(body).replace(b": ", b":").replace(b", ", b",").replace(
        b"data:", b"data: "
    )
    assert json.loads(GEMINI.encoder(ARRAY).error(error)) == [body]


@pytest.mark.parametrize(
    ("error", "status", "word"),
    [
        (errors.InvalidRequest("x"), 400, "INVALID_ARGUMENT"),
        (errors.ContentFiltered("x"), 400, "INVALID_ARGUMENT"),
        (errors.UnknownModel("x"), 404, "NOT_FOUND"),
        (errors.Unauthorized("x"), 401, "UNAUTHENTICATED"),
        (errors.ConfigError("x"), 500, "INTERNAL"),
        (errors.RateLimited("x", type="tokens"), 429, "RESOURCE_EXHAUSTED"),
        (errors.Timeout("x"), 504, "DEADLINE_EXCEEDED"),
        (errors.StreamStalled("x"), 504, "DEADLINE_EXCEEDED"),
        (errors.StreamTruncated("x"), 502, "UNAVAILABLE"),
        (errors.Unavailable("x", type="server_error"), 502, "UNAVAILABLE"),
    ],
)
def test_every_error_has_a_status_that_googles_clients_know(
    error: errors.PenstockError, status: int, word: str
) -> None:
    body = {"error": {"code": status, "message": "x", "status": word}}
    assert GEMINI.encode_error(error) == (status, body)


def test_a_bad_key_is_told_as_a_bad_argument_but_is_none() -> None:
    value = failure(400, "INVALID_ARGUMENT", {"reason": "API_KEY_INVALID"})
    error = GEMINI.decode_error(400, json.dumps(value).encode())
    assert type(error) is errors.Unauthorized
    assert error.type == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [
        ("34s", 34),
        ("34.074824224s", 34.074824224),
        ("", None),
        ("soon", None),
        ("-1s", None),
        (5, None),
    ],
)
def test_when_to_try_again_is_among_the_details(delay: Any, seconds: float | None) -> None:
    value = failure(429, "RESOURCE_EXHAUSTED", 5, {"retryDelay": delay})
    error = GEMINI.decode_error(429, json.dumps(value).encode())
    assert error.retry_after == seconds
    (_, told) = GEMINI.encode_error(error)
    again = GEMINI.decode_error(429, json.dumps(told).encode())
    assert again.retry_after == seconds


def test_the_field_that_is_wrong_is_among_the_details() -> None:
    value = failure(400, "INVALID_ARGUMENT", {"fieldViolations": [{"field": "contents"}]})
    assert GEMINI.decode_error(400, json.dumps(value).encode()).param == "contents"


def test_a_front_that_answers_in_its_own_words_is_judged_by_the_status() -> None:
    page = GEMINI.decode_error(503, b"<html>no</html>", "Service Unavailable")
    assert isinstance(page, errors.Unavailable)
    assert "html" not in page.message
    assert isinstance(GEMINI.decode_error(429, b""), errors.RateLimited)
    assert isinstance(
        GEMINI.decode_error(403, b'{"error": {"message": "no"}}'), errors.Unauthorized
    )
    assert isinstance(GEMINI.decode_error(403, b"[]"), errors.Unauthorized)
    odd = b'{"error": {"message": "no", "status": 5, "details": {}}}'
    assert isinstance(GEMINI.decode_error(403, odd), errors.Unauthorized)


@pytest.mark.parametrize("body", [b"{}", b'{"object": "list"}', b"[1]", b"nothing", b"{"])
def test_what_is_no_answer_of_geminis_is_an_error(body: bytes) -> None:
    for outcome in (read(GEMINI, body), outcome_of(GEMINI.decode_response(body))):
        assert outcome.error
        assert not outcome.finish
