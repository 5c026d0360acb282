"""OpenAI chat requests: JSON body -> ``ChatRequest`` and back, the identity on what it means.

A key without a field of its own stays: of the body in ``extra``, of a message, part or tool in
its ``metadata`` under this protocol's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from penstock.errors import InvalidRequest
from penstock.protocols import json
from penstock.protocols.request_body import read_body
from penstock.types import (
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

NAME = "openai_chat"
LEGACY = "function_call"
"""The one call that a message could hold before ``tool_calls``; its name is a key and a type."""

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_REASONING_KEYS = ("reasoning_content", "reasoning", "reasoning_details")


class _Body(Struct):
    """The fields that are understood, with their types."""

    messages: list[dict[str, Any]]
    model: str = ""
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None


_KNOWN = frozenset(_Body.__struct_fields__) - {"max_completion_tokens"}


def decode_request(body: Mapping[str, Any]) -> ChatRequest:
    """The question in a JSON body. Raises ``InvalidRequest`` naming the field."""
    known = read_body(body, _Body)
    if not known.messages:
        raise InvalidRequest("messages is empty: send at least one", param="messages")
    stop = [known.stop] if isinstance(known.stop, str) else known.stop
    return ChatRequest(
        model=known.model,
        messages=tuple(_decode_message(m, f"messages[{i}]") for i, m in enumerate(known.messages)),
        stream=bool(known.stream),
        temperature=known.temperature,
        top_p=known.top_p,
        max_tokens=known.max_completion_tokens or known.max_tokens,
        stop=None if stop is None else tuple(stop),
        seed=known.seed,
        tools=tuple(_decode_tool(tool, f"tools[{i}]") for i, tool in enumerate(known.tools or ())),
        tool_choice=_decode_choice(known.tool_choice),
        parallel_tool_calls=known.parallel_tool_calls,
        response_format=known.response_format,
        reasoning_effort=known.reasoning_effort,
        extra={key: value for key, value in body.items() if key not in _KNOWN},
    )


def _decode_message(value: Mapping[str, Any], where: str) -> Message:
    role = value.get("role")
    if role not in _ROLES:
        known = ", ".join(_ROLES)
        raise InvalidRequest(f"{where}.role is {role!r}: use one of {known}", param=where + ".role")
    parts = _decode_content(value.get("content"), where + ".content")
    rest = _rest(value, "role", "content")
    if role in ("tool", "function"):
        rest.pop("tool_call_id", None)
        if role == "function":
            rest["role"] = role
        result = ToolResultPart(str(value.get("tool_call_id") or ""), parts)
        return Message("tool", (result,), _metadata(rest))
    if role != "assistant":
        return Message(role, parts, _metadata(rest))
    calls = _list(rest.pop("tool_calls", None), where + ".tool_calls")
    reasoning = {key: rest.pop(key) for key in _REASONING_KEYS if rest.get(key)}
    before = (_decode_reasoning(reasoning, where + ".reasoning_details"),) if reasoning else ()
    if refusal := rest.pop("refusal", None):
        parts = (*parts, RefusalPart(str(refusal)))
    after = tuple(_decode_call(c, f"{where}.tool_calls[{i}]") for i, c in enumerate(calls))
    return Message("assistant", (*before, *parts, *after), _metadata(rest))


def _decode_reasoning(kept: dict[str, Any], where: str) -> ReasoningPart:
    text = kept.get("reasoning_content") or kept.get("reasoning") or ""
    details = kept.get("reasoning_details")
    found = (d.get("signature") for d in _list(details, where) if isinstance(d, Mapping))
    signature = next((str(s) for s in found if s), "")
    return ReasoningPart(str(text), signature, {NAME: kept})


def _list(value: Any, where: str) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise InvalidRequest(f"{where} must be a list", param=where)
    return value or []


def _decode_content(content: Any, where: str) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (TextPart(content),)
    if not isinstance(content, list):
        raise InvalidRequest(f"{where} must be a string or a list of parts", param=where)
    return tuple(_decode_part(part, f"{where}[{i}]") for i, part in enumerate(content))


def _decode_part(part: Any, where: str) -> Part:
    if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
        raise InvalidRequest(f"{where} must be an object with a type", param=where)
    kind = part["type"]
    inner: Any = part.get(kind)
    if kind == "image_url" and isinstance(inner, str):  # OpenAI takes it, though undocumented
        inner = {"url": inner}
    rest = _rest(part, "type", kind)
    match kind, inner:
        case "text", str():
            return TextPart(inner, _metadata(rest))
        case "refusal", str():
            return RefusalPart(inner, _metadata(rest))
        case "image_url", {"url": str(url)}:
            media_type, data = _split_data_url(url)
            rest |= _nested(kind, _rest(inner, "url"))
            return ImagePart("" if data else url, data, media_type, _metadata(rest))
        case "input_audio", {"data": str(data), "format": str(format)}:
            rest |= _nested(kind, _rest(inner, "data", "format"))
            return AudioPart(data, format, _metadata(rest))
        case "file", Mapping():
            return _decode_file(inner, rest)
        case (("text" | "refusal" | "image_url" | "input_audio" | "file"), _):
            raise InvalidRequest(f"{where}.{kind} is missing or wrong", param=f"{where}.{kind}")
        case _:
            return OpaquePart(NAME, dict(part))


def _decode_file(inner: Mapping[str, Any], rest: dict[str, Any]) -> FilePart:
    media_type, data = _split_data_url(str(inner.get("file_data") or ""))
    rest |= _nested("file", _rest(inner, "file_data", "filename", "file_id"))
    name, id = inner.get("filename") or "", inner.get("file_id") or ""
    if not data and inner.get("file_data"):
        data = str(inner["file_data"])
    return FilePart(data, media_type, str(name), str(id), _metadata(rest))


def _split_data_url(url: str) -> tuple[str, str]:
    """Media type and base64 data of a data URL; empty for any other URL."""
    head, comma, data = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return head[len("data:") : -len(";base64")], data
    return "", ""


def _decode_call(call: Any, where: str) -> ToolCallPart:
    function = call.get("function") if isinstance(call, Mapping) else None
    if isinstance(function, Mapping) and isinstance(function.get("name"), str):
        rest = _rest(call, "id", "function")
        if rest.get("type") == "function":
            del rest["type"]
        rest |= _nested("function", _rest(function, "name", "arguments"))
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else _json(arguments)
        return ToolCallPart(str(call.get("id") or ""), function["name"], text, _metadata(rest))
    custom = call.get("custom") if isinstance(call, Mapping) else None
    if isinstance(custom, Mapping) and isinstance(custom.get("name"), str):
        name, text = custom["name"], str(custom.get("input") or "")
        return ToolCallPart(str(call.get("id") or ""), name, text, {NAME: {"type": "custom"}})
    raise InvalidRequest(f"{where}.function.name is missing", param=f"{where}.function.name")


def _decode_tool(tool: Mapping[str, Any], where: str) -> Tool:
    kind = tool.get("type", "function")
    if kind != "function":
        if not isinstance(kind, str):
            raise InvalidRequest(f"{where}.type must be a string", param=f"{where}.type")
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
    kept = _rest(function, "name", "parameters")
    if description:
        del kept["description"]
    rest = _rest(tool, "type", "function") | _nested("function", kept)
    return Tool(function["name"], description or "", parameters, _metadata(rest))


def _decode_choice(choice: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
    match choice:
        case {"type": "function", "function": {"name": name}}:
            return {"name": name}
        case _:
            return choice


def encode_request(request: ChatRequest) -> dict[str, Any]:
    """The JSON body that asks it; what was not said is not there."""
    body: dict[str, Any] = {"messages": [encode_message(m) for m in request.messages]}
    if request.model:
        body["model"] = request.model
    if request.stream:
        body["stream"] = True
    scalars = ("temperature", "top_p", "seed", "parallel_tool_calls", "response_format")
    for name in (*scalars, "reasoning_effort"):
        if (value := getattr(request, name)) is not None:
            body[name] = value
    if request.max_tokens is not None and not request.extra.get("max_completion_tokens"):
        body["max_tokens"] = request.max_tokens
    if request.stop is not None:
        body["stop"] = list(request.stop)
    if request.tools:
        body["tools"] = [_encode_tool(tool) for tool in request.tools]
    if request.tool_choice is not None:
        body["tool_choice"] = _encode_choice(request.tool_choice)
    return body | dict(request.extra)


def encode_message(message: Message) -> dict[str, Any]:
    """One message as JSON values."""
    value: dict[str, Any] = {"role": message.role}
    said: list[Part] = []
    for part in message.content:
        match part:
            case ToolCallPart(_, name, arguments) if _kept(part.metadata).get("type") == LEGACY:
                value[LEGACY] = {"name": name, "arguments": arguments}
            case ToolCallPart():
                value.setdefault("tool_calls", []).append(_encode_call(part))
            case ReasoningPart():
                value.update(_encode_reasoning(part))
            case RefusalPart(text, None):
                value["refusal"] = value.get("refusal", "") + text
            case ToolResultPart(id, content):
                value["content"] = _encode_content(content)
                if id:
                    value["tool_call_id"] = id
            case _:
                said.append(part)
    if "content" not in value and (said or message.role != "assistant"):
        value["content"] = _encode_content(said)
    elif message.role == "assistant":
        value["content"] = None
    return value | _kept(message.metadata)


def _encode_reasoning(part: ReasoningPart) -> dict[str, Any]:
    value: dict[str, Any] = {"reasoning_content": part.text} if part.text else {}
    if part.signature:
        detail = {"type": "reasoning.text", "text": part.text, "signature": part.signature}
        value["reasoning_details"] = [detail]
    return _kept(part.metadata) or value


def _encode_content(parts: Iterable[Part]) -> str | list[dict[str, Any]]:
    match tuple(parts):
        case ():
            return ""
        case (TextPart(text, None),):
            return text
        case several:
            return [_encode_part(part) for part in several]


def _encode_part(part: Part) -> dict[str, Any]:
    kept = _kept(getattr(part, "metadata", None))
    match part:
        case TextPart(text):
            return {"type": "text", "text": text, **kept}
        case RefusalPart(text):
            return {"type": "refusal", "refusal": text, **kept}
        case ImagePart(url, data, media_type):
            source = f"data:{media_type};base64,{data}" if data else url
            return _typed("image_url", {"url": source}, kept)
        case AudioPart(data, format):
            return _typed("input_audio", {"data": data, "format": format}, kept)
        case FilePart():
            return _typed("file", _encode_file(part), kept)
        case OpaquePart(protocol, value) if protocol == NAME:
            return dict(value)
        case _:
            kind = type(part).__name__
            raise InvalidRequest(f"OpenAI chat has no place for a {kind} in a message's content")


def _encode_file(part: FilePart) -> dict[str, Any]:
    value: dict[str, Any] = {}
    if part.data:
        media = part.media_type
        value["file_data"] = f"data:{media};base64,{part.data}" if media else part.data
    if part.name:
        value["filename"] = part.name
    if part.id:
        value["file_id"] = part.id
    return value


def _encode_call(part: ToolCallPart) -> dict[str, Any]:
    kept = _kept(part.metadata)
    if kept.get("type") == "custom":
        custom = {"name": part.name, "input": part.arguments}
        return {"id": part.id, "type": "custom", "custom": custom}
    function = {"name": part.name, "arguments": part.arguments}
    return {"id": part.id, **_typed("function", function, kept)}


def _encode_tool(tool: Tool) -> dict[str, Any]:
    kept = _kept(tool.metadata)
    if "tool" in kept:
        return dict(kept["tool"])
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    return _typed("function", function, kept)


def _encode_choice(choice: str | Mapping[str, Any]) -> str | dict[str, Any]:
    if isinstance(choice, str):
        return choice
    if set(choice) == {"name"}:
        return {"type": "function", "function": dict(choice)}
    return dict(choice)


def _rest(value: Mapping[str, Any], *known: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in known}


def _metadata(rest: dict[str, Any]) -> Metadata | None:
    return {NAME: rest} if rest else None


def _kept(metadata: Metadata | None) -> dict[str, Any]:
    return dict((metadata or {}).get(NAME, {}))


def _nested(kind: str, rest: dict[str, Any]) -> dict[str, Any]:
    """Unknown keys of a typed object's inner object, where ``_typed`` looks for them."""
    return {kind: rest} if rest else {}


def _typed(kind: str, inner: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    """An object of that type, with the unknown keys kept for it and for its inner object."""
    return {"type": kind, kind: {**inner, **kept.get(kind, {})}, **_rest(kept, kind)}


def _json(value: Any) -> str:
    return "" if value is None else json.encode(value).decode()
