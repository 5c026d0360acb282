"""Cohere's tools: functions in OpenAI chat's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.errors import InvalidRequest
from penstock.protocols.cohere_v2_chat.names import NAME
from penstock.protocols.kept import keep, kept_for, rest
from penstock.protocols.loss import RAW
from penstock.types import Tool


def decode_tool(tool: Mapping[str, Any], where: str) -> Tool:
    """A tool. Raises ``InvalidRequest`` naming the field."""
    kind = tool.get("type", "function")
    if not isinstance(kind, str):
        raise InvalidRequest(f"{where}.type must be a string", param=f"{where}.type")
    if kind != "function":
        return Tool(str(tool.get("name") or kind), metadata={NAME: {"tool": dict(tool)}})
    where += ".function"
    function = tool.get("function")
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise InvalidRequest(f"{where}.name is missing", param=f"{where}.name")
    description, parameters = function.get("description"), function.get("parameters")
    if not isinstance(description, str | None):
        raise InvalidRequest(f"{where}.description must be a string", param=f"{where}.description")
    if not isinstance(parameters, Mapping | None):
        raise InvalidRequest(f"{where}.parameters must be an object", param=f"{where}.parameters")
    others = rest(tool, "type", "function")
    if inner := rest(function, "name", "description", "parameters"):
        others["function"] = inner
    if "description" in function and not description:
        others[RAW] = {"description": description}
    return Tool(function["name"], description or "", parameters, keep(NAME, others))


def encode_tool(tool: Tool) -> dict[str, Any]:
    """A tool as JSON values; it has parameters, though none were said."""
    kept = kept_for(NAME, tool.metadata)
    if isinstance(kept.get("tool"), Mapping):
        return dict(kept["tool"])
    function: dict[str, Any] = {"name": tool.name, **kept.pop(RAW, {})}
    if tool.description:
        function["description"] = tool.description
    schema = {"type": "object", "properties": {}} if tool.parameters is None else tool.parameters
    function["parameters"] = schema
    return {"type": "function", "function": function | kept.pop("function", {}), **kept}


def is_foreign(tool: Tool) -> bool:
    """Whether only another protocol knows this tool, which its own service runs."""
    others = {key: kept for key, kept in (tool.metadata or {}).items() if key != NAME}
    return tool.parameters is None and any(
        isinstance(kept, Mapping) and "tool" in kept for kept in others.values()
    )
