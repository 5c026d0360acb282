"""Converse's ``toolConfig``: tools, cache points among them, and which of them to call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from penstock.errors import InvalidRequest
from penstock.protocols.bedrock_converse.blocks import NAME, cache_mark, cache_point
from penstock.protocols.functions import is_foreign
from penstock.protocols.kept import beside, keep, kept_for
from penstock.protocols.loss import RAW
from penstock.types import CACHE, ChatRequest, Tool

Choice = str | Mapping[str, Any] | None


def decode_tools(value: Any) -> tuple[Tool, ...]:
    """The tools; a ``cachePoint`` marks the one before it. Raises ``InvalidRequest``."""
    where = "toolConfig.tools"
    if not isinstance(value, list):
        raise InvalidRequest(f"{where} must be a list", param=where)
    tools: list[Tool] = []
    for i, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise InvalidRequest(f"{where}[{i}] must be an object", param=f"{where}[{i}]")
        mark = cache_mark(item)
        if mark and tools and CACHE not in (tools[-1].metadata or {}):
            metadata = {**(tools[-1].metadata or {}), CACHE: mark}
            tools[-1] = replace(tools[-1], metadata=metadata)
        else:
            tools.append(_decode_tool(item, f"{where}[{i}]"))
    return tuple(tools)


def _decode_tool(item: Mapping[str, Any], where: str) -> Tool:
    spec = item.get("toolSpec")
    if spec is None:
        return Tool(_name_of(item), metadata={NAME: {"tool": dict(item)}})
    schema = spec.get("inputSchema") if isinstance(spec, Mapping) else None
    for key, value, kind in (
        ("", spec, Mapping),
        (".name", spec.get("name") if isinstance(spec, Mapping) else None, str),
        (".inputSchema.json", schema.get("json") if isinstance(schema, Mapping) else None, Mapping),
    ):
        if not isinstance(value, kind):
            field = f"{where}.toolSpec{key}"
            raise InvalidRequest(f"{field} is missing or wrong", param=field)
    description = spec.get("description")
    if not isinstance(description, str | None):
        field = f"{where}.toolSpec.description"
        raise InvalidRequest(f"{field} must be a string", param=field)
    kept = beside(spec, "name", "description", "inputSchema")
    return Tool(spec["name"], description or "", spec["inputSchema"]["json"], keep(NAME, kept))


def _name_of(item: Mapping[str, Any]) -> str:
    """What to call a tool that Bedrock runs itself."""
    kind = next(iter(item), "tool")
    value = item.get(kind)
    name = value.get("name") if isinstance(value, Mapping) else None
    return name if isinstance(name, str) else kind


def decode_choice(value: Any) -> Choice:
    """The choice in neutral words; as it came where there are none for it."""
    where = "toolConfig.toolChoice"
    match value:
        case None:
            return None
        case {"auto": {**said}} if len(value) == 1 and not said:
            return "auto"
        case {"any": {**said}} if len(value) == 1 and not said:
            return "required"
        case {"tool": {"name": str(name), **said}} if len(value) == 1 and not said:
            return {"name": name}
        case {}:
            return dict(value)
        case _:
            raise InvalidRequest(f"{where} must be an object", param=where)


def encode_tools(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """The tools that Bedrock can be told of."""
    return [item for tool in tools for item in _encode_tool(tool)]


def _encode_tool(tool: Tool) -> Iterator[dict[str, Any]]:
    kept = kept_for(NAME, tool.metadata)
    if tool.parameters is None and isinstance(kept.get("tool"), Mapping):
        yield dict(kept["tool"])
    elif is_foreign(NAME, tool):
        return
    else:
        kept.pop(RAW, None)
        described = {"description": tool.description} if tool.description else {}
        schema = tool.parameters
        schema = {"type": "object", "properties": {}} if schema is None else schema
        spec = {"name": tool.name, **described, "inputSchema": {"json": schema}, **kept}
        yield {"toolSpec": spec}
    yield from cache_point(tool.metadata)


def encode_choice(request: ChatRequest) -> dict[str, Any] | None:
    """Which tool to call; ``None`` where nothing was said, or what Converse has no word for."""
    match request.tool_choice:
        case "auto":
            return {"auto": {}}
        case "required":
            return {"any": {}}
        case {"name": str(name), **more} if not more:
            return {"tool": {"name": name}}
        case dict() as value if request.protocol in ("", NAME):
            return dict(value)
        case None | "none" | Mapping():
            return None
        case choice:
            message = f"tool_choice is {choice!r}: use auto, none, required or a name"
            raise InvalidRequest(message, param="tool_choice")
