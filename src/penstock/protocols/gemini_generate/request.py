"""Gemini's requests: JSON body -> ``ChatRequest`` and back, the identity on what it means.

A key without a field of its own stays: of the body in ``extra``, of a message, part or tool in
its ``metadata`` under this protocol's name. A body that nobody changed goes out as it came, in
its caller's own spelling; a changed one is written anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from penstock.errors import InvalidRequest
from penstock.protocols.gemini_generate.config import (
    Config,
    decode_config,
    encode_config,
    spelled,
)
from penstock.protocols.gemini_generate.parts import Calls, decode_part, encode_parts
from penstock.protocols.gemini_generate.paths import ALT, ON_PATH
from penstock.protocols.gemini_generate.tools import (
    can_choose,
    decode_choice,
    decode_tools,
    encode_choice,
    encode_tools,
)
from penstock.protocols.gemini_generate.unsaid import sayable
from penstock.protocols.gemini_generate.words import NAME, in_camel, many
from penstock.protocols.kept import beside, keep, kept_for, rest
from penstock.protocols.loss import RAW
from penstock.protocols.request_body import read_body
from penstock.types import ChatRequest, Message, Part, Role, TextPart, ToolCallPart, ToolResultPart

_ROLES = {"user": "user", "function": "user", "tool": "user", "model": "model"}
_OURS: dict[str, Role] = {"user": "user", "tool": "tool", "model": "assistant"}
_COUNT = "candidateCount"
_JOINS = "joins"
"""Marks whether a message stands in one turn with the one before it, where that is not plain."""


class _Body(Struct, rename="camel"):
    """The fields that are understood, with their types."""

    model: str = ""
    stream: bool | None = None
    generation_config: Config | None = None
    tool_config: dict[str, Any] | None = None


_KNOWN = (
    *ON_PATH,
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
)


def decode_request(body: Mapping[str, Any]) -> ChatRequest:
    """The question in a JSON body, with what its path says beside it (``ON_PATH``). Raises
    ``InvalidRequest`` naming the field."""
    try:
        return _decode(body)
    except RecursionError:
        raise InvalidRequest("the request is nested too deeply") from None


def _decode(body: Mapping[str, Any]) -> ChatRequest:
    value = in_camel(body)
    config = value.get("generationConfig")
    if isinstance(config, Mapping):
        value["generationConfig"] = config = spelled(config)
    known = read_body(value, _Body)
    said, others = decode_config(known.generation_config or Config(), config or {})
    choice, more_choice = decode_choice(known.tool_config or {})
    extra = rest(value, *_KNOWN)
    extra |= {"generationConfig": others} if others else {}
    extra |= {"toolConfig": more_choice} if more_choice else {}
    contents = many(value.get("contents"))
    if not contents:
        raise InvalidRequest("contents is empty: send at least one", param="contents")
    raw = {"body": rest(body, *ON_PATH)} | ({ALT: value[ALT]} if ALT in value else {})
    return ChatRequest(
        model=known.model,
        messages=(*_decode_system(value.get("systemInstruction")), *_decode_contents(contents)),
        stream=bool(known.stream),
        tools=tuple(decode_tools(value.get("tools"))),
        tool_choice=choice,
        protocol=NAME,
        extra=extra,
        metadata={NAME: {RAW: raw}},
        **said,
    )


def _decode_system(value: Any) -> Iterator[Message]:
    if value is None:
        return
    content = {"parts": [{"text": value}]} if isinstance(value, str) else value
    if not isinstance(content, Mapping):
        raise InvalidRequest("systemInstruction must be an object", param="systemInstruction")
    if parts := _decode_parts(in_camel(content), "systemInstruction", Calls()):
        yield Message("system", parts)


def _decode_contents(values: Iterable[Any]) -> Iterator[Message]:
    calls, before = Calls(), ""
    for number, value in enumerate(values):
        where = f"contents[{number}]"
        if not isinstance(value, Mapping):
            raise InvalidRequest(f"{where} must be an object", param=where)
        content = in_camel(value)
        role = content.get("role", "user")
        if not isinstance(role, str) or role not in _ROLES:
            raise InvalidRequest(
                f"{where}.role is {role!r}: use user or model", param=f"{where}.role"
            )
        parts = _decode_parts(content, where, calls)
        kept, joins = beside(content, "role", "parts"), False
        for of, run in _runs(parts, _ROLES[role]):
            marked = {RAW: {_JOINS: joins}} if joins != (_joins(of, before)) else {}
            yield Message(_OURS[of], run, keep(NAME, {**kept, **marked}))
            kept, joins, before = {}, True, of


def _decode_parts(content: Mapping[str, Any], where: str, calls: Calls) -> tuple[Part, ...]:
    values = many(content.get("parts"))
    return tuple(
        decode_part(value, f"{where}.parts[{number}]", calls) for number, value in enumerate(values)
    )


def _runs(parts: tuple[Part, ...], role: str) -> list[tuple[str, tuple[Part, ...]]]:
    """A turn's parts, with tool results apart from what else a user says."""
    if role == "model":
        return [(role, parts)]
    runs = groupby(parts, lambda part: isinstance(part, ToolResultPart))
    return [("tool" if are else role, tuple(run)) for are, run in runs] or [(role, ())]


