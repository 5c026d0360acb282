"""Requests to OpenAI Responses: JSON body -> ``ChatRequest`` and back, the identity on what it
means.

A key without a field of its own stays in ``extra``; of ``text``, ``reasoning`` and a
``tool_choice`` that only this protocol has, what has no field of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from penstock.errors import InvalidRequest
from penstock.protocols.effort import effort_for
from penstock.protocols.functions import known_to
from penstock.protocols.kept import keep, rest
from penstock.protocols.openai_responses.citations import is_whole
from penstock.protocols.openai_responses.input import decode_input
from penstock.protocols.openai_responses.items import encode_items
from penstock.protocols.openai_responses.marks import NAME, marked, rest_of, split_marks
from penstock.protocols.openai_responses.unsaid import in_words_of_others, lacks_tools
from penstock.protocols.request_body import read_body
from penstock.types import ChatRequest, Message, TextPart, Tool

CANNOT_ASK = frozenset(
    (
        "audio",
        "cache",
        "frequency_penalty",
        "presence_penalty",
        "reasoning.unsigned",
        "reasoning_budget",
        "seed",
        "stop",
        "tool_result.error",
        "top_k",
    )
)
"""What has no place in a request; a budget to think for becomes an effort."""
EXTENSIONS = frozenset(("reasoning.unsigned",))
"""What of it a service takes all the same, if it said so itself: reasoning in its own words."""

_ELSEWHERE = ("prompt", "previous_response_id", "conversation")
"""Where a request may have its messages, if it has no input."""

_CHOICES = ("auto", "none", "required")
_NO_PARAMETERS = {"type": "object", "properties": {}}
_BODY_SCALARS = ("temperature", "top_p", "parallel_tool_calls")


class _Body(Struct):
    """The fields that are understood, with their types."""

    input: str | list[Any] | None = None
    model: str = ""
    instructions: str | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    parallel_tool_calls: bool | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    text: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None


_KNOWN = _Body.__struct_fields__


def decode_request(body: Mapping[str, Any]) -> ChatRequest:
    """The question in a JSON body. Raises ``InvalidRequest`` naming the field."""
    known = read_body(body, _Body)
    if known.input in (None, []) and not any(body.get(key) for key in _ELSEWHERE):
        raise InvalidRequest("input is missing or empty: say something", param="input")
    extra = rest(body, *_KNOWN)
    return ChatRequest(
        model=known.model,
        messages=(*_decode_instructions(known.instructions), *decode_input(known.input)),
        stream=bool(known.stream),
        temperature=known.temperature,
        top_p=known.top_p,
        max_tokens=known.max_output_tokens,
        tools=tuple(_decode_tool(tool, f"tools[{i}]") for i, tool in enumerate(known.tools or ())),
        tool_choice=_decode_choice(known.tool_choice, extra),
        parallel_tool_calls=known.parallel_tool_calls,
        response_format=_decode_format(known.text, extra),
        reasoning_effort=_decode_effort(known.reasoning, extra),
        protocol=NAME,
        extra=extra,
    )


def _decode_instructions(instructions: str | None) -> Iterator[Message]:
    if instructions:
        kept = keep(NAME, marked({"instructions": True}))
        yield Message("system", (TextPart(instructions),), kept)


def _decode_tool(tool: Mapping[str, Any], where: str) -> Tool:
    kind, name = tool.get("type"), tool.get("name")
    if not isinstance(kind, str):
        raise InvalidRequest(f"{where}.type is missing or wrong", param=f"{where}.type")
    if kind != "function":
        return Tool(str(name or kind), metadata={NAME: {"tool": dict(tool)}})
    if not isinstance(name, str):
        raise InvalidRequest(f"{where}.name is missing", param=f"{where}.name")
    description, schema = tool.get("description"), tool.get("parameters")
    if not isinstance(description, str | None):
        raise InvalidRequest(f"{where}.description must be a string", param=f"{where}.description")
    if not isinstance(schema, Mapping | None):
        raise InvalidRequest(f"{where}.parameters must be an object", param=f"{where}.parameters")
    kept = rest_of(tool, "type", "name", "description", "parameters")
    raw = {}
    if kept.get("strict", True) is False:  # as everywhere else
        raw["strict"] = kept.pop("strict")
    return Tool(name, description or "", schema, keep(NAME, marked(raw, **kept)))


def _decode_choice(
    choice: str | dict[str, Any] | None, extra: dict[str, Any]
) -> str | dict[str, Any] | None:
    match choice:
        case str() if choice not in _CHOICES:
            known = ", ".join(_CHOICES)
            raise InvalidRequest(f"tool_choice is {choice!r}: use {known}", param="tool_choice")
        case {"type": "function", "name": str(name), **more} if not more:
            return {"name": name}
        case {"type": str()}:
            extra["tool_choice"] = choice
            return None
        case {}:
            raise InvalidRequest("tool_choice.type is missing", param="tool_choice.type")
        case _:
            return choice


def _decode_format(text: dict[str, Any] | None, extra: dict[str, Any]) -> dict[str, Any] | None:
    if text is None:
        return None
    form, beside = text.get("format"), rest(text, "format")
    if not isinstance(form, Mapping | None):
        raise InvalidRequest("text.format must be an object", param="text.format")
    found: dict[str, Any] | None = None
    match form:
        case {"type": "text" | "json_object" as kind, **more} if not more:
            found = {"type": kind}
        case {"type": "json_schema", "schema": {**schema}, **more}:
            found = {"type": "json_schema", "json_schema": {**more, "schema": schema}}
        case {"type": "json_schema"}:
            raise InvalidRequest("text.format.schema is missing", param="text.format.schema")
        case Mapping():
            beside["format"] = form
    if beside:
        extra["text"] = beside
    return found


def _decode_effort(reasoning: dict[str, Any] | None, extra: dict[str, Any]) -> str | None:
    if reasoning is None:
        return None
    effort, beside = reasoning.get("effort"), rest(reasoning, "effort")
    if not isinstance(effort, str | None):
        raise InvalidRequest("reasoning.effort must be a string", param="reasoning.effort")
    if beside:
        extra["reasoning"] = beside
    return effort


def encode_request(request: ChatRequest) -> dict[str, Any]:
    """The JSON body that asks it; what was not said is not there."""
    in_our_words = request.protocol in ("", NAME)
    body: dict[str, Any] = dict(request.extra) if in_our_words else {}
    if request.model:
        body["model"] = request.model
    _encode_messages(request, body)
    if request.stream:
        body["stream"] = True
    for name in _BODY_SCALARS:
        if (value := getattr(request, name)) is not None:
            body[name] = value
    if request.max_tokens is not None:
        body["max_output_tokens"] = request.max_tokens
    if tools := [_encode_tool(tool, request) for tool in known_to(NAME, request.tools)]:
        body["tools"] = tools
    _encode_choice(request, body)
    if lacks_tools(request):
        body = rest(body, "tool_choice", "parallel_tool_calls")
    if form := _encode_format(request.response_format):
        body["text"] = {**_object(body.get("text")), "format": form}
    if effort := _effort(request):
        body["reasoning"] = {"effort": effort, **_object(body.get("reasoning"))}
    return body


def _encode_messages(request: ChatRequest, body: dict[str, Any]) -> None:
    instructions = []
    items: list[dict[str, Any]] = []
    for message in request.messages:
        if split_marks(message.metadata)[0].get("instructions"):
            instructions.append(message.text)
        else:
            message = message if request.protocol == NAME else in_words_of_others(message, request)
            items.extend(encode_items(message))
    for item in items:
        _drop_half_citations(item)
    if instructions:
        body["instructions"] = "\n\n".join(instructions)
    if items or not any(body.get(key) for key in _ELSEWHERE):
        body["input"] = items


def _drop_half_citations(item: dict[str, Any]) -> None:
    """OpenAI refuses a link that lacks anything, as other protocols' citations do."""
    content = item.get("content")
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and isinstance(said := part.get("annotations"), list):
            part["annotations"] = [link for link in said if is_whole(link)]


