"""What the fuzzer starts from: streams, questions and failures in our own encoders' words.

``words()`` are those that mean something somewhere, for the changes that it makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import penstock.protocols
from fuzz.entry import write
from fuzz.failures import FORMATS
from fuzz.ndjson import NAMES as OF_LINES
from fuzz.request import FORMS
from fuzz.spoken import NAMES, PROTOCOLS
from fuzz.sse import NAMES as OF_EVENTS
from fuzz.targets import CORPUS
from penstock.errors import InvalidRequest, RateLimited, StreamFailed, UnknownModel
from penstock.events import Event, Finish, ReasoningDelta, Start, TextDelta, collect
from penstock.protocols import Protocol, json
from penstock.protocols.aws_eventstream import EventStreamDecoder, read_headers, split_frame
from penstock.types import (
    ChatRequest,
    EmbeddingRequest,
    Embeddings,
    FilePart,
    ImagePart,
    Message,
    ReasoningPart,
    Secret,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
    Usage,
)

BASES = tuple(name for name, each in PROTOCOLS.items() if each.family == name)
USAGE_TOO = {"openai_chat": {"raw": {"stream_options": {"include_usage": True}}}}
PLAIN: tuple[Event, ...] = (
    Start("id_1", "m"),
    ReasoningDelta("Hm.", 0),
    TextDelta("Hello", 1),
    TextDelta(", 👩‍🚀!", 1),
    Finish("stop", None, Usage(3, 4, 7)),
)
QUESTION = ChatRequest(
    model="m",
    messages=(
        Message("system", (TextPart("Be brief."),)),
        Message("user", (TextPart("Look: "), ImagePart(data="aGk=", media_type="image/png"))),
        Message("user", (FilePart("aGk=", "application/pdf", "a.pdf"),)),
        Message(
            "assistant",
            (ReasoningPart("Hm.", "c2ln"), TextPart("So"), ToolCallPart("c1", "f", '{"a":1}')),
        ),
        Message("tool", (ToolResultPart("c1", (TextPart("22"),), name="f"),)),
        Message("user", (TextPart("And?"),)),
    ),
    temperature=0.5,
    top_p=0.9,
    top_k=4,
    max_tokens=64,
    stop=("END",),
    seed=7,
    tools=(Tool("f", "does it", {"type": "object", "properties": {"a": {"type": "integer"}}}),),
    tool_choice="auto",
    response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": {}}},
    reasoning_effort="low",
    api_key=Secret("k"),
)
SHORT = ChatRequest(model="m", messages=(Message("user", (TextPart("Hi"),)),))
REFUSED = b"""Too Many Requests
retry-after: 5
retry-after-ms: 5000.5
date: Sun, 06 Nov 1994 08:49:37 GMT
x-ratelimit-remaining-requests: 0
x-ratelimit-reset-requests: 6m0.5s
x-ratelimit-reset-tokens: 120ms
x-ratelimit-reset: 1735689600000
anthropic-ratelimit-requests-reset: 2026-01-27T12:00:30Z
x-amzn-errortype: ThrottlingException"""
TOML = b"""default = "lab/qwen3"
discovery = true
proxy = "socks5://127.0.0.1:1080"
[timeouts]
idle = 60
[gateway]
port = 8000
[providers.lab]
type = "openai-compatible"
base_url = "http://127.0.0.1:8080/v1"
models = ["qwen3"]
headers = {X-A = "b"}
[routes.smart]
fallback = ["lab/qwen3", "openai/gpt-5"]
[status]
probe = 60
"""


def write_all() -> None:
    """Make the seeds anew; what once broke a law is kept."""
    for target, make in MAKERS.items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("seed-*"):
            old.unlink()
        for name, data in make():
            (folder / f"seed-{name}").write_bytes(data)


def sse() -> Iterator[tuple[str, bytes]]:
    for end in (b"\r\n", b"\r"):
        body = b"\xef\xbb\xbf: hi\n\n" + _stream(PROTOCOLS["openai_chat"], PLAIN)
        name = f"openai_chat-{end.hex()}"
        yield name, write("openai_chat", body.replace(b"\n", end), ".!!Z!!!")
    for name in OF_EVENTS:
        yield f"{name}-plain", write(name, _stream(PROTOCOLS[name], PLAIN), ":5ABM")
        if name in BASES:
            yield name, write(name, _stream(PROTOCOLS[name], _said(name)), ".M!")
            yield f"{name}-failed", write(name, _failed(PROTOCOLS[name]), ".!Z!!")
            yield f"{name}-whole", write(name, _whole(PROTOCOLS[name], _said(name)))


def ndjson() -> Iterator[tuple[str, bytes]]:
    for name in OF_LINES:
        yield name, write(name, _stream(PROTOCOLS[name], _said(name)), ".M!")
        yield f"{name}-failed", write(name, _failed(PROTOCOLS[name]), ":!Z!!")


def eventstream() -> Iterator[tuple[str, bytes]]:
    converse = PROTOCOLS["bedrock_converse"]
    for name, body in (
        ("said", _stream(converse, _said(converse.name))),
        ("plain", _stream(converse, PLAIN)),
        ("failed", _failed(converse)),
    ):
        yield name, write("mended", body, ".9M!!")
        yield f"{name}-lines", write("lines", _lines(body), ".M!")
    yield "whole", write("raw", _whole(converse, PLAIN))


def request() -> Iterator[tuple[str, bytes]]:
    for name in NAMES:
        protocol = PROTOCOLS[name]
        for kind, question in (("", QUESTION), ("-short", SHORT)):
            if kind and name not in BASES:
                continue
            yield name + kind, write(name, _asked(protocol, question))
    for name, form in FORMS.items():
        asked = EmbeddingRequest(model="m", input=("a", "b")[: form.most], dimensions=2)
        path = form.locate("m").encode()
        yield name, write(name, path + b"\n" + json.encode(form.encode_request(asked)))
    yield "toml", write("toml", TOML)


def translation() -> Iterator[tuple[str, bytes]]:
    for name, other in zip(BASES, reversed(BASES), strict=True):
        protocol = PROTOCOLS[name]
        for kind, events in (("", _said(name)), ("-plain", PLAIN)):
            body = _stream(protocol, events)
            body = _lines(body) if name == "bedrock_converse" else body
            yield f"{name}-answer{kind}", write(f"{name} {other} answer", body)
        asked = _asked(protocol, QUESTION)
        yield f"{name}-request", write(f"{name} {other} request", asked)


def failures() -> Iterator[tuple[str, bytes]]:
    for name in NAMES:
        protocol = PROTOCOLS[name]
        if name in BASES or protocol.decode_error.__func__ is not _base(protocol):  # type: ignore[attr-defined]
            yield f"{name}-error", write(f"error {name} 29", _refusal(protocol))
            yield f"{name}-whole", write(f"whole {name}", _whole(protocol, _said(name)))
            models = json.encode(protocol.encode_models([]))
            yield f"{name}-models", write(f"models {name}", models)
    vectors = Embeddings(vectors=((0.5, -1.0), (1.0, 2.0)), model="m", usage=Usage(2, total=2))
    for name, form in FORMS.items():
        asked = EmbeddingRequest(model="m", input=("a", "b")[: form.most])
        some = Embeddings(vectors=vectors.vectors[: form.most], model="m", usage=vectors.usage)
        body = json.encode(form.encode_response(some, asked))
        yield f"{name}-vectors", write(f"vectors {name}", body)
    for name in sorted(FORMATS.keys() - FORMS.keys()):
        yield f"{name}-vectors", write(f"vectors {name}", b'{"embedding":[0.5],"usage":{}}')


MAKERS = {
    "sse": sse,
    "ndjson": ndjson,
    "eventstream": eventstream,
    "request": request,
    "translation": translation,
    "failures": failures,
}


def _base(protocol: Protocol) -> Any:
    return vars(type(PROTOCOLS.get(protocol.family, protocol))).get("decode_error")


def _said(name: str) -> tuple[Event, ...]:
    """Everything that the protocol can say, as its own tests say it."""
    family = PROTOCOLS[name].family
    module = (
        "test_laws" if family in ("openai_chat", "chatbot_ui") else f"{family}.test_stream_laws"
    )
    said: tuple[Event, ...] = import_module(f"protocols.{module}").EVERYTHING
    return said


def _stream(protocol: Protocol, events: tuple[Event, ...]) -> bytes:
    encoder = protocol.encoder(ChatRequest(model="m", metadata=USAGE_TOO))
    return b"".join(map(encoder.encode, events)) + encoder.close()


def _failed(protocol: Protocol) -> bytes:
    encoder = protocol.encoder(ChatRequest(model="m"))
    said = b"".join(map(encoder.encode, PLAIN[:-1]))
    return said + encoder.error(StreamFailed("overloaded", type="overloaded_error", code="529"))


def _whole(protocol: Protocol, events: tuple[Event, ...]) -> bytes:
    value = protocol.encode_response(collect(events))
    return value.encode() if isinstance(value, str) else json.encode(value)


def _asked(protocol: Protocol, question: ChatRequest) -> bytes:
    """A path, and a body."""
    try:
        body = protocol.encode_request(question)
    except (InvalidRequest, UnknownModel):
        body = {"model": {"id": "gpt-4"}, "messages": [{"role": "user", "content": "Hi"}]}
    return protocol.locate("m", question.stream).encode() + b"\n" + json.encode(body)


def _refusal(protocol: Protocol) -> bytes:
    error = RateLimited("slow down", type="rate_limit_error", code="rate_limit_exceeded")
    _, told = protocol.encode_error(error)
    body = told.encode() if isinstance(told, str) else json.encode(told)
    return REFUSED + b"\n\n" + body


def _lines(body: bytes) -> bytes:
    """Frames as the lines that stand for them."""
    return b"\n".join(map(_line, EventStreamDecoder().feed(body)))


def _line(frame: bytes) -> bytes:
    headers, payload = split_frame(frame)
    said = read_headers(headers)
    kind = str(said[":message-type"])
    name = str(said[f":{kind}-type"])
    return f"{kind} {name} ".encode() + payload


def words() -> list[str]:
    """What is compared anywhere in the protocols: the names, and the short texts in the source."""
    folder = Path(penstock.protocols.__path__[0])
    source = "".join(file.read_text("utf-8") for file in sorted(folder.rglob("*.py")))
    found = {*re.findall(r"\"([\w:./-]{1,40})\"", source), *NAMES, *FORMATS}
    found |= set(re.findall(r"^    (\w+): .* = None$", source, re.MULTILINE))
    return sorted(found | {_camel(word) for word in found})


def _camel(word: str) -> str:
    head, *rest = word.split("_")
    return head + "".join(map(str.title, rest))
