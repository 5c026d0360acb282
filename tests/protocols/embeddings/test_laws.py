"""Laws that every form of asking for embeddings keeps."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from penstock.errors import InvalidRequest, PenstockError, UnexpectedAnswer
from penstock.protocols import json, shelf
from penstock.protocols.embeddings import CallerFormat, EmbeddingFormat
from penstock.protocols.embeddings.answers import check_answer
from penstock.protocols.embeddings.batches import join, split
from penstock.protocols.embeddings.bedrock import BedrockCohere, BedrockEmbeddings
from penstock.protocols.embeddings.cohere import CohereEmbeddings
from penstock.protocols.embeddings.gemini import GeminiContent, GeminiEmbeddings
from penstock.protocols.embeddings.mistral import MistralEmbeddings
from penstock.protocols.embeddings.ollama import OllamaEmbeddings, OllamaPrompt
from penstock.protocols.embeddings.openai import OpenAIEmbeddings
from penstock.protocols.embeddings.vectors import from_base64, in_order, read_vectors, to_base64
from penstock.protocols.embeddings.vertex import VertexContent, VertexEmbeddings
from penstock.types import EmbeddingRequest, Embeddings, Input, Usage, Vector
from protocols.strategies import texts

FORMS: dict[str, Callable[[], EmbeddingFormat]] = {
    "openai": OpenAIEmbeddings,
    "openai in base64": lambda: OpenAIEmbeddings(ask_base64=True),
    "mistral": MistralEmbeddings,
    "cohere": CohereEmbeddings,
    "gemini": GeminiEmbeddings,
    "gemini, one": GeminiContent,
    "vertex": VertexEmbeddings,
    "vertex, one": VertexContent,
    "titan, one": BedrockEmbeddings,
    "cohere on bedrock": BedrockCohere,
    "ollama": OllamaEmbeddings,
    "ollama, one": OllamaPrompt,
}
each_form = pytest.mark.parametrize("name", FORMS)
ELSEWHERE = {"vertex", "vertex, one", "titan, one", "cohere on bedrock"}
"""Forms whose paths no caller of a gateway comes to."""
each_callers_form = pytest.mark.parametrize("name", [n for n in FORMS if n not in ELSEWHERE])

_numbers = st.floats(-(2.0**100), 2.0**100, width=32)
vectors = st.integers(1, 5).flatmap(lambda length: st.tuples(*[_numbers] * length))
_several = st.integers(1, 5).flatmap(
    lambda length: st.lists(st.tuples(*[_numbers] * length), min_size=1, max_size=4).map(tuple)
)
_usages = st.builds(
    lambda n, how: Usage(input=n, total=n, provenance=how),
    st.integers(0, 10**9),
    st.sampled_from(["reported", "estimated"]),
)
answers = st.builds(Embeddings, vectors=_several, model=st.text(max_size=5), usage=_usages)
inputs = st.lists(texts, min_size=1, max_size=4).map(tuple)
purposes = st.sampled_from(["", "query", "document", "similarity", "classification", "clustering"])
requests = st.builds(
    EmbeddingRequest,
    model=st.sampled_from(["m", "a/b:c", "я"]),
    input=inputs,
    dimensions=st.none() | st.integers(1, 4096),
    purpose=purposes,
    encodings=st.sampled_from([(), ("float",), ("base64",)]),
)


def callers(name: str) -> CallerFormat:
    form = FORMS[name]()
    assert isinstance(form, CallerFormat)
    return form


def fits(form: EmbeddingFormat, count: int) -> bool:
    return count <= form.most


def asked(count: int, encodings: tuple[str, ...] = ()) -> EmbeddingRequest:
    return EmbeddingRequest(model="m", input=("x",) * count, encodings=encodings)


@each_callers_form
@given(answer=answers, encodings=st.sampled_from([(), ("float",), ("base64",)]))
def test_what_a_caller_is_answered_is_what_was_answered(
    name: str, answer: Embeddings, encodings: tuple[str, ...]
) -> None:
    form = callers(name)
    if not fits(form, len(answer.vectors)):
        answer = replace(answer, vectors=answer.vectors[:1])
    request = asked(len(answer.vectors), encodings)
    written = json.encode(form.encode_response(answer, request))
    read = form.decode_response(written, request)
    assert read.vectors == answer.vectors
    assert read.usage is None or read.usage.input == (answer.usage and answer.usage.input)


@each_callers_form
@given(request=requests)
def test_what_a_service_is_asked_is_what_was_asked(name: str, request: EmbeddingRequest) -> None:
    form = callers(name)
    if not fits(form, len(request.input)):
        request = replace(request, input=request.input[:1])
    body = json.loads(json.encode(form.encode_request(request)))
    read = form.decode_request(form.with_path(body, form.locate(request.model)))
    assert (read.model, read.input) == (request.model, request.input)
    assert form.loss(replace(read, encodings=())) == ()
    if not form.loss(request) and request.purpose:
        assert read.purpose == request.purpose
    if type(form) is not OllamaPrompt:  # whose callers know none
        assert read.dimensions == request.dimensions


@each_form
@given(request=requests, extra=st.dictionaries(st.text(max_size=4), st.integers(), max_size=2))
def test_a_purpose_and_words_of_others_are_lost_by_name(
    name: str, request: EmbeddingRequest, extra: dict[str, Any]
) -> None:
    form = FORMS[name]()
    lost = form.loss(replace(request, protocol="another", extra=extra))
    unsaid = {"purpose"} if request.purpose and request.purpose not in form.purposes else set()
    assert set(lost) == {f"extra.{key}" for key in extra} | unsaid
    own = form.loss(replace(request, extra=extra))
    assert set(own) - {"extra.user"} == unsaid


_WRONG: list[Callable[[tuple[Vector, ...]], tuple[Vector, ...]]] = [
    lambda vectors: vectors[:-1],
    lambda vectors: (*vectors, vectors[0]),
    lambda vectors: (*vectors[:-1], (*vectors[-1], 1.0)),
    lambda vectors: tuple(() for _ in vectors),
    lambda vectors: (*vectors[:-1], (1e39,) * len(vectors[0])),
]


@pytest.mark.parametrize("name", [n for n in FORMS if ", one" not in n and n not in ELSEWHERE])
@given(vectors=_several.filter(lambda found: len(found) > 1), spoil=st.sampled_from(_WRONG))
def test_an_answer_that_does_not_fit_the_question_is_none(
    name: str,
    spoil: Callable[[tuple[Vector, ...]], tuple[Vector, ...]],
    vectors: tuple[Vector, ...],
) -> None:
    form = callers(name)
    spoilt = Embeddings(vectors=spoil(vectors))
    request = asked(len(vectors))
    written = json.encode(form.encode_response(spoilt, request))
    with pytest.raises(UnexpectedAnswer):
        form.decode_response(written, request)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_none_in_base64_either(number: float) -> None:
    body = json.encode({"data": [{"embedding": to_base64((1.0, number)), "index": 0}]})
    with pytest.raises(UnexpectedAnswer, match="not a number"):
        OpenAIEmbeddings().decode_response(body, asked(1))


@each_form
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"<html>",
        b"\xff",
        b'{"data":[{"embedding":"%%%%"}]}',
        b'{"data":[{"embedding":[NaN]}]}',
        b'{"data":[{"embedding":[null]}]}',
        b'{"embeddings":[]}',
        b'{"embeddings":[[1e999]]}',
        b'{"embedding":[]}',
    ],
)
def test_what_is_no_answer_is_told_as_such(name: str, body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer):
        FORMS[name]().decode_response(body, asked(1))


@each_form
def test_a_failure_in_a_success_is_the_services_own(name: str) -> None:
    body = b'{"error": {"message": "no such model", "code": "model_not_found"}}'
    with pytest.raises(PenstockError, match="no such model"):
        FORMS[name]().decode_response(body, asked(1))


@each_callers_form
@given(data=st.data())
def test_a_callers_body_is_read_or_refused_by_name(name: str, data: st.DataObject) -> None:
    form = callers(name)
    body = form.with_path(form.encode_request(asked(1)), form.locate("m"))
    key = data.draw(st.sampled_from(sorted(body)))
    values = st.none() | st.integers() | st.text() | st.lists(st.integers() | st.text(), max_size=2)
    body[key] = data.draw(values)
    try:
        read: EmbeddingRequest | InvalidRequest = form.decode_request(body)
    except InvalidRequest as refused:
        read = refused
    assert read.param if isinstance(read, InvalidRequest) else read.input


# Batches


@given(
    inputs=st.lists(texts | st.lists(st.integers(0, 9)).map(tuple), min_size=1, max_size=30),
    most=st.integers(1, 7),
    largest=st.integers(0, 60),
)
def test_batches_hold_every_input_once_in_order_and_no_more_than_they_may(
    inputs: list[Input], most: int, largest: int
) -> None:
    form = OpenAIEmbeddings(most=most, largest=largest)
    parts = split(EmbeddingRequest(input=tuple(inputs), model="m", dimensions=3), form)
    assert [one for part in parts for one in part.input] == inputs
    assert all(replace(part, input=()) == replace(parts[0], input=()) for part in parts)
    for part in parts:
        assert 1 <= len(part.input) <= most
        sizes = [len(one.encode()) if isinstance(one, str) else len(one) for one in part.input]
        assert not largest or sum(sizes) <= largest or len(part.input) == 1


@given(answers=st.lists(answers, min_size=1, max_size=4))
def test_answers_joined_are_their_vectors_in_order_and_the_sum_of_what_they_cost(
    answers: list[Embeddings],
) -> None:
    if len({len(answer.vectors[0]) for answer in answers}) > 1:
        with pytest.raises(UnexpectedAnswer, match="vectors of"):
            join(answers)
        return
    joined = join(answers)
    assert joined.vectors == tuple(vector for answer in answers for vector in answer.vectors)
    assert joined.usage
    assert joined.usage.input == sum(a.usage.input or 0 for a in answers if a.usage)


def test_what_only_some_of_the_answers_cost_is_partial() -> None:
    one = Embeddings(vectors=((1.0,),), usage=Usage(input=3, total=3))
    joined = join([one, replace(one, usage=None)])
    assert joined.usage == Usage(input=3, total=3, provenance="partial")
    assert join([replace(one, usage=None)] * 2).usage is None


# Vectors


@given(vector=vectors)
def test_base64_is_exact_and_little_endian(vector: Vector) -> None:
    written = to_base64(vector)
    assert from_base64(written) == vector
    assert base64.b64decode(written) == b"".join(struct.pack("<f", number) for number in vector)


@pytest.mark.parametrize("text", ["AAAA", "AAAAAAA", "!!!!", "AAAAAA==x", "\u20ac"])
def test_what_is_no_base64_of_floats_is_told(text: str) -> None:
    with pytest.raises(UnexpectedAnswer, match="base64"):
        from_base64(text)


@given(vector=vectors)
def test_a_vector_is_read_as_numbers_or_as_base64(vector: Vector) -> None:
    written = [Raw(json.encode(vector)), Raw(json.encode(to_base64(vector)))]
    assert read_vectors(written) == [vector, vector]


@pytest.mark.parametrize(
    "written", [b"{}", b"null", b"5", b"[[1]]", b'["1"]', b"[null]", b"[1e999]"]
)
def test_what_is_no_vector_in_json_is_told(written: bytes) -> None:
    with pytest.raises(UnexpectedAnswer, match="not made of numbers"):
        read_vectors([Raw(written)])


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b"{}", None),
        (b"[]", None),
        (b'{"data":5}', None),
        (b'{"data":[]}', None),
        (b'{"data":{}}', None),
        (b'{"data":{"int8":null}}', None),
        (b'{"data":[{}],"error":{"message":"no"}}', 1),
        (b'{"data":[{}]}', 2),
        (b'{"data":{"int8":[[1],[2]],"float":[[1]]}}', 2),
    ],
)
def test_an_answer_in_a_services_own_words_holds_one_thing_for_each_input(
    body: bytes, count: int | None
) -> None:
    with pytest.raises(UnexpectedAnswer):
        check_answer(body, "data", count)
    with pytest.raises(UnexpectedAnswer):
        check_answer(b'{"data":[{}],"error":"\xff"}', "data", None)
    check_answer(b'{"data":[{}],"error":null}', "data", None)
    check_answer(b'{"data":{"int8":[[1],[2]],"float":null}}', "data", 2)


@given(order=st.permutations(range(5)))
def test_vectors_stand_in_the_order_of_their_indexes(order: list[int]) -> None:
    found = in_order(order, [(float(place),) for place in order])
    assert found == [(float(place),) for place in range(5)]


@pytest.mark.parametrize("indexes", [[0, 0], [1, 2], [-1, 0], [0, 2]])
def test_indexes_that_miss_one_are_wrong(indexes: list[int]) -> None:
    with pytest.raises(UnexpectedAnswer, match="numbered"):
        in_order(indexes, [(1.0,), (2.0,)])


def test_an_index_of_nought_may_be_left_out() -> None:
    assert in_order([None, 1], [(1.0,), (2.0,)]) == [(1.0,), (2.0,)]
    assert in_order([None, None], [(1.0,), (2.0,)]) == [(1.0,), (2.0,)]


# Protocols


def test_the_protocols_whose_services_embed_say_so() -> None:
    found = {name for name, kind in shelf.find().items() if kind.embeddings}
    assert {"openai_chat", "openai_responses", "mistral_chat", "llamacpp_chat"} <= found
    assert {"gemini_generate", "cohere_v2_chat", "ollama_chat"} <= found
    assert {"bedrock_converse", "vertex_gemini"} <= found
    assert not {"anthropic_messages", "chatbot_ui"} & found
