"""Each form as its vendor documents it: what is asked, and what is answered."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import InvalidRequest
from penstock.protocols import json
from penstock.protocols.embeddings import EmbeddingFormat
from penstock.protocols.embeddings.bedrock import BedrockCohere, BedrockEmbeddings
from penstock.protocols.embeddings.cohere import CohereEmbeddings
from penstock.protocols.embeddings.gemini import GeminiContent, GeminiEmbeddings
from penstock.protocols.embeddings.mistral import MistralEmbeddings
from penstock.protocols.embeddings.ollama import OllamaEmbeddings, OllamaPrompt
from penstock.protocols.embeddings.openai import OpenAIEmbeddings
from penstock.protocols.embeddings.vertex import VertexContent, VertexEmbeddings
from penstock.types import EmbeddingRequest, Purpose, Usage

ASKED = EmbeddingRequest(model="m", input=("a", "b"), dimensions=2, purpose="query")
ONE = EmbeddingRequest(model="m", input=("a",), dimensions=2, purpose="query")


def content(text: str) -> dict[str, Any]:
    return {"content": {"parts": [{"text": text}]}}


_GEMINI = {"model": "models/m", "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 2}

BODIES: list[tuple[EmbeddingFormat, EmbeddingRequest, str, dict[str, Any]]] = [
    (
        OpenAIEmbeddings(),
        ASKED,
        "/embeddings",
        {"model": "m", "input": ["a", "b"], "dimensions": 2},
    ),
    (
        OpenAIEmbeddings(ask_base64=True),
        ONE,
        "/embeddings",
        {"model": "m", "input": ["a"], "dimensions": 2, "encoding_format": "base64"},
    ),
    (
        MistralEmbeddings(),
        ASKED,
        "/embeddings",
        {"model": "m", "input": ["a", "b"], "output_dimension": 2},
    ),
    (
        CohereEmbeddings(),
        ASKED,
        "/v2/embed",
        {
            "model": "m",
            "texts": ["a", "b"],
            "input_type": "search_query",
            "embedding_types": ["float"],
            "output_dimension": 2,
        },
    ),
    (
        GeminiEmbeddings(),
        ASKED,
        "/v1beta/models/m:batchEmbedContents",
        {"requests": [{**_GEMINI, **content("a")}, {**_GEMINI, **content("b")}]},
    ),
    (GeminiContent(), ONE, "/v1beta/models/m:embedContent", {**_GEMINI, **content("a")}),
    (
        OllamaEmbeddings(),
        ASKED,
        "/api/embed",
        {"model": "m", "input": ["a", "b"], "dimensions": 2},
    ),
    (OllamaPrompt(), ONE, "/api/embeddings", {"model": "m", "prompt": "a"}),
    (
        VertexEmbeddings(),
        ONE,
        "/publishers/google/models/m:predict",
        {
            "instances": [{"content": "a", "task_type": "RETRIEVAL_QUERY"}],
            "parameters": {"outputDimensionality": 2},
        },
    ),
    (
        BedrockEmbeddings(),
        ONE,
        "/model/m/invoke",
        {"inputText": "a", "dimensions": 2},
    ),
    (
        BedrockCohere(),
        ONE,
        "/model/m/invoke",
        {
            "texts": ["a"],
            "input_type": "search_query",
            "embedding_types": ["float"],
            "output_dimension": 2,
        },
    ),
    (
        VertexContent(),
        ONE,
        "/publishers/google/models/m:embedContent",
        {
            **content("a"),
            "embedContentConfig": {"taskType": "RETRIEVAL_QUERY", "outputDimensionality": 2},
        },
    ),
]


@pytest.mark.parametrize(("form", "request_", "path", "body"), BODIES)
def test_a_service_is_asked_as_it_says(
    form: EmbeddingFormat, request_: EmbeddingRequest, path: str, body: dict[str, Any]
) -> None:
    assert form.locate("m") == path
    assert form.encode_request(request_) == body


ANSWERS: list[tuple[EmbeddingFormat, bytes, int | None]] = [
    (
        OpenAIEmbeddings(),
        (
            b'{"object": "list", "data": [{"object": "embedding", "embedding": [0.5, -0.25],'
            b' "index": 0}], "model": "text-embedding-ada-002", "usage": {"prompt_tokens": 8,'
            b' "total_tokens": 8}}'
        ),
        8,
    ),
    (
        OpenAIEmbeddings(),  # llama.cpp's server, to ``encoding_format`` base64 (recorded)
        (
            b'{"model":"m","object":"list","usage":{"prompt_tokens":17,"total_tokens":17},"data":[{'
            b'"embedding":"AAAAPwAAgL4=","index":0,"object":"embedding","encoding_format":"base64"}]}'
        ),
        17,
    ),
    (
        MistralEmbeddings(),
        (
            b'{"id": "cf79f7daaee244b1a0ae5c7b1444424a", "object": "list", "data": [{"object":'
            b' "embedding", "embedding": [0.5, -0.25], "index": 0}], "model": "mistral-embed",'
            b' "usage": {"prompt_tokens": 15, "completion_tokens": 0, "total_tokens": 15,'
            b' "prompt_audio_seconds": null}}'
        ),
        15,
    ),
    (
        OpenAIEmbeddings(),  # Voyage
        (
            b'{"object": "list", "data": [{"object": "embedding", "embedding": [0.5, -0.25],'
            b' "index": 0, "text": null}], "model": "voyage-3.5", "usage": {"total_tokens": 12}}'
        ),
        12,
    ),
    (
        CohereEmbeddings(),
        (
            b'{"id": "da6e531f", "embeddings": {"float": [[0.5, -0.25]]}, "texts": ["hello"],'
            b' "meta": {"api_version": {"version": "2", "is_experimental": true}, "billed_units":'
            b' {"input_tokens": 2.0}, "warnings": ["x"]}, "response_type": "embeddings_by_type"}'
        ),
        2,
    ),
    (
        CohereEmbeddings(),
        b'{"id": "d", "embeddings": {"base64": ["AAAAPwAAgL4="]}, "texts": ["hello"]}',
        None,
    ),
    (GeminiEmbeddings(), b'{"embeddings": [{"values": [0.5, -0.25]}]}', None),
    (
        GeminiEmbeddings(),
        b'{"embeddings": [{"values": [0.5, -0.25]}], "usageMetadata": {"promptTokenCount": 4}}',
        4,
    ),
    (GeminiContent(), b'{"embedding": {"values": [0.5, -0.25]}}', None),
    (
        OllamaEmbeddings(),
        (
            b'{"model": "all-minilm", "embeddings": [[0.5, -0.25]], "total_duration": 14143917,'
            b' "load_duration": 1019500, "prompt_eval_count": 8}'
        ),
        8,
    ),
    (OllamaPrompt(), b'{"embedding": [0.5, -0.25]}', None),
    (
        VertexEmbeddings(),
        (
            b'{"predictions": [{"embeddings": {"statistics": {"token_count": 5, "truncated":'
            b' false}, "values": [0.5, -0.25]}}], "metadata": {"billableCharacterCount": 1}}'
        ),
        5,
    ),
    (
        BedrockEmbeddings(),
        (
            b'{"embedding": [0.5, -0.25], "embeddingsByType": {"float": [0.5, -0.25]},'
            b' "inputTextTokenCount": 7}'
        ),
        7,
    ),
    (
        BedrockCohere(),
        (
            b'{"id": "a", "texts": ["a"], "embeddings": {"float": [[0.5, -0.25]]},'
            b' "response_type": "embeddings_by_type"}'
        ),
        None,
    ),
    (
        VertexContent(),
        (
            b'{"embedding": {"values": [0.5, -0.25]}, "usageMetadata": {"promptTokenCount": 6},'
            b' "truncated": false}'
        ),
        6,
    ),
]


@pytest.mark.parametrize(("form", "body", "spent"), ANSWERS)
def test_a_services_answer_is_read(form: EmbeddingFormat, body: bytes, spent: int | None) -> None:
    found = form.decode_response(body, ONE)
    assert found.vectors == ((0.5, -0.25),)
    assert found.usage == (None if spent is None else Usage(input=spent, total=spent))


@pytest.mark.parametrize(
    ("model", "form", "most"),
    [
        ("text-embedding-005", VertexEmbeddings, 250),
        ("gemini-embedding-001", VertexEmbeddings, 1),
        ("gemini-embedding-2", VertexContent, 1),
    ],
)
def test_vertex_wants_each_model_asked_in_its_own_form(
    model: str, form: type[EmbeddingFormat], most: int
) -> None:
    found = VertexEmbeddings().for_model(model)
    assert (type(found), found.most) == (form, most)


def test_bedrock_asks_coheres_models_as_cohere_does() -> None:
    form = BedrockEmbeddings()
    assert form.for_model("amazon.titan-embed-text-v2:0") is form
    found = form.for_model("global.cohere.embed-v4:0")
    assert isinstance(found, BedrockCohere)
    assert found.locate("global.cohere.embed-v4:0") == "/model/global.cohere.embed-v4:0/invoke"


@pytest.mark.parametrize(
    ("purpose", "text"),
    [
        ("", "x{}"),
        ("query", "task: search result | query: x{}"),
        ("document", "title: none | text: x{}"),
        ("similarity", "task: sentence similarity | query: x{}"),
    ],
)
def test_a_gemini_that_reads_its_task_in_the_text_is_told_there(
    purpose: Purpose, text: str
) -> None:
    request = EmbeddingRequest(model="gemini-embedding-2", input=("x{}",), purpose=purpose)
    (asked,) = GeminiEmbeddings().encode_request(request)["requests"]
    assert asked == {"model": "models/gemini-embedding-2", **content(text)}


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1beta/models/up/m:embedContent", "up/m"),
        ("/v1beta/models/up%2Fm:embedContent?key=a:b", "up/m"),
        ("/v1/models/a:b:embedContent", "a:b"),
        ("/v1beta/up/m:embedContent", "up/m"),
        ("/elsewhere:embedContent", ""),
    ],
)
def test_geminis_path_says_the_model(path: str, model: str) -> None:
    assert GeminiContent().with_path({"model": "models/other"}, path)["model"] == model


def test_requests_of_a_gemini_batch_that_differ_are_refused_by_name() -> None:
    body = {"requests": [content("a"), {**content("b"), "taskType": "CLUSTERING"}], "model": "m"}
    with pytest.raises(InvalidRequest, match=r"requests\[1\] asks for something else"):
        GeminiEmbeddings().decode_request(body)


def test_gemini_may_say_its_wishes_under_a_key_of_their_own() -> None:
    wishes = {"taskType": "CLASSIFICATION", "outputDimensionality": 7, "autoTruncate": True}
    read = GeminiContent().decode_request({**content("a"), "embedContentConfig": wishes})
    assert (read.purpose, read.dimensions) == ("classification", 7)
    assert read.extra == {"autoTruncate": True}


def test_what_is_no_text_is_refused_by_name() -> None:
    image = {"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": ""}}]}}
    with pytest.raises(InvalidRequest, match="only text"):
        GeminiContent().decode_request(image)
    parts = {"content": [{"type": "image_url", "image_url": {"url": "data:"}}]}
    with pytest.raises(InvalidRequest, match=r"inputs\[0\]: only text"):
        CohereEmbeddings().decode_request({"inputs": [parts]})


def test_coheres_inputs_are_texts_too() -> None:
    said = {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    assert CohereEmbeddings().decode_request({"inputs": [said]}).input == ("ab",)


def test_a_service_that_demands_a_purpose_gets_one_where_none_was_said() -> None:
    body = CohereEmbeddings().encode_request(EmbeddingRequest(model="m", input=("a",)))
    assert body["input_type"] == "search_document"
    image = EmbeddingRequest(
        input=("a",), extra={"input_type": "image"}, protocol="cohere_v2_embed"
    )
    assert CohereEmbeddings().encode_request(image)["input_type"] == "image"


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ((1, 2),)),
        ([[1, 2], [3]], ((1, 2), (3,))),
        (["a", [1]], ("a", (1,))),
    ],
)
def test_openais_input_is_a_text_or_its_tokens_or_several(said: Any, read: Any) -> None:
    assert OpenAIEmbeddings().decode_request({"input": said}).input == read


def test_callers_who_know_voyage_or_mistral_are_understood_at_openais_path() -> None:
    said = {"input": "a", "output_dimension": 3, "input_type": "document", "truncation": True}
    read = OpenAIEmbeddings().decode_request(said)
    assert (read.dimensions, read.purpose) == (3, "document")
    assert read.extra == {"truncation": True}


def test_mistral_is_not_told_who_the_user_is() -> None:
    request = OpenAIEmbeddings().decode_request({"input": "a", "user": "me"})
    form = MistralEmbeddings()
    assert "user" not in form.encode_request(request)
    assert form.loss(request) == ("extra.user",)


def test_an_estimate_says_so_wherever_it_is_shown() -> None:
    answer = OpenAIEmbeddings().decode_response(b'{"data":[{"embedding":[1]}]}', ONE)
    guess = type(answer)(vectors=answer.vectors, usage=Usage(input=3, provenance="estimated"))
    for form in (OpenAIEmbeddings(), CohereEmbeddings(), GeminiEmbeddings(), OllamaEmbeddings()):
        assert b'"provenance":"estimated"' in json.encode(form.encode_response(guess, ONE))
