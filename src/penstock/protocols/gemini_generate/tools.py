"""Gemini's tools and the choice among them -> ours and back.

One tool object may declare several functions and several of Google's own tools; each is a tool of
its own here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from penstock.errors import InvalidRequest
from penstock.protocols.functions import is_foreign, known_to
from penstock.protocols.gemini_generate.schema import to_json_schema
from penstock.protocols.gemini_generate.words import NAME, in_camel, many
from penstock.protocols.kept import beside, keep, kept_for, rest
from penstock.protocols.loss import RAW
from penstock.types import ChatRequest, Tool

_FUNCTIONS = "functionDeclarations"
_MODES = {"AUTO": "auto", "ANY": "required", "NONE": "none"}
_MODES_BACK = {ours: theirs for theirs, ours in _MODES.items()}


def decode_tools(values: Any) -> Iterator[Tool]:
    """The tools of a request. Raises ``InvalidRequest`` naming the field."""
    for number, value in enumerate(many(values)):
        where = f"tools[{number}]"
        if not isinstance(value, Mapping):
            raise InvalidRequest(f"{where} must be an object", param=where)
        for key, said in in_camel(value).items():
            if key != _FUNCTIONS:
                yield Tool(key, metadata={NAME: {"tool": {key: said}}})
                continue
            for place, function in enumerate(many(said)):
                yield _decode_function(function, f"{where}.{_FUNCTIONS}[{place}]")


def _decode_function(value: Any, where: str) -> Tool:
    function = in_camel(value) if isinstance(value, Mapping) else {}
    name, description = function.get("name"), function.get("description", "")
    if not isinstance(name, str):
        raise InvalidRequest(f"{where}.name is missing", param=f"{where}.name")
    if not isinstance(description, str):
        raise InvalidRequest(f"{where}.description must be a string", param=f"{where}.description")
    kept = beside(function, "name", "description", "parameters", "parametersJsonSchema")
    key = "parameters" if "parameters" in function else "parametersJsonSchema"
    schema = function.get(key)
    if not isinstance(schema, Mapping | None):
        raise InvalidRequest(f"{where}.{key} must be an object", param=f"{where}.{key}")
    if key == "parameters":
        kept[RAW] = {"parameters": schema}
        schema = to_json_schema(schema)
    return Tool(name, description, schema, keep(NAME, kept))


def _is_google_s(tool: Tool) -> bool:
    own = kept_for(NAME, tool.metadata).get("tool")
    return tool.parameters is None and isinstance(own, Mapping)


def encode_tools(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """The tool objects: all functions in one, each of Google's own in one. Those that another
    service runs are left out."""
    said: list[dict[str, Any]] = []
    functions: list[dict[str, Any]] = []
    for tool in tools:
        if _is_google_s(tool):
            said.append(dict(kept_for(NAME, tool.metadata)["tool"]))
        elif not is_foreign(NAME, tool):
            if not functions:
                said.append({_FUNCTIONS: functions})
            functions.append(_encode_function(tool))
    return said


def _encode_function(tool: Tool) -> dict[str, Any]:
    kept = kept_for(NAME, tool.metadata)
    as_said = kept.pop(RAW, {}).get("parameters")
    value: dict[str, Any] = {"name": tool.name}
    if tool.description:
        value["description"] = tool.description
    if as_said is not None and to_json_schema(as_said) == tool.parameters:
        value["parameters"] = as_said
    elif tool.parameters is not None:
        value["parametersJsonSchema"] = tool.parameters
    return {**value, **kept}


Choice = str | dict[str, Any] | None


def decode_choice(config: Mapping[str, Any]) -> tuple[Choice, dict[str, Any]]:
    """The choice among the tools, and what else a tool config says."""
    others = in_camel(config)
    calling = others.get("functionCallingConfig")
    if not isinstance(calling, Mapping):
        return None, others
    calling = in_camel(calling)
    choice = _choice(calling)
    if choice is not None:
        del calling["mode"]
    if isinstance(choice, dict):
        del calling["allowedFunctionNames"]
    more = {"functionCallingConfig": calling} if calling else {}
    return choice, rest(others, "functionCallingConfig") | more


def _choice(calling: Mapping[str, Any]) -> Choice:
    mode = calling.get("mode")
    if not isinstance(mode, str):
        return None
    match mode.upper(), calling.get("allowedFunctionNames"):
        case "ANY", [str(name)]:
            return {"name": name}
        case known, _:
            return _MODES.get(known)


def can_choose(request: ChatRequest) -> bool:
    """Whether the function that must be called, or any at all, is there to be called."""
    names = [tool.name for tool in known_to(NAME, request.tools) if not _is_google_s(tool)]
    choice = request.tool_choice
    name = choice.get("name") if isinstance(choice, Mapping) else None
    return bool(names) and (name is None or name in names)


def encode_choice(choice: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """The function calling config that says a choice; empty where there is none to say."""
    match choice:
        case {"name": str(name), **more} if not more:
            return {"mode": "ANY", "allowedFunctionNames": [name]}
        case str() if choice in _MODES_BACK:
            return {"mode": _MODES_BACK[choice]}
        case _:
            return {}
