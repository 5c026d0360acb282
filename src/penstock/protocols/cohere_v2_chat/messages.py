"""Cohere's messages: JSON <-> ours.

    system, user    content: text, or a list of texts and images
    assistant       content: texts and thinking; tool_plan; tool_calls; citations
    tool            tool_call_id; content: text, or a list of texts and documents

A plan of which tools to call is reasoning with a mark. A tool's document is, for others, a text of
JSON; its name and title (``id``, ``title``) have no place there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from penstock.errors import InvalidRequest
from penstock.protocols import data_url, json
from penstock.protocols.cohere_v2_chat.citations import citations_of, cited
from penstock.protocols.cohere_v2_chat.names import NAME
from penstock.protocols.cohere_v2_chat.plan import PLAN, PLANNED, is_plan
from penstock.protocols.kept import beside, keep, kept_for, rest
from penstock.protocols.loss import RAW
from penstock.types import (
    ImagePart,
    Message,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

_ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_DOCUMENT = "document"


def decode_message(value: Mapping[str, Any], where: str) -> Message:
    """One message. Raises ``InvalidRequest`` naming the field."""
    role = value.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        known = "system, user, assistant or tool"
        raise InvalidRequest(f"{where}.role is {role!r}: use {known}", param=where + ".role")
    parts = _content(value.get("content"), where + ".content")
    match role:
        case "tool":
            id = _string(value, "tool_call_id", where)
            others = beside(value, "role", "content", "tool_call_id")
            return Message("tool", (ToolResultPart(id, tuple(parts)),), keep(NAME, others))
        case "assistant":
            return _said(value, parts, where)
        case _:
            others = beside(value, "role", "content")
            return Message(_ROLES[role], tuple(parts), keep(NAME, others))


def _said(value: Mapping[str, Any], parts: list[Part], where: str) -> Message:
    others = beside(value, "role", "content", PLAN, "tool_calls", "citations")
    citations = _list(value, "citations", where)
    if citations and not _attach(parts, citations):
        others["citations"] = citations
    if plan := _string(value, PLAN, where):
        parts.append(ReasoningPart(plan, metadata=PLANNED))
    for number, call in enumerate(_list(value, "tool_calls", where)):
        parts.append(_call(call, f"{where}.tool_calls[{number}]"))
    return Message("assistant", tuple(parts), keep(NAME, others))


def _attach(parts: list[Part], citations: list[Any]) -> bool:
    """Put the citations to the first text, in the order in which they came."""
    for place, part in enumerate(parts):
        if isinstance(part, TextPart):
            kept = kept_for(NAME, part.metadata)
            metadata = cited(citations)
            parts[place] = TextPart(part.text, {**metadata, NAME: {**kept, **metadata[NAME]}})
            return True
    return False


def _content(content: Any, where: str) -> list[Part]:
    if content is None:
        return []
    if isinstance(content, str):
        return [TextPart(content)]
    if not isinstance(content, list):
        raise InvalidRequest(f"{where} must be a string or a list of parts", param=where)
    return [_part(part, f"{where}[{i}]") for i, part in enumerate(content)]


def _part(part: Any, where: str) -> Part:
    if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
        raise InvalidRequest(f"{where} must be an object with a type", param=where)
    kind = part["type"]
    inner: Any = part.get(kind)
    others = beside(part, "type", kind)
    match kind, inner:
        case "text", str():
            return TextPart(inner, keep(NAME, others))
        case "thinking", str():
            return ReasoningPart(inner, metadata=keep(NAME, others))
        case "image_url", {"url": str(url)}:
            media_type, data = data_url.split(url)
            if more := rest(inner, "url"):
                others[kind] = more
            return ImagePart("" if data else url, data, media_type, keep(NAME, others))
        case "document", {"data": data}:
            text = data if isinstance(data, str) else json.encode(data).decode()
            about = {_DOCUMENT: more} if (more := rest(inner, "data")) else {}
            return TextPart(text, {NAME: {RAW: {_DOCUMENT: dict(part)}, **about}})
        case (("text" | "thinking" | "image_url" | "document"), _):
            raise InvalidRequest(f"{where}.{kind} is missing or wrong", param=f"{where}.{kind}")
        case _:
            return OpaquePart(NAME, dict(part))


def _call(call: Any, where: str) -> ToolCallPart:
    function = call.get("function") if isinstance(call, Mapping) else None
    where += ".function"
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise InvalidRequest(f"{where}.name is missing", param=f"{where}.name")
    arguments = function.get("arguments")
    if not isinstance(arguments, str | None):
        raise InvalidRequest(f"{where}.arguments must be a string", param=f"{where}.arguments")
    others = beside(call, "id", "type", "function")
    if inner := rest(function, "name", "arguments"):
        others["function"] = inner
    id = call.get("id")
    return ToolCallPart(
        id if isinstance(id, str) else "", function["name"], arguments or "", keep(NAME, others)
    )


def _string(value: Mapping[str, Any], key: str, where: str) -> str:
    said = value.get(key)
    if not isinstance(said, str | None):
        raise InvalidRequest(f"{where}.{key} must be a string", param=f"{where}.{key}")
    return said or ""


def _list(value: Mapping[str, Any], key: str, where: str) -> list[Any]:
    said = value.get(key)
    if not isinstance(said, list | None):
        raise InvalidRequest(f"{where}.{key} must be a list", param=f"{where}.{key}")
    return said or []


def encode_message(message: Message) -> Iterator[dict[str, Any]]:
    """The messages that say it: each tool's answer is one of its own."""
    kept = kept_for(NAME, message.metadata)
    said: list[Part] = []
    for part in message.content:
        if isinstance(part, ToolResultPart):
            content = _plain(part.content, of_tool=True)
            yield {"role": "tool", "tool_call_id": part.id, "content": content, **kept}
        else:
            said.append(part)
    if message.role == "assistant":
        yield {"role": "assistant", **encode_said(said, plain=True), **kept}
    elif said or message.role != "tool":
        role = {"developer": "system", "tool": "user"}.get(message.role, message.role)
        content = _plain(said)
        if content or role != "system":  # instructions that only another service understands
            yield {"role": role, "content": content, **kept}


