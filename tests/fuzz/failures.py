"""Answers that are no stream: failures, whole answers, lists of models, vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fuzz.entry import Entry, parse
from fuzz.laws import check_error, check_truth, check_wait
from fuzz.request import FORMS
from fuzz.spoken import NAMES, PROTOCOLS
from penstock import retry_after
from penstock.errors import PenstockError
from penstock.protocols import json
from penstock.protocols.embeddings import CallerFormat, EmbeddingFormat
from penstock.protocols.embeddings.answers import check_answer
from penstock.protocols.embeddings.bedrock import BedrockCohere, BedrockEmbeddings
from penstock.protocols.embeddings.perplexity import PerplexityEmbeddings
from penstock.protocols.embeddings.vertex import VertexContent, VertexEmbeddings
from penstock.types import EmbeddingRequest
from protocols.reading import outcome_of

FORMATS: dict[str, EmbeddingFormat] = {
    **FORMS,
    "bedrock_cohere": BedrockCohere(),
    "bedrock_embeddings": BedrockEmbeddings(),
    "perplexity_embeddings": PerplexityEmbeddings(),
    "vertex_content": VertexContent(),
    "vertex_embeddings": VertexEmbeddings(),
}
NOW = (0.0, 1_800_000_000.5)
"""Seconds since 1970, as a clock may say."""
KINDS = ("error", "models", "vectors", "whole")


def one_input(data: bytes) -> None:
    """``error PROTOCOL STATUS``, a line with the status text, headers, an empty line and a body;
    or ``whole PROTOCOL``, ``models PROTOCOL`` or ``vectors FORMAT``, and a body."""
    entry = parse(data)
    CHECKS[entry.word(0, KINDS)](entry)


def check_failure(entry: Entry) -> None:
    """Any failed answer is an error, and every caller can be told of it."""
    protocol = PROTOCOLS[entry.word(1, NAMES)]
    status = _status(entry)
    head, _, body = entry.body.partition(b"\n\n")
    reason, *lines = head.decode("latin-1").split("\n")
    headers = _headers(lines)
    for now in NOW:
        check_wait(retry_after.seconds(headers, now, status))
    error = protocol.decode_error(status, body, reason, headers)
    check_error(error)
    assert error.status is not None
    for caller in PROTOCOLS.values():
        code, told = caller.encode_error(error)
        assert 400 <= code < 600, code
        json.encode(told)


def _status(entry: Entry) -> int:
    word = entry.words[2] if len(entry.words) > 2 else ""
    return 400 + int(word) % 600 if word.isascii() and word.isdigit() and len(word) < 9 else 400


def _headers(lines: list[str]) -> Mapping[str, str]:
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def check_whole(entry: Entry) -> None:
    """A whole answer is true, and is looked at as it is read."""
    protocol = PROTOCOLS[entry.word(1, NAMES)]
    outcome = outcome_of(protocol.decode_response(entry.body, entry.is_on))
    check_truth(outcome)
    seen = _failure(lambda: protocol.check_response(entry.body, entry.is_on))
    assert seen == outcome.error, f"{seen} at a glance, {outcome.failure} when read"


def check_models(entry: Entry) -> None:
    """A list of models, and every caller's list of it."""
    protocol = PROTOCOLS[entry.word(1, NAMES)]
    if protocol.models_request("k") is None:
        return
    try:
        models = protocol.decode_models(entry.body)
    except PenstockError as error:
        check_error(error)
        return
    for caller in PROTOCOLS.values():
        json.encode(caller.encode_models(models))


def check_vectors(entry: Entry) -> None:
    """An answer of vectors, and every caller's answer of it."""
    form = FORMATS[entry.word(1, tuple(FORMATS))]
    request = EmbeddingRequest(model="m", input=("a", "b")[: form.most])
    if isinstance(form, CallerFormat):
        _failure(lambda: check_answer(entry.body, form.vectors, len(request.input)))
    try:
        found = form.decode_response(entry.body, request)
    except PenstockError as error:
        check_error(error)
        return
    assert len(found.vectors) == len(request.input)
    for caller in FORMS.values():
        json.encode(caller.encode_response(found, request))


def _failure(doing: Callable[[], object]) -> type[PenstockError] | None:
    """The class of error that doing so ends in."""
    try:
        doing()
    except PenstockError as error:
        return type(error)
    return None


CHECKS: dict[str, Callable[[Entry], None]] = {
    "error": check_failure,
    "models": check_models,
    "vectors": check_vectors,
    "whole": check_whole,
}
