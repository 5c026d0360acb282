"""Errors of OpenAI Responses, amid a stream and instead of one; and lists of models."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock import errors
from penstock.protocols.openai_responses import OpenAIResponses
from penstock.types import ModelInfo
from protocols.reading import by, outcome_of, read

RESPONSES = OpenAIResponses()

CODES = [
    ("server_error", errors.Unavailable),
    ("rate_limit_exceeded", errors.RateLimited),
    ("invalid_prompt", errors.InvalidRequest),
    ("vector_store_timeout", errors.Timeout),
    ("image_too_large", errors.InvalidRequest),
    ("bio_policy", errors.ContentFiltered),
    ("content_filter", errors.ContentFiltered),
    ("something_new", errors.StreamFailed),
]
each_code = pytest.mark.parametrize(("code", "kind"), CODES, ids=[code for code, _ in CODES])


def event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def failed(code: str) -> dict[str, Any]:
    response = {"id": "r", "status": "failed", "error": {"code": code, "message": "no"}}
    return {"type": "response.failed", "response": {**response, "output": []}}


CREATED = event({"type": "response.created", "response": {"id": "r", "model": "m"}})
DELTA = event({"type": "response.output_text.delta", "output_index": 0, "delta": "Hi"})
COMPLETED = event({"type": "response.completed", "response": {"status": "completed"}})


def shapes(code: str) -> list[dict[str, Any]]:
    flat = {"type": "error", "code": code, "message": "no", "param": None, "sequence_number": 1}
    nested = {"type": "error", "error": {"type": "x", "code": code, "message": "no"}}
    return [flat, nested, failed(code)]


@each_code
def test_an_error_before_the_first_word_is_of_its_own_class(
    code: str, kind: type[errors.PenstockError]
) -> None:
    for shape in shapes(code):
        for before in (b"", CREATED):
            outcome = read(RESPONSES, before + event(shape) + COMPLETED)
            assert outcome.failure
            assert (outcome.failure[:2], outcome.failure[3]) == ((kind, "no"), code)
            assert not outcome.finish
    whole = json.dumps(failed(code)["response"]).encode()
    assert outcome_of(RESPONSES.decode_response(whole)).error is kind
    assert read(RESPONSES, by(whole, 5)).error is kind


@each_code
def test_an_error_after_the_first_word_is_a_stream_that_failed(
    code: str, kind: type[errors.PenstockError]
) -> None:
    for shape in shapes(code):
        outcome = read(RESPONSES, CREATED + DELTA + event(shape) + COMPLETED)
        assert outcome.failure
        assert (outcome.failure[:2], outcome.failure[3]) == ((errors.StreamFailed, "no"), code)
        assert len(outcome.events) == 2


def test_a_failed_response_that_does_not_say_why_is_an_error_all_the_same() -> None:
    for response in ({}, {"error": None}, {"error": "x"}):
        frame = event({"type": "response.failed", "response": response})
        assert read(RESPONSES, CREATED + frame).error is errors.StreamFailed
    body = b'{"status": "failed", "output": []}'
    assert outcome_of(RESPONSES.decode_response(body)).error is errors.StreamFailed


def test_a_cancelled_response_is_no_answer() -> None:
    cancelled = event({"type": "response.cancelled", "response": {"status": "cancelled"}})
    assert read(RESPONSES, CREATED + cancelled).error is errors.Unavailable
    assert read(RESPONSES, CREATED + DELTA + cancelled).error is errors.StreamFailed
    body = b'{"status": "cancelled", "output": []}'
    assert outcome_of(RESPONSES.decode_response(body)).error is errors.Unavailable


def test_a_fronts_own_words_are_an_error() -> None:
    body = b'{"error": {"message": "no", "code": 429}}'
    assert outcome_of(RESPONSES.decode_response(body)).error is errors.RateLimited
    assert read(RESPONSES, b"data: " + body + b"\n\n").error is errors.RateLimited


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"hello", b'{"output": 5}', b"<html>", b"{"])
def test_a_body_that_is_no_answer_is_an_error(body: bytes) -> None:
    outcome = outcome_of(RESPONSES.decode_response(body))
    assert outcome.error in (errors.UnexpectedAnswer, errors.EmptyStream)
    assert outcome.events == ()


def test_an_error_is_told_as_openai_tells_it() -> None:
    status, body = RESPONSES.encode_error(errors.UnknownModel("no", param="model"))
    assert status == 404
    assert set(body["error"]) == {"message", "type", "param", "code"}
    error = RESPONSES.decode_error(404, json.dumps(body).encode())
    assert (error.message, error.param) == ("no", "model")


def test_models_are_listed_as_openai_chat_lists_them() -> None:
    assert RESPONSES.models_request("key") == ("GET", "/models", b"")
    listed = RESPONSES.encode_models([ModelInfo("a"), ModelInfo("b")])
    models = RESPONSES.decode_models(json.dumps(listed).encode())
    assert [model.id for model in models] == ["a", "b"]
