"""The path says the model, whether to stream and how: written and read again."""

from __future__ import annotations

import pytest

from penstock.errors import UnexpectedAnswer
from penstock.protocols import Protocol
from penstock.protocols.anthropic_messages.vertex import VertexMessages
from penstock.protocols.gemini_generate import GeminiGenerate
from penstock.protocols.gemini_generate.vertex import VertexGemini
from penstock.types import ModelInfo

GEMINI = GeminiGenerate()


@pytest.mark.parametrize(
    ("model", "place"),
    [
        ("gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("models/gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("tunedModels/mine", "tunedModels/mine"),
        ("a b/c?d#e:f%", "models/a%20b/c%3Fd%23e%3Af%25"),
        ("модель", "models/%D0%BC%D0%BE%D0%B4%D0%B5%D0%BB%D1%8C"),
    ],
)
def test_a_model_is_asked_at_its_own_place(model: str, place: str) -> None:
    whole, stream = GEMINI.locate(model, False), GEMINI.locate(model, True)
    assert whole == f"/v1beta/{place}:generateContent"
    assert stream == f"/v1beta/{place}:streamGenerateContent?alt=sse"
    said = model.removeprefix("models/")
    assert GEMINI.with_path({"a": 1}, whole) == {"a": 1, "model": said, "stream": False}
    assert GEMINI.with_path({"a": 1}, stream) == {"a": 1, "model": said, "stream": True}


VERTEX = "/v1beta1/projects/p-1/locations/europe-west1/"


@pytest.mark.parametrize(
    ("path", "model"),
    [
        (VERTEX + "publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
        (VERTEX + "publishers/other/models/some-model@001", "some-model@001"),
        (VERTEX + "endpoints/123", "endpoints/123"),
        ("/v1/models/openai/gpt-5", "openai/gpt-5"),
        ("/v1beta/models/x:latest", "x:latest"),
        ("models/x", "x"),
        ("/nothing/of/the/kind", ""),
    ],
)
def test_the_model_is_read_out_of_any_path(path: str, model: str) -> None:
    said = GEMINI.with_path({}, path + ":streamGenerateContent?key=k&alt=sse")
    assert said == {"model": model, "stream": True}
    assert GEMINI.peek(said) == (model, True)


def test_a_stream_without_server_sent_events_is_an_array() -> None:
    for query in ("", "?", "?key=k", "?alt=json", "?%24alt=json"):
        said = GEMINI.with_path({"contents": []}, f"/v1beta/models/m:streamGenerateContent{query}")
        assert said == {"contents": [], "model": "m", "stream": True, "alt": "json"}
        assert GEMINI.relayed(said, "other") is None
    said = GEMINI.with_path({}, "/v1beta/models/m:streamGenerateContent?$alt=sse")
    assert "alt" not in said


def test_what_a_body_says_of_the_model_is_no_part_of_it() -> None:
    said = GEMINI.with_path(
        {"model": "x", "stream": 5, "alt": 1}, "/v1beta/models/m:generateContent"
    )
    assert said == {"model": "m", "stream": False}
    assert GEMINI.relayed({**said, "contents": []}, "other") == {"contents": []}


def test_the_key_goes_into_a_header() -> None:
    assert GEMINI.key_headers("k") == {"x-goog-api-key": "k"}
    assert GEMINI.models_request("k") == ("GET", "/v1beta/models?pageSize=1000", b"")


def test_models_are_listed_without_the_word_for_model() -> None:
    body = b'{"models": [{"name": "models/a", "displayName": "A"}, {"name": "tunedModels/b"}]}'
    models = GEMINI.decode_models(body)
    assert models == (ModelInfo("a", "A"), ModelInfo("tunedModels/b"))
    assert GEMINI.encode_models(models[:1]) == {
        "models": [
            {
                "name": "models/a",
                "displayName": "A",
                "supportedGenerationMethods": ["generateContent", "streamGenerateContent"],
            }
        ]
    }
    for wrong in (b"<html>", b"{}", b'{"models": [{}]}', b'{"models": [{"name": 5}]}'):
        with pytest.raises(UnexpectedAnswer, match="model list"):
            GEMINI.decode_models(wrong)


@pytest.mark.parametrize(
    "protocol", [GEMINI, VertexGemini(), VertexMessages()], ids=lambda p: str(p.name)
)
def test_half_a_character_of_a_name_is_asked_as_a_question_mark(protocol: Protocol) -> None:
    assert "/half-%3F:" in protocol.locate("half-\udcff", False)
