"""Functions that a model may call, in the shape of OpenAI chat that others took over, and what
several protocols want of a call: its arguments as an object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from penstock.errors import InvalidRequest
from penstock.protocols import json
from penstock.protocols.kept import beside, keep, kept_for, rest
from penstock.protocols.loss import RAW
from penstock.types import Tool

NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}
"""The schema of a function without parameters, where a service wants one."""


def decode_tool(name: str, tool: Mapping[str, Any], where: str) -> Tool:
    """A tool in OpenAI chat's shape, what only the protocol ``name`` says of it kept. Raises
    ``InvalidRequest`` naming the field."""
    kind = tool.get("type", "function")
    if not isinstance(kind, str):
        raise InvalidRequest(f"{where}.type must be a string", param=f"{where}.type")
    if kind != "function":
        return Tool(str(tool.get("name") or kind), metadata={name: {"tool": dict(tool)}})
    where += ".function"
    function = tool.get("function")
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise InvalidRequest(f"{where}.name is missing", param=f"{where}.name")
    description, parameters = function.get("description"), function.get("parameters")
    if not isinstance(description, str | None):
        raise InvalidRequest(f"{where}.description must be a string", param=f"{where}.description")
    if not isinstance(parameters, Mapping | None):
        raise InvalidRequest(f"{where}.parameters must be an object", param=f"{where}.parameters")
    kept = _kept(tool, function)
    mark = kept.get("cache_control")
    cache = kept.pop("cache_control") if mark and isinstance(mark, Mapping) else None
    return Tool(function["name"], description or "", parameters, keep(name, kept, cache=cache))


def _kept(tool: Mapping[str, Any], function: Mapping[str, Any]) -> dict[str, Any]:
    """What is said beyond our own words, of the tool and of its function."""
    kept = beside(tool, "type", "function")
    if inner := rest(function, "name", "description", "parameters"):
        kept["function"] = inner
    if "description" in function and not function["description"]:
        kept[RAW] = {"description": function["description"]}
    return kept


def encode_tool(name: str, tool: Tool, marks: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A tool as the protocol ``name`` says it; ``marks`` stand beside the function."""
    kept = kept_for(name, tool.metadata)
    if tool.parameters is None and isinstance(kept.get("tool"), Mapping):
        return dict(kept["tool"])
    function: dict[str, Any] = {"name": tool.name, **kept.pop(RAW, {})}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    function |= kept.pop("function", {})
    return {"type": "function", "function": function, **kept, **(marks or {})}


def whole(tool: Tool) -> Tool:
    """The tool with a schema of its parameters, though it has none, for services that want one."""
    is_function = tool.parameters is None and not _is_service_s(tool)
    return replace(tool, parameters=NO_PARAMETERS) if is_function else tool


def _is_service_s(tool: Tool) -> bool:
    kept = (tool.metadata or {}).values()
    return any(isinstance(said, Mapping) and "tool" in said for said in kept)


def known_to(name: str, tools: Iterable[Tool]) -> Iterator[Tool]:
    """The tools but those that only a protocol other than ``name`` knows, whose own services run
    them."""
    return (tool for tool in tools if not is_foreign(name, tool))


def is_foreign(name: str, tool: Tool) -> bool:
    """Whether only a protocol other than ``name`` knows this tool, which its own service runs."""
    others = (kept for protocol, kept in (tool.metadata or {}).items() if protocol != name)
    return tool.parameters is None and any(
        isinstance(kept, Mapping) and "tool" in kept for kept in others
    )


def as_object(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is; ``None`` where it is none (yet)."""
    try:
        value = json.loads(text.encode(errors="surrogatepass"))
    except json.UNREADABLE:
        return None
    return value if isinstance(value, dict) else None


def arguments_of(text: str) -> dict[str, Any]:
    """A call's arguments as an object. Those that are none are wrapped as Anthropic advises, so
    that nothing is lost:
    https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming."""
    if text.strip() in ("", "null"):
        return {}
    value = as_object(text)
    return {"INVALID_JSON": text} if value is None else value