def encode_said(parts: Iterable[Part], plain: bool = False) -> dict[str, Any]:
    """What an assistant says, its role aside; ``plain``: a text alone is not put in a list."""
    parts = tuple(parts)
    spoken = [part for part in parts if not _is_apart(part)]
    value: dict[str, Any] = {}
    if spoken:
        value["content"] = _plain(spoken) if plain else list(_blocks(spoken))
    if plan := "".join(p.text for p in parts if isinstance(p, ReasoningPart) and _is_apart(p)):
        value[PLAN] = plan
    if calls := [_encode_call(part) for part in parts if isinstance(part, ToolCallPart)]:
        value["tool_calls"] = calls
    if citations := list(_citations(spoken)):
        value["citations"] = citations
    return value if value or not plain else {"content": ""}


def _is_apart(part: Part) -> bool:
    """Whether a part has a place of its own, not in the content."""
    match part:
        case ReasoningPart(text, _, metadata):
            return is_plan(metadata) or not text
        case ToolCallPart():
            return True
        case _:
            return False


def _citations(parts: Iterable[Part]) -> Iterator[Any]:
    for number, part in enumerate(parts):
        if isinstance(part, TextPart):
            yield from citations_of(part.metadata, part.text, number)


def _plain(parts: Iterable[Part], of_tool: bool = False) -> str | list[dict[str, Any]]:
    """Content as short as it can be said."""
    match blocks := list(_blocks(parts, of_tool)):
        case []:
            return ""
        case [{"type": "text", "text": str(text), **others}] if not others:
            return text
        case _:
            return blocks


def _blocks(parts: Iterable[Part], of_tool: bool = False) -> Iterator[dict[str, Any]]:
    """The content's items; what Cohere has no place for is left out."""
    for part in parts:
        kept = kept_for(NAME, getattr(part, "metadata", None))
        match part:
            case TextPart(text):
                yield _encode_text(text, kept)
            case RefusalPart(text):
                yield {"type": "text", "text": text}
            case ReasoningPart(text):
                yield {"type": "thinking", "thinking": text, **kept}
            case ImagePart(url, data, media_type) if not of_tool:
                source = data_url.join(media_type or "image/png", data) if data else url
                inner = {"url": source, **kept.pop("image_url", {})}
                yield {"type": "image_url", "image_url": inner, **kept}
            case OpaquePart(protocol, value) if protocol == NAME:
                yield dict(value)
            case _:
                pass


def _encode_text(text: str, kept: dict[str, Any]) -> dict[str, Any]:
    raw = kept.pop(RAW, None)
    if isinstance(raw, Mapping) and isinstance(raw.get(_DOCUMENT), Mapping):
        return dict(raw[_DOCUMENT])
    if not text and isinstance(kept.get("block"), Mapping):
        return dict(kept["block"])
    return {"type": "text", "text": text, **rest(kept, "citations", "logprobs")}


def _encode_call(part: ToolCallPart) -> dict[str, Any]:
    kept = kept_for(NAME, part.metadata)
    arguments = part.arguments if part.arguments.strip() else "{}"
    function = {"name": part.name, "arguments": arguments, **kept.pop("function", {})}
    return {"id": part.id, "type": "function", "function": function, **kept}
