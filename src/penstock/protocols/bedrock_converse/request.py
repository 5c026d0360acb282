"""Converse's requests: JSON body -> ``ChatRequest`` and back, the identity on what it means.

``model`` and ``stream`` are of the path, not of the body (``BedrockConverse.with_path``). A key
without a field of its own stays: of the body, and of its ``inferenceConfig``, ``toolConfig`` and
``outputConfig``, in ``extra``; of a message, block or tool in its ``metadata``. A user turn that
holds tool results becomes a ``tool`` message and a ``user`` message with the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from msgspec import Struct

from penstock.errors import InvalidRequest
from penstock.protocols import json
from penstock.protocols.bedrock_converse.blocks import (
    NAME,
    decode_blocks,
    encode_blocks,
    is_inner,
)
from penstock.protocols.bedrock_converse.names import Names
from penstock.protocols.bedrock_converse.tools import (
    decode_choice,
    decode_tools,
    encode_choice,
    encode_tools,
)
from penstock.protocols.bedrock_converse.unsaid import told
from penstock.protocols.kept import beside, keep, kept_for, rest
from penstock.protocols.loss import RAW
from penstock.protocols.request_body import read_body
from penstock.types import (
    CACHE,
    ChatRequest,
    ImagePart,
    Message,
    Part,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)

_APART = "apart"
"""Marks a message that is a turn of its own though the one before it has the same role."""
_IN_PLACE = "in_place"
"""Marks a system message that stands among the messages, not before them."""


class _Inference(Struct, rename="camel"):
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: list[str] | None = None


class _Body(Struct, rename="camel"):
    """The fields that are understood, with their types."""

    messages: list[dict[str, Any]] = []
    model: str = ""
    stream: bool | None = None
    system: list[dict[str, Any]] | None = None
    inference_config: _Inference | None = None
    tool_config: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None


_KNOWN = _Body.__struct_encode_fields__
_NESTED = {
    "inferenceConfig": _Inference.__struct_encode_fields__,
    "toolConfig": ("tools", "toolChoice"),
    "outputConfig": ("textFormat",),
}
"""Objects of the body with fields of ours, and these fields."""


def decode_request(body: Mapping[str, Any]) -> ChatRequest:
    """The question in a JSON body. Raises ``InvalidRequest`` naming the field."""
    known = read_body(body, _Body)
    if not known.messages:
        raise InvalidRequest("messages is empty: send at least one", param="messages")
    inference, tools = known.inference_config or _Inference(), known.tool_config or {}
    stop, form = inference.stop_sequences, decode_format(known.output_config)
    return ChatRequest(
        model=known.model,
        messages=(*_decode_system(known.system), *_decode_messages(known.messages)),
        stream=bool(known.stream),
        temperature=inference.temperature,
        top_p=inference.top_p,
        max_tokens=inference.max_tokens,
        stop=None if stop is None else tuple(stop),
        tools=decode_tools(tools["tools"]) if "tools" in tools else (),
        tool_choice=decode_choice(tools.get("toolChoice")),
        response_format=form,
        protocol=NAME,
        extra=_extra(body, () if form is None else ("outputConfig",)),
    )


def _extra(body: Mapping[str, Any], understood: Iterable[str]) -> dict[str, Any]:
    """What the body says beyond our own words for it."""
    extra = rest(body, *_KNOWN)
    for key in ("inferenceConfig", "toolConfig", "outputConfig"):
        known = () if key == "outputConfig" and key not in understood else _NESTED[key]
        if more := rest(body.get(key) or {}, *known):
            extra[key] = more
    return extra


def decode_format(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """``outputConfig.textFormat`` in neutral words; ``None`` where there are none for it."""
    match config:
        case {
            "textFormat": {
                "type": "json_schema",
                "structure": {"jsonSchema": {"schema": str(text), **said}},
            }
        }:
            try:
                schema = json.loads(text.encode())
            except (*json.UNREADABLE, UnicodeEncodeError):
                return None
            return {"type": "json_schema", "json_schema": {**said, "schema": schema}}
    return None


def _decode_system(system: list[dict[str, Any]] | None) -> Iterator[Message]:
    if system:
        yield Message("system", decode_blocks(system, "system"))


def _decode_messages(values: Iterable[Mapping[str, Any]]) -> Iterator[Message]:
    before = None
    for i, value in enumerate(values):
        where, role = f"messages[{i}]", value.get("role")
        if role not in ("user", "assistant", "system"):
            field = where + ".role"
            raise InvalidRequest(f"{field} is {role!r}: use user or assistant", param=field)
        parts = decode_blocks(value.get("content"), where + ".content")
        raw = {_IN_PLACE: True} if role == "system" else {_APART: True} if role == before else {}
        before = role
        kept = beside(value, "role", "content")
        metadata = keep(NAME, kept | {RAW: raw} if raw else kept)
        if role != "user":
            yield Message(role, parts, metadata)
            continue
        for index, (of, run) in enumerate(_split(parts)):
            is_same_turn = index > 0
            yield Message(of, run, keep(NAME, kept) if is_same_turn else metadata)


def _split(parts: tuple[Part, ...]) -> Iterator[tuple[Any, tuple[Part, ...]]]:
    """A user turn as messages of ours: tool results apart from all else."""
    if not parts:
        yield "user", ()
    for are_results, run in groupby(parts, lambda part: isinstance(part, ToolResultPart)):
        yield ("tool" if are_results else "user"), tuple(run)


def encode_request(request: ChatRequest) -> dict[str, Any]:
    """The JSON body that asks it. Raises ``InvalidRequest`` where the question is senseless."""
    request, _ = told(request)
    system, messages = _parted(request)
    turns = _encode_turns(messages, is_own=request.protocol == NAME)
    if not turns:
        message = "messages holds nothing that Bedrock can be told: send a user's words"
        raise InvalidRequest(message, param="messages")
    body: dict[str, Any] = {"messages": turns}
    if said := encode_blocks(part for message in system for part in message.content):
        body["system"] = said
    if inference := _encode_inference(request):
        body["inferenceConfig"] = inference
    if tools := encode_tools(request.tools):
        choice = encode_choice(request)
        body["toolConfig"] = {"tools": tools, **({"toolChoice": choice} if choice else {})}
    elif request.protocol != NAME and (tools := encode_tools(_tools_of(messages))):
        body["toolConfig"] = {"tools": tools}
    if form := _encode_format(request.response_format):
        body["outputConfig"] = {"textFormat": form}
    if request.protocol in ("", NAME):
        for key, value in request.extra.items():
            is_nested = key in _NESTED and isinstance(value, Mapping)
            body[key] = {**body.get(key, {}), **value} if is_nested else value
    return body


def _tools_of(messages: Iterable[Message]) -> list[Tool]:
    """The tools that were called before: Bedrock refuses a history of calls without them
    (https://github.com/langgenius/dify/issues/17545)."""
    said = (part for message in messages for part in message.content)
    names = (part.name for part in said if isinstance(part, ToolCallPart | ToolResultPart))
    return [Tool(name) for name in dict.fromkeys(names) if name]


def _encode_inference(request: ChatRequest) -> dict[str, Any]:
    said = {
        "maxTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": None if request.stop is None else list(request.stop),
    }
    return {key: value for key, value in said.items() if value is not None}


def _encode_format(form: Mapping[str, Any] | None) -> dict[str, Any] | None:
    match form:
        case {"type": "json_schema", "json_schema": {"schema": Mapping() as schema, **said}}:
            named = {k: said[k] for k in ("name", "description") if said.get(k) is not None}
            text = json.encode(schema).decode()
            definition = {**named, "schema": text}
            return {"type": "json_schema", "structure": {"jsonSchema": definition}}
        case _:
            return None


def _parted(request: ChatRequest) -> tuple[list[Message], list[Message]]:
    """The messages that go into ``system``, and those that are turns of the conversation."""
    system: list[Message] = []
    turns: list[Message] = []
    for message in request.messages:
        is_system = message.role in ("system", "developer")
        stands = _raw(message).get(_IN_PLACE) or (turns and request.protocol == NAME)
        (system if is_system and not stands else turns).append(message)
    return system, turns


def _encode_turns(messages: Iterable[Message], is_own: bool) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    names = None if is_own else Names()
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        role = "system" if message.role in ("system", "developer") else role
        content, kept = encode_blocks(message.content), kept_for(NAME, message.metadata)
        raw = kept.pop(RAW, {})
        if names:
            names.tell_apart(content)
        if not content and (message.content or not is_own):
            continue  # Bedrock refuses turns that say nothing
        if turns and turns[-1]["role"] == role and not (raw.get(_APART) or raw.get(_IN_PLACE)):
            turns[-1]["content"] += content
            turns[-1].update(kept)
        else:
            turns.append({"role": role, "content": content, **kept})
    return turns


def _raw(message: Message) -> Mapping[str, Any]:
    raw = kept_for(NAME, message.metadata).get(RAW)
    return raw if isinstance(raw, Mapping) else {}


def lost_within(request: ChatRequest) -> Iterator[str]:
    """What a tool's answer cannot hold here, though a message can: sound, addresses of images, ids
    of files, marks of a prefix."""
    for message in request.messages:
        for part in message.content:
            for inner in part.content if isinstance(part, ToolResultPart) else ():
                if not is_inner(inner):
                    is_image = isinstance(inner, ImagePart)
                    yield "tool_result.image" if is_image else "tool_result.file"
                elif isinstance(inner, TextPart) and CACHE in (inner.metadata or {}):
                    yield "cache"
