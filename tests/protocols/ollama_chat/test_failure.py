"""Ollama's errors, amid a stream and instead of one; and its lists of models."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock import errors
from penstock.protocols.ollama_chat import OllamaChat
from penstock.types import ModelInfo
from protocols.reading import outcome_of, read

CHAT = OllamaChat()
WORD = b'{"model": "m", "message": {"role": "assistant", "content": "Hi"}, "done": false}\n'
BROKE = b'{"error": "an error was encountered while running the model"}\n'
TEXT = "an error was encountered while running the model"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"error": "invalid options"}', errors.InvalidRequest),
        (401, b'{"error": "unauthorized"}', errors.Unauthorized),
        (404, b'{"error": "model \'x\' not found"}', errors.UnknownModel),
        (404, b"404 page not found", errors.InvalidRequest),
        (429, b'{"error": "too many"}', errors.RateLimited),
        (500, b'{"error": "llama runner process has terminated"}', errors.Unavailable),
        (503, b"", errors.Unavailable),
    ],
)
def test_a_failed_answers_status_says_what_went_wrong(
    status: int, body: bytes, kind: type[errors.PenstockError]
) -> None:
    error = CHAT.decode_error(status, body)
    assert type(error) is kind
    assert error.status == status


def test_an_error_amid_a_stream_is_a_stream_that_failed() -> None:
    for before in (b"", WORD, WORD * 3):
        outcome = read(CHAT, before + BROKE + WORD)
        assert outcome.failure
        assert outcome.failure[:2] == (errors.StreamFailed, TEXT)
        assert not outcome.finish


def test_an_error_in_a_whole_answer_is_no_answer() -> None:
    outcome = outcome_of(CHAT.decode_response(BROKE))
    assert (outcome.events, outcome.error) == ((), errors.StreamFailed)
    refused = b'{"error": {"message": "slow down", "code": 429}}'
    assert outcome_of(CHAT.decode_response(refused)).error is errors.RateLimited


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", errors.EmptyStream),
        (b"\n\n", errors.EmptyStream),
        (b"<html>", errors.UnexpectedAnswer),
        (b'{"object": "chat.completion"}', errors.UnexpectedAnswer),
        (b'{"message": {"content": 5}, "done": true}', errors.UnexpectedAnswer),
        (b'{"message": "Hi", "done": true}', errors.UnexpectedAnswer),
        (b'{"message": {"content": ""}, "done": true}', errors.EmptyStream),
        (WORD, errors.StreamTruncated),
        (b"busy, come back\n", errors.MalformedStream),
        (b'{"message": {"content": "\xff"}, "done": true}\n', errors.MalformedStream),
    ],
)
def test_what_is_no_answer_is_an_error(body: bytes, kind: type[errors.PenstockError]) -> None:
    assert outcome_of(CHAT.decode_response(body)).error is kind


def test_lines_that_were_invented_later_are_skipped() -> None:
    done = b'{"message": {"content": ""}, "done": true, "done_reason": "stop", "new": 1}\n'
    outcome = read(CHAT, b'{"status": "loading"}\n{}\n' + WORD + b'{"progress": 5}\n' + done)
    assert outcome.reply.text == "Hi"
    assert outcome.finish
    assert outcome.finish.metadata == {"ollama_chat": {"new": 1}}


def test_a_model_that_was_only_loaded_says_so() -> None:
    body = b'{"model": "m", "message": {"content": ""}, "done": true, "done_reason": "load"}'
    outcome = outcome_of(CHAT.decode_response(body))
    assert outcome.finish
    assert (outcome.finish.reason, outcome.finish.raw_reason) == ("unknown", "load")


LISTED: dict[str, Any] = {
    "name": "qwen3:4b",
    "model": "qwen3:4b",
    "modified_at": "2026-01-02T03:04:05.678Z",
    "size": 5,
    "digest": "ab" * 32,
    "details": {"family": "qwen3"},
}


def test_a_list_of_models_is_read_and_written_again() -> None:
    listed = CHAT.decode_models(json.dumps({"models": [LISTED]}).encode())
    assert [model.id for model in listed] == ["qwen3:4b"]
    assert CHAT.encode_models(listed) == {"models": [LISTED]}
    assert CHAT.models_request("key") == ("GET", "/api/tags", b"")


def test_a_list_of_other_models_has_all_that_ollamas_clients_want() -> None:
    (model,) = CHAT.encode_models([ModelInfo("openai/gpt", "GPT")])["models"]
    assert (model["name"], model["model"]) == ("openai/gpt", "openai/gpt")
    assert len(model["digest"]) == 64
    assert set(LISTED) == set(model)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"models": 5}', b'{"models": [{}]}', b'{"models": [{"model": 5}]}']
)
def test_what_is_no_list_of_models_is_an_error(body: bytes) -> None:
    with pytest.raises(errors.UnexpectedAnswer):
        CHAT.decode_models(body)
