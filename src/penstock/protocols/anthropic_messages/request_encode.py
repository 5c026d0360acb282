"""Anthropic's requests: ``ChatRequest`` -> JSON body; what was not said is not there.

Adjacent messages of one role become one turn, as the service itself would have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.errors import InvalidRequest
from penstock.protocols.anthropic_messages.citations import NAME
from penstock.protocols.anthropic_messages.request_decode import IN_PLACE
from penstock.protocols.anthropic_messages.unsaid import text_of, told
from penstock.protocols.anthropic_messages.wishes import encode_wishes
from penstock.protocols.functions import arguments_of, known_to
from penstock.protocols.kept import kept_for
from penstock.protocols.loss import RAW
from penstock.types import (
    CACHE,
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

_CHOICES_BACK = {"auto": "auto", "required": "any", "none": "none"}


def encode_request(request: ChatRequest) -> dict[str, Any]:
    """The JSON body that asks it, as far as Anthropic can be told."""
    request, _ = told(request)
    messages = [m for m in request.messages if not _stands_before(m) and _is_turn(m, request)]
    if not messages:
        message = "messages holds nothing that Anthropic can be told: send a user's words"
        raise InvalidRequest(message, param="messages")
    body: dict[str, Any] = {"model": request.model, "messages": _encode_messages(messages)}
    before = [part for m in request.messages if _stands_before(m) for part in m.content]
    if system := _encode_content(before):
        body["system"] = system
    if request.stream:
        body["stream"] = True
    for name in ("temperature", "top_p", "top_k"):
        if (value := getattr(request, name)) is not None:
            body[name] = value
    if request.stop is not None:
        body["stop_sequences"] = list(request.stop)
    if tools := [_encode_tool(tool) for tool in known_to(NAME, request.tools)]:
        body["tools"] = tools
    if choice := _encode_choice(request, bool(tools)):
        body["tool_choice"] = choice
    body |= encode_wishes(request)
    return body | (dict(request.extra) if request.protocol in ("", NAME) else {})


def _stands_before(message: Message) -> bool:
    is_system = message.role in ("system", "developer")
    return is_system and IN_PLACE not in kept_for(NAME, message.metadata).get(RAW, {})


def _is_turn(message: Message, request: ChatRequest) -> bool:
    """Anthropic refuses turns that say nothing; its own callers may mean an empty one to be
    filled."""
    is_meant = request.protocol == NAME and not message.content
    return is_meant or any(map(_is_worth_saying, message.content))


def _encode_messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    turns: list[tuple[str, list[Part], dict[str, Any]]] = []
    for message in messages:
        role = "user" if message.role == "tool" else message.role
        kept = kept_for(NAME, message.metadata)
        apart = bool(kept.pop(RAW, {}))
        if turns and turns[-1][0] == role and not apart:
            turns[-1][1].extend(message.content)
            turns[-1][2].update(kept)
        else:
            turns.append((role, list(message.content), kept))
    return [
        {"role": role, "content": _encode_content(parts), **kept} for role, parts, kept in turns
    ]


def _encode_content(parts: Iterable[Part]) -> str | list[dict[str, Any]]:
    match tuple(parts):
        case (TextPart(text, metadata),) if text and not _beside(metadata):
            return text
        case several:
            return encode_blocks(part for part in several if _is_worth_saying(part))


def _is_worth_saying(part: Part) -> bool:
    """Anthropic refuses empty texts, and thinking that it has not signed; it hears no sound."""
    match part:
        case TextPart(text, metadata):
            return bool(text or kept_for(NAME, metadata))
        case RefusalPart(text):
            return bool(text)
        case ReasoningPart(_, signature, metadata):
            return bool(signature or kept_for(NAME, metadata))
        case AudioPart():
            return False
        case OpaquePart(protocol):
            return protocol == NAME
        case _:
            return True


def encode_blocks(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """The content blocks of a message. Raises ``InvalidRequest`` for what has no place there."""
    return [_encode_part(part) for part in parts]


def _encode_part(part: Part) -> dict[str, Any]:
    kept = _beside(getattr(part, "metadata", None))
    match part:
        case TextPart("") if isinstance(kept.get("block"), Mapping):
            return dict(kept["block"])
        case TextPart(text) | RefusalPart(text):
            return {"type": "text", "text": text, **kept}
        case ReasoningPart("", "") if "redacted_thinking" in kept:
            data = kept.pop("redacted_thinking")
            return {"type": "redacted_thinking", "data": data, **kept}
        case ReasoningPart(text, signature):
            return {"type": "thinking", "thinking": text, "signature": signature, **kept}
        case ToolCallPart(id, name, arguments):
            input = arguments_of(arguments)
            return {"type": "tool_use", "id": id, "name": name, "input": input, **kept}
        case ToolResultPart(id, content):
            value: dict[str, Any] = {"type": "tool_result", "tool_use_id": id}
            if said := _encode_content(content):
                value["content"] = said
            return value | ({"is_error": True} if part.is_error else {}) | kept
        case ImagePart(url, data, media_type):
            source = _base64(data, media_type) if data else {"type": "url", "url": url}
            return {"type": "image", "source": source, **kept}
        case FilePart(name=name):
            titled = {"title": name} if name else {}
            return {"type": "document", "source": _source(part), **titled, **kept}
        case OpaquePart(protocol, opaque) if protocol == NAME:
            return dict(opaque)
        case _:
            kind = type(part).__name__
            raise InvalidRequest(f"Anthropic has no place for a {kind} in a message's content")


def _source(part: FilePart) -> dict[str, Any]:
    """Where a document is; Anthropic takes plain text as text."""
    is_text = part.data and part.media_type == "text/plain"
    if is_text and (text := text_of(part.data)) is not None:
        return {"type": "text", "media_type": "text/plain", "data": text}
    if part.data:
        return _base64(part.data, part.media_type or "application/pdf")
    return {"type": "url", "url": part.url} if part.url else {"type": "file", "file_id": part.id}


def _base64(data: str, media_type: str) -> dict[str, Any]:
    return {"type": "base64", "media_type": media_type, "data": data}


def _encode_tool(tool: Tool) -> dict[str, Any]:
    kept = _beside(tool.metadata)
    if tool.parameters is None and isinstance(kept.get("tool"), Mapping):
        return dict(kept["tool"])
    value: dict[str, Any] = {"name": tool.name}
    if tool.description:
        value["description"] = tool.description
    schema = {"type": "object", "properties": {}} if tool.parameters is None else tool.parameters
    return {**value, "input_schema": schema, **kept}


def _encode_choice(request: ChatRequest, has_tools: bool) -> dict[str, Any] | None:
    chosen, parallel = _chosen(request), request.parallel_tool_calls
    if chosen is None and parallel is False:
        chosen = {"type": "auto"}
    speaks_of_tools = has_tools or request.protocol == NAME
    if chosen is None or not (speaks_of_tools or chosen is request.tool_choice):
        return None
    if parallel is None or not speaks_of_tools or chosen.get("type") == "none":
        return dict(chosen)
    return {**chosen, "disable_parallel_tool_use": not parallel}


def _chosen(request: ChatRequest) -> Mapping[str, Any] | None:
    match request.tool_choice:
        case str(choice):
            if choice not in _CHOICES_BACK:
                message = f"tool_choice is {choice!r}: use auto, none, required or a name"
                raise InvalidRequest(message, param="tool_choice")
            return {"type": _CHOICES_BACK[choice]}
        case {"name": name, **more} if not more:
            return {"type": "tool", "name": name}
        case choice:
            return choice if request.protocol in ("", NAME) else None


def _beside(metadata: Metadata | None) -> dict[str, Any]:
    """What stands beside a part's own keys: what was kept of it, and its cache mark."""
    kept = kept_for(NAME, metadata)
    kept |= kept.pop(RAW, {})
    if metadata and CACHE in metadata:
        kept["cache_control"] = metadata[CACHE]
    return kept
