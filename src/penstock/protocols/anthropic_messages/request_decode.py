"""Anthropic's requests: JSON body -> ``ChatRequest``.

With request_encode.py the identity on what a body means. A key without a field of its own stays:
of the body in ``extra``, of a message, block or tool in its ``metadata`` under this protocol's
name. A user turn that begins with tool results becomes a ``tool`` message and a ``user`` message
with the rest.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from msgspec import Struct

from penstock.errors import InvalidRequest
from penstock.protocols import json
from penstock.protocols.anthropic_messages.citations import NAME, keep_citations
from penstock.protocols.kept import beside, keep, rest
from penstock.protocols.loss import RAW
from penstock.protocols.request_body import read_body
from penstock.types import (
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    Metadata,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)

DEFAULT_MAX_TOKENS = 4096
"""Anthropic wants a limit in every request; this one holds where the caller said none."""

APART = "apart"
"""Marks a message that is a turn of its own though the one before it has the same role."""
IN_PLACE = "in_place"
"""Marks a system message that stands among the messages, not before them."""

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


class _Body(Struct):
    """The fields that are understood, with their types."""

    messages: list[dict[str, Any]]
    model: str = ""
    max_tokens: int | None = None
    system: str | list[dict[str, Any]] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: dict[str, Any] | None = None
    thinking: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None
    output_format: dict[str, Any] | None = None


_KNOWN = frozenset(_Body.__struct_fields__)
_WISHES = ("thinking", "output_config", "output_format")


def decode_request(body: Mapping[str, Any]) -> ChatRequest:
    """The question in a JSON body. Raises ``InvalidRequest`` naming the field."""
    known = read_body(body, _Body)
    if not known.messages:
        raise InvalidRequest("messages is empty: send at least one", param="messages")
    choice, parallel = _decode_choice(known.tool_choice)
    stop = known.stop_sequences
    effort, budget, form, wishes = _decode_wishes(known)
    return ChatRequest(
        model=known.model,
        messages=(*_decode_system(known.system), *_decode_messages(known.messages)),
        stream=bool(known.stream),
        temperature=known.temperature,
        top_p=known.top_p,
        top_k=known.top_k,
        max_tokens=known.max_tokens,
        stop=None if stop is None else tuple(stop),
        tools=tuple(_decode_tool(tool, f"tools[{i}]") for i, tool in enumerate(known.tools or ())),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        response_format=form,
        reasoning_effort=effort,
        reasoning_budget=budget,
        protocol=NAME,
        extra=rest(body, *_KNOWN),
        metadata=keep(NAME, wishes),
    )


def _decode_wishes(
    known: _Body,
) -> tuple[str | None, int | None, dict[str, Any] | None, dict[str, Any]]:
    """Effort, budget and form, and how the caller said them."""
    thinking, config = known.thinking or {}, known.output_config or {}
    effort, budget = config.get("effort"), thinking.get("budget_tokens")
    match thinking.get("type"):
        case "disabled":
            effort = "none"
        case "adaptive":
            budget = -1
    form = _decode_form(known.output_format or config.get("format"))
    raw = {name: said for name in _WISHES if (said := getattr(known, name)) is not None}
    more = rest(thinking, "type", "budget_tokens") | rest(config, "effort", "format")
    wishes = {f"thinking.{key}": value for key, value in more.items()}
    return (
        effort if isinstance(effort, str) else None,
        budget if type(budget) is int else None,
        form,
        {**wishes, RAW: raw} if raw else {},
    )


def _decode_form(form: Any) -> dict[str, Any] | None:
    match form:
        case {"type": "json_schema", "schema": Mapping() as schema}:
            return {"type": "json_schema", "json_schema": {"schema": schema}}
        case _:
            return None


def _decode_system(system: str | list[dict[str, Any]] | None) -> Iterator[Message]:
    if system:
        yield Message("system", _decode_content(system, "system"))


def _decode_messages(values: Iterable[Mapping[str, Any]]) -> Iterator[Message]:
    before = None
    for i, value in enumerate(values):
        where, role = f"messages[{i}]", value.get("role")
        if role not in ("user", "assistant", "system"):
            raise InvalidRequest(
                f"{where}.role is {role!r}: use user or assistant", param=where + ".role"
            )
        parts = _decode_content(value.get("content"), where + ".content")
        kept = beside(value, "role", "content")
        if role == "system":
            kept[RAW] = {IN_PLACE: True}
        elif role == before:
            kept[RAW] = {APART: True}
        before = role
        if role != "user":
            yield Message(role, parts, keep(NAME, kept))
            continue
        runs = groupby(parts, lambda part: isinstance(part, ToolResultPart))
        split = [("tool" if are_results else "user", tuple(run)) for are_results, run in runs]
        for of, run in split or [("user", ())]:
            yield Message("tool" if of == "tool" else "user", run, keep(NAME, kept))
            kept = {}


def _decode_content(content: Any, where: str) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (TextPart(content),)
    if not isinstance(content, list):
        raise InvalidRequest(f"{where} must be a string or a list of blocks", param=where)
    return tuple(_decode_block(block, f"{where}[{i}]") for i, block in enumerate(content))


def _decode_block(block: Any, where: str) -> Part:
    if not isinstance(block, Mapping) or not isinstance(block.get("type"), str):
        raise InvalidRequest(f"{where} must be an object with a type", param=where)
    match block:
        case {"type": "text", "text": str(text)}:
            return TextPart(text, _text_metadata(block))
        case {"type": "thinking", "thinking": str(text), **more}:
            signature = str(more.get("signature") or "")
            return ReasoningPart(text, signature, _kept_of(block, "thinking", "signature"))
        case {"type": "redacted_thinking", "data": str(data)}:
            kept = {"redacted_thinking": data, **beside(block, "type", "data")}
            return ReasoningPart("", "", keep(NAME, kept))
        case {"type": "tool_use", "id": str(id), "name": str(name), "input": {**said}}:
            arguments = json.encode(said).decode()
            return ToolCallPart(id, name, arguments, _kept_of(block, "id", "name", "input"))
        case {"type": "tool_result", "tool_use_id": str(id)}:
            return _decode_result(id, block, where)
        case {"type": "image" | "document", "source": {"type": str()} as source}:
            return _decode_media(block, source)
        case {"type": "text" | "thinking" as kind}:
            missing = f"{where}.{kind}"
        case {"type": "redacted_thinking"}:
            missing = f"{where}.data"
        case {"type": "tool_use", **more}:
            needed = {"id": str, "name": str, "input": Mapping}
            wrong = (key for key, of in needed.items() if not isinstance(more.get(key), of))
            missing = f"{where}.{next(wrong)}"
        case {"type": "tool_result"}:
            missing = f"{where}.tool_use_id"
        case {"type": "image" | "document"}:
            missing = f"{where}.source"
        case _:
            return OpaquePart(NAME, dict(block))
    raise InvalidRequest(f"{missing} is missing or wrong", param=missing)


def _decode_result(id: str, block: Mapping[str, Any], where: str) -> ToolResultPart:
    content, is_error = block.get("content"), block.get("is_error")
    parts = () if content is None else _decode_content(content, where + ".content")
    raw = {RAW: {"is_error": is_error}} if "is_error" in block and is_error is not True else {}
    metadata = _kept_of(block, "tool_use_id", "content", "is_error", **raw)
    return ToolResultPart(id, parts, metadata, is_error=is_error is True)


def _decode_media(block: Mapping[str, Any], source: Mapping[str, Any]) -> Part:
    """An image or a document; opaque where it comes in a way that only Anthropic has."""
    is_image = block["type"] == "image"
    title = "" if is_image else block.get("title")
    name = title if isinstance(title, str) else ""
    metadata = _kept_of(block, "source", *(("title",) if name else ()))
    match source:
        case {"type": "base64", "data": str(data), "media_type": str(media), **more} if not more:
            if is_image:
                return ImagePart("", data, media, metadata)
            return FilePart(data, media, name, "", metadata)
        case {"type": "url", "url": str(url), **more} if not more:
            return (
                ImagePart(url, metadata=metadata)
                if is_image
                else FilePart("", "", name, "", metadata, url)
            )
        case {"type": "file", "file_id": str(id), **more} if not more and not is_image:
            return FilePart("", "", name, id, metadata)
        case {"type": "text", "data": str(text), "media_type": "text/plain", **more} if not more:
            data = b64encode(text.encode("utf-8", "replace")).decode()
            return FilePart(data, "text/plain", name, "", metadata)
        case _:
            return OpaquePart(NAME, dict(block))


def _decode_tool(tool: Mapping[str, Any], where: str) -> Tool:
    kind, name = tool.get("type"), tool.get("name")
    if not isinstance(kind, str | None):
        raise InvalidRequest(f"{where}.type must be a string", param=f"{where}.type")
    if kind not in (None, "custom"):
        return Tool(str(name or kind), metadata={NAME: {"tool": dict(tool)}})
    if not isinstance(name, str):
        raise InvalidRequest(f"{where}.name is missing", param=f"{where}.name")
    description, schema = tool.get("description"), tool.get("input_schema")
    if not isinstance(description, str | None):
        raise InvalidRequest(f"{where}.description must be a string", param=f"{where}.description")
    if not isinstance(schema, Mapping):
        field = f"{where}.input_schema"
        raise InvalidRequest(f"{field} must be an object", param=field)
    kept = beside(tool, "name", "input_schema")
    if description:
        del kept["description"]
    return Tool(name, description or "", schema, keep(NAME, kept))


def _decode_choice(
    choice: dict[str, Any] | None,
) -> tuple[str | dict[str, Any] | None, bool | None]:
    """The choice, and whether several tools may be called at once."""
    if choice is None:
        return None, None
    said = dict(choice)
    alone = said.pop("disable_parallel_tool_use", None)
    parallel = None if alone is None else not alone
    match said:
        case {"type": str(kind), **more} if kind in _CHOICES and not more:
            return _CHOICES[kind], parallel
        case {"type": "tool", "name": str(name), **more} if not more:
            return {"name": name}, parallel
        case {"type": str()}:
            return said, parallel
        case _:
            raise InvalidRequest("tool_choice.type is missing", param="tool_choice.type")


def _kept_of(block: Mapping[str, Any], *known: str, **raw: Any) -> Metadata | None:
    """What a block says beyond our own words for it."""
    kept = beside(block, "type", *known) | raw
    return keep(NAME, kept, cache=_pop_cache(kept))


def _pop_cache(kept: dict[str, Any]) -> Any:
    """The cache mark among these keys, taken out of them."""
    mark = kept.get("cache_control")
    return kept.pop("cache_control") if mark and isinstance(mark, Mapping) else None


def _text_metadata(block: Mapping[str, Any]) -> Metadata | None:
    kept = beside(block, "type", "text")
    cache = _pop_cache(kept)
    return keep_citations(kept, cache=cache)
