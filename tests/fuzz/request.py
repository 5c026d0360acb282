"""What callers send: any body at any path of the gateway, and any configuration file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from fuzz.entry import Entry, parse
from fuzz.laws import tried
from fuzz.spoken import NAMES, PROTOCOLS
from penstock import config
from penstock.errors import ConfigError, InvalidRequest
from penstock.gateway.answer import read_object
from penstock.protocols import Protocol, json
from penstock.protocols.embeddings import CallerFormat
from penstock.protocols.embeddings.batches import estimated, split
from penstock.protocols.embeddings.cohere import CohereEmbeddings
from penstock.protocols.embeddings.gemini import GeminiContent, GeminiEmbeddings
from penstock.protocols.embeddings.mistral import MistralEmbeddings
from penstock.protocols.embeddings.ollama import OllamaEmbeddings, OllamaPrompt
from penstock.protocols.embeddings.openai import OpenAIEmbeddings
from penstock.protocols.signatures import unwrap
from penstock.types import EmbeddingRequest

FORMS: dict[str, CallerFormat] = {
    "cohere_embeddings": CohereEmbeddings(),
    "gemini_content": GeminiContent(),
    "gemini_embeddings": GeminiEmbeddings(),
    "mistral_embeddings": MistralEmbeddings(),
    "ollama_embeddings": OllamaEmbeddings(),
    "ollama_prompt": OllamaPrompt(),
    "openai_embeddings": OpenAIEmbeddings(),
}
KINDS = (*NAMES, *FORMS, "toml")


def one_input(data: bytes) -> None:
    """``PROTOCOL``, a line with the path that was asked, and a body; or ``toml`` and a file."""
    entry = parse(data)
    kind = entry.word(0, KINDS)
    if kind == "toml":
        configure(entry.body)
        return
    path, value = asked(entry)
    with suppress(InvalidRequest):  # and nothing else: who is to blame is the caller
        if kind in FORMS:
            _embed(FORMS[kind], value, path)
        else:
            _chat(PROTOCOLS[kind], value, path)


def asked(entry: Entry) -> tuple[str, Mapping[str, Any]]:
    """The path, and the body as the gateway reads it; an empty one where it is refused."""
    path, _, body = entry.body.partition(b"\n")
    value: Mapping[str, Any] = {}
    with suppress(InvalidRequest):
        value = read_object(body)
    return path.decode("utf-8", "surrogateescape"), value


def _chat(protocol: Protocol, value: Mapping[str, Any], path: str) -> None:
    value = protocol.with_path(value, path)
    model, _ = protocol.peek(value)
    if (relayed := protocol.relayed(value, model)) is not None:
        json.encode(relayed)
    request = unwrap(protocol.decode_request(value))
    protocol.encoder(request)
    tried(lambda: json.encode(protocol.encode_request(request)), lambda: protocol.loss(request))


def _embed(form: CallerFormat, value: Mapping[str, Any], path: str) -> None:
    value = form.with_path(value, path)
    model = form.peek(value)
    json.encode(form.relayed(value, model))
    request = form.decode_request(value)
    form.is_plain(request)
    estimated(request)
    for part in split(request, form):
        for other in FORMS.values():
            _say(other, part)


def _say(form: CallerFormat, request: EmbeddingRequest) -> None:
    form.loss(request)
    if form.most >= len(request.input):
        tried(lambda: json.encode(form.encode_request(request)))


def configure(text: bytes) -> None:
    """Read ``text`` as a configuration file."""
    file = _file()
    file.write_bytes(text)
    with suppress(ConfigError):
        config.load(file)


@cache
def _file() -> Path:
    return Path(tempfile.mkdtemp(prefix="penstock-fuzz-")) / "penstock.toml"
