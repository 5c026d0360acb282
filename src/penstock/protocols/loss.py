"""What a request or an answer says, feature by feature, so that no translation drops one unseen.

A protocol declares which features it cannot say (``Protocol.cannot_ask``, ``cannot_answer``); what
a translation loses are the features said that are among them, and whatever only another protocol
understands. A feature is named as the reader of a header would look for it: ``seed``,
``image.url``, ``extra.logit_bias``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from penstock.events import Reply
from penstock.types import (
    CACHE,
    CITATIONS,
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    Metadata,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)

ASKED: Mapping[str, str] = {
    "system": "instructions of the system or developer",
    "system.amid": "such instructions after the conversation began, at their place",
    "temperature": "sampling temperature",
    "top_p": "nucleus sampling",
    "top_k": "sampling among the k likeliest tokens",
    "presence_penalty": "penalty on tokens already there",
    "frequency_penalty": "penalty on tokens by their count",
    "max_tokens": "longest answer",
    "stop": "texts that end the answer",
    "seed": "seed of the sampling",
    "tools": "functions that the model may call",
    "tool_choice.none": "no tool may be called",
    "tool_choice.required": "some tool must be called",
    "tool_choice.name": "one tool must be called",
    "parallel_tool_calls": "only one tool may be called at once",
    "tool_result.error": "a tool's answer marked as a failure",
    "tool_result.image": "an image in a tool's answer",
    "tool_result.file": "a document in a tool's answer",
    "image.url": "an image by its address",
    "image.data": "an image inline",
    "audio": "sound inline",
    "file.data": "a document inline",
    "file.id": "a document uploaded before",
    "file.url": "a document by its address",
    "reasoning": "the model's earlier reasoning, said back to it with its signature",
    "reasoning.unsigned": "such reasoning that has no signature",
    "reasoning.signature": "the signature of earlier reasoning, said back",
    "refusal": "the model's earlier refusal, as one",
    "response_format.json_object": "an answer in JSON",
    "response_format.json_schema": "an answer in JSON of a schema",
    "reasoning_effort": "how hard to think",
    "reasoning_budget": "how many tokens to think for",
    "cache": "marks of a prefix worth caching",
}
"""What a request can say, in words."""

ANSWERED: Mapping[str, str] = {
    "id": "the answer's id",
    "model": "the model that answered",
    "reasoning": "readable reasoning",
    "reasoning.signature": "the signature of reasoning, to be said back",
    "refusal": "words of refusal, as such",
    "tool_calls": "tool calls",
    "citations": "what a text rests on",
    "finish_reason": "why the answer ended",
    "usage": "tokens spent",
    "usage.cached_input": "tokens read from the cache",
    "usage.cache_write": "tokens written to the cache",
    "usage.reasoning": "tokens spent on reasoning",
}
"""What an answer can say beside its text, in words."""

THOUGHTS = frozenset(("reasoning", "reasoning.signature", "reasoning.unsigned"))
"""What is said back of the model's own reasoning."""

RAW = "raw"
"""A key in a protocol's metadata: the same again in that protocol's own shape, or marks of its
shape alone. Nothing is lost where it is dropped."""

_SCALARS = (
    "temperature",
    "top_p",
    "top_k",
    "presence_penalty",
    "frequency_penalty",
    "max_tokens",
    "stop",
    "seed",
    "reasoning_effort",
    "reasoning_budget",
)


def asked(request: ChatRequest, name: str) -> Iterator[str]:
    """The features of a request, repeats included; what protocols other than ``name`` alone
    understand is named after its place."""
    yield from (field for field in _SCALARS if _is_wish(field, getattr(request, field)))
    if request.parallel_tool_calls is False:  # that they may is what happens anyway
        yield "parallel_tool_calls"
    own = request.protocol in ("", name)
    wishes = (*_choice(request.tool_choice), *_form(request.response_format))
    yield from (wish for wish in wishes if wish in ASKED or not own)
    if not own:
        yield from (f"extra.{key}" for key, value in request.extra.items() if value is not None)
    yield from (key for _, key in _foreign(request.metadata, name))
    for tool in request.tools:
        yield from _tool(tool, name)
    begun = False
    for message in request.messages:
        if message.role not in ("system", "developer"):
            begun = True
        elif any(not isinstance(part, OpaquePart) for part in message.content):
            yield "system.amid" if begun else "system"
        yield from _message(message, name)


def _is_wish(name: str, value: Any) -> bool:
    """Whether a setting asks for anything: no stops and penalties of 0 are what happens anyway, but
    a temperature or a seed of 0 are wishes."""
    return value not in (None, ()) and not (name.endswith("_penalty") and value == 0)