def _joins(of: str, before: str) -> bool:
    """Whether a message goes into one turn with the one before it: Gemini wants all results in
    one, and a call right after what it answers."""
    return of == before and of != "user"


def encode_request(request: ChatRequest) -> dict[str, Any]:
    """The JSON body that asks it; its path says the model and whether to stream."""
    raw = kept_for(NAME, request.metadata).get(RAW) or {}
    if "body" in raw and _still_says(raw["body"], request):
        return dict(raw["body"])
    own = request.protocol == NAME
    messages = list(sayable(request))
    body: dict[str, Any] = {"contents": _encode_contents(messages, own)}
    if not body["contents"]:
        raise InvalidRequest("messages say nothing: send a text", param="messages")
    systems = (m for m in messages if _is_system(m))
    if system := [part for m in systems for part in encode_parts(m.content, {})]:
        body["systemInstruction"] = {"parts": system}
    if tools := encode_tools(request.tools):
        body["tools"] = tools
    extra = dict(request.extra) if request.protocol in ("", NAME) else {}
    choice = encode_choice(request.tool_choice) if own or can_choose(request) else {}
    said = {
        "toolConfig": {"functionCallingConfig": choice} if choice else {},
        "generationConfig": encode_config(request),
    }
    for key, value in said.items():
        if whole := _merged(value, extra.pop(key, None)):
            body[key] = whole
    return body | extra


def one_answer(request: ChatRequest) -> tuple[ChatRequest, tuple[str, ...]]:
    """The request for a single answer, and what of it that leaves out."""
    config = request.extra.get("generationConfig") if request.protocol in ("", NAME) else None
    if not isinstance(config, Mapping) or config.get(_COUNT) in (None, 1):
        return request, ()
    others = rest(config, _COUNT)
    extra = rest(request.extra, "generationConfig")
    extra |= {"generationConfig": others} if others else {}
    return replace(request, extra=extra), (f"extra.{_COUNT}",)


def _still_says(body: Mapping[str, Any], request: ChatRequest) -> bool:
    """Whether a request is still what its caller sent, wherever it goes now."""
    try:
        said = decode_request(body)
    except InvalidRequest:
        return False
    same = {name: getattr(request, name) for name in ("model", "stream", "api_key", "strict")}
    return bool(replace(said, metadata=request.metadata, **same) == request)


def _merged(value: dict[str, Any], more: Any) -> dict[str, Any]:
    """An object with what only Gemini understands of it."""
    if not isinstance(more, Mapping):
        return value
    nested = {
        key: _merged(value[key], item)
        for key, item in more.items()
        if isinstance(value.get(key), dict)
    }
    return {**value, **more, **nested}


def _is_system(message: Message) -> bool:
    return message.role in ("system", "developer")


def _encode_contents(messages: Iterable[Message], own: bool) -> list[dict[str, Any]]:
    """The turns. One of no words is left out, as Gemini refuses it more often than not
    (https://github.com/router-for-me/CLIProxyAPI/issues/1292), unless its caller speaks Gemini's
    ``own`` words."""
    contents: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    before = ""
    for message in messages:
        if _is_system(message):
            continue
        of = "model" if message.role == "assistant" else message.role
        names |= {part.id: part.name for part in message.content if isinstance(part, ToolCallPart)}
        parts = encode_parts(message.content, names)
        if not parts and own and any(isinstance(part, TextPart) for part in message.content):
            parts = [{"text": ""}]
        if not parts:
            continue
        kept = kept_for(NAME, message.metadata)
        joins = kept.pop(RAW, {}).get(_JOINS, _joins(of, before))
        role = "model" if of == "model" else "user"
        if joins and contents and contents[-1]["role"] == role:
            contents[-1]["parts"].extend(parts)
        else:
            contents.append({"role": role, "parts": parts, **kept})
        before = of
    return contents