def _encode_tool(tool: Tool, request: ChatRequest) -> dict[str, Any]:
    raw, kept = split_marks(tool.metadata)
    if tool.parameters is None and isinstance(kept.get("tool"), Mapping):
        return dict(kept["tool"])
    value: dict[str, Any] = {"type": "function", "name": tool.name}
    if tool.description:
        value["description"] = tool.description
    value["parameters"] = _NO_PARAMETERS if tool.parameters is None else dict(tool.parameters)
    if "strict" in raw or request.protocol != NAME:
        value["strict"] = False  # OpenAI makes a schema strict where this is not said
    return value | kept


def _encode_choice(request: ChatRequest, body: dict[str, Any]) -> None:
    match request.tool_choice:
        case None:
            return
        case "auto" | "none" | "required" as choice:
            body["tool_choice"] = choice
        case {"name": name, **more} if not more:
            body["tool_choice"] = {"type": "function", "name": name}
        case str():
            known = ", ".join(_CHOICES)
            message = f"tool_choice is {request.tool_choice!r}: use {known} or a name"
            raise InvalidRequest(message, param="tool_choice")
        case _:
            return


def _encode_format(form: Mapping[str, Any] | None) -> dict[str, Any] | None:
    match form:
        case {"type": "json_schema", "json_schema": {**said}}:
            return {"type": "json_schema", "name": "answer", **_object(said)}
        case {"type": "text" | "json_object" as kind}:
            return {"type": kind}
        case _:
            return None


def _effort(request: ChatRequest) -> str | None:
    if request.reasoning_effort is not None or request.reasoning_budget is None:
        return request.reasoning_effort
    return effort_for(request.reasoning_budget)


def _object(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