def has_typed_reasoning(request: ChatRequest, name: str) -> bool:
    """Whether the caller itself wrote reasoning in the words of the protocol ``name``."""
    return any(
        RAW in (part.metadata or {}).get(name, {})
        for message in request.messages
        for part in message.content
        if isinstance(part, ReasoningPart)
    )


def _choice(choice: str | Mapping[str, Any] | None) -> Iterator[str]:
    match choice:
        case None | "auto":
            return
        case str():
            yield f"tool_choice.{choice}"
        case {"name": _} if len(choice) == 1:
            yield "tool_choice.name"
        case _:
            yield f"tool_choice.{choice.get('type', 'other')}"


def _form(form: Mapping[str, Any] | None) -> Iterator[str]:
    kind = (form or {}).get("type", "text")
    if kind != "text":
        yield f"response_format.{kind}"


def _tool(tool: Tool, name: str) -> Iterator[str]:
    yield from _marks(tool.metadata)
    foreign = _foreign(tool.metadata, name)
    if tool.parameters is None and (kinds := [k for k, kept in foreign if kept == "tool"]):
        yield from (f"tools.{tool.name}" for _ in kinds)
        return
    yield "tools"
    yield from (f"tools.{key}" for _, key in foreign)


def _message(message: Message, name: str) -> Iterator[str]:
    yield from (f"messages.{key}" for _, key in _foreign(message.metadata, name))
    for part in message.content:
        yield from _part(part, name)


def _part(part: Part, name: str) -> Iterator[str]:
    if isinstance(part, OpaquePart):
        if part.protocol != name:
            yield f"{part.protocol}.{part.value.get('type', 'part')}"
        return
    yield from _marks(part.metadata)
    kind = _KINDS[type(part)]
    yield from (f"{kind}.{key}" for _, key in _foreign(part.metadata, name))
    match part:
        case ReasoningPart(text, signature):
            yield from ["reasoning.signature"] * bool(signature)
            if text:
                yield "reasoning" if signature else "reasoning.unsigned"
        case ToolResultPart(_, content):
            yield from ["tool_result.error"] * part.is_error
            for inner in content:
                yield from _result(inner, name)
        case ImagePart(_, data):
            yield "image.data" if data else "image.url"
        case FilePart(data):
            yield "file.data" if data else "file.url" if part.url else "file.id"
        case AudioPart() | RefusalPart():
            yield kind
        case _:
            return


def _result(part: Part, name: str) -> Iterator[str]:
    """A part of a tool's answer: an image there is another thing than one in a question."""
    match part:
        case ImagePart():
            yield "tool_result.image"
        case FilePart() | AudioPart():
            yield "tool_result.file"
        case _:
            yield from _part(part, name)


_KINDS: Mapping[type[Part], str] = {
    TextPart: "text",
    ImagePart: "image",
    AudioPart: "audio",
    FilePart: "file",
    ReasoningPart: "reasoning",
    RefusalPart: "refusal",
    ToolCallPart: "tool_call",
    ToolResultPart: "tool_result",
}


def _marks(metadata: Metadata | None) -> Iterator[str]:
    if metadata and CACHE in metadata:
        yield "cache"


def _foreign(metadata: Metadata | None, name: str) -> list[tuple[str, str]]:
    """Protocol and key of what only another protocol understands."""
    return [
        (protocol, key)
        for protocol, kept in (metadata or {}).items()
        if protocol not in (name, CACHE, CITATIONS) and isinstance(kept, Mapping)
        for key in kept
        if key != RAW
    ]


def answered(reply: Reply, name: str) -> Iterator[str]:
    """The features of an answer, as ``asked`` names them."""
    yield from ["id"] * bool(reply.id) + ["model"] * bool(reply.model)
    for part in reply.message.content:
        if isinstance(part, ToolCallPart):
            yield "tool_calls"
        if CITATIONS in (getattr(part, "metadata", None) or {}):
            yield "citations"
        for feature in _part(part, name):
            yield "reasoning" if feature == "reasoning.unsigned" else feature
    if reply.finish is not None:
        yield "finish_reason"
        yield from (f"finish.{key}" for _, key in _foreign(reply.finish.metadata, name))
    if (usage := reply.usage) is not None:
        yield "usage"
        for field in ("cached_input", "cache_write", "reasoning"):
            if getattr(usage, field):
                yield f"usage.{field}"


def lost(said: Iterable[str], can: frozenset[str]) -> tuple[str, ...]:
    """Of the features said, those that cannot be said: declared, or nobody else's."""
    return tuple(sorted(set(said) - can))
