"""OpenAI chat requests: JSON body -> ``ChatRequest``.

With request_encode.py the identity on what a body means. A key without a field of its own stays:
of the body in ``extra``, of a message, part or tool in its ``metadata`` under this protocol's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from penstock.errors import InvalidRequest
from penstock.protocols import data_url, json
from penstock.protocols.functions import decode_tool
from penstock.protocols.kept import beside, keep, rest
from penstock.protocols.loss import RAW
from penstock.protocols.request_body import read_body
from penstock.types import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

NAME = "openai_chat"
LEGACY = "function_call"
"""The one call that a message could hold before ``tool_calls``; its name is a key and a type."""

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
REASONING_KEYS = ("reasoning_content", "reasoning", "reasoning_details")
_ABOUT_THE_ANSWER = ("stream_options", "max_completion_tokens")
SAYS_NOTHING = {"n": 1, "logprobs": False}
"""Fields that at this value ask for what happens anyway."""
_ADDRESSES = ("https://", "http://")


class _Body(Struct):
    """The fields that are understood, with their types."""

    messages: list[dict[str, Any]]
    model: str = ""
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None


_KNOWN = frozenset(_Body.__struct_fields__)


def decode_request(body: Mapping[str, Any]) -> ChatRequest:
    """The question in a JSON body. Raises ``InvalidRequest`` naming the field."""
    known = read_body(body, _Body)
    if not known.messages:
        raise InvalidRequest("messages is empty: send at least one", param="messages")
    stop = [known.stop] if isinstance(known.stop, str) else known.stop
    raw = {key: body[key] for key in body if _is_raw(key, body[key])}
    return ChatRequest(
        model=known.model,
        messages=tuple(decode_message(m, f"messages[{i}]") for i, m in enumerate(known.messages)),
        stream=bool(known.stream),
        temperature=known.temperature,
        top_p=known.top_p,
        top_k=known.top_k,
        presence_penalty=known.presence_penalty,
        frequency_penalty=known.frequency_penalty,
        max_tokens=known.max_completion_tokens or known.max_tokens,
        stop=None if stop is None else tuple(stop),
        seed=known.seed,
        tools=tuple(
            decode_tool(NAME, tool, f"tools[{i}]") for i, tool in enumerate(known.tools or ())
        ),
        tool_choice=_decode_choice(known.tool_choice),
        parallel_tool_calls=known.parallel_tool_calls,
        response_format=known.response_format,
        reasoning_effort=known.reasoning_effort,
        protocol=NAME,
        extra={key: body[key] for key in body if key not in _KNOWN and key not in raw},
        metadata=keep(NAME, {RAW: raw} if raw else {}),
    )


def _is_raw(key: str, value: Any) -> bool:
    says_nothing = key in SAYS_NOTHING and value == SAYS_NOTHING[key]
    return says_nothing or key in _ABOUT_THE_ANSWER


def decode_message(value: Mapping[str, Any], where: str) -> Message:
    """One message. Raises ``InvalidRequest`` naming the field, which stands at ``where``."""
    role = value.get("role")
    if role not in _ROLES:
        known = ", ".join(_ROLES)
        raise InvalidRequest(f"{where}.role is {role!r}: use one of {known}", param=where + ".role")
    parts = _decode_content(value.get("content"), where + ".content")
    more = beside(value, "role", "content")
    if role in ("tool", "function"):
        return _decode_result(role, parts, more)
    if role != "assistant":
        return Message(role, parts, keep(NAME, more))
    calls = _list(more.pop("tool_calls", None), where + ".tool_calls")
    reasoning = {key: more.pop(key) for key in REASONING_KEYS if more.get(key)}
    before = (_decode_reasoning(reasoning, where + ".reasoning_details"),) if reasoning else ()
    if refusal := more.pop("refusal", None):
        parts = (*parts, RefusalPart(str(refusal)))
    after = tuple(_decode_call(c, f"{where}.tool_calls[{i}]") for i, c in enumerate(calls))
    return Message("assistant", (*before, *parts, *after), keep(NAME, more))


def _decode_result(role: str, parts: tuple[Part, ...], more: dict[str, Any]) -> Message:
    id, name = more.pop("tool_call_id", None), more.get("name")
    raw = {"role": role} if role == "function" else {}
    if isinstance(name, str):
        raw["name"] = more.pop("name")
    result = ToolResultPart(str(id or ""), parts, None, raw.get("name", ""))
    return Message("tool", (result,), keep(NAME, more | ({RAW: raw} if raw else {})))


def _decode_reasoning(kept: dict[str, Any], where: str) -> ReasoningPart:
    text = str(kept.get("reasoning_content") or kept.get("reasoning") or "")
    details = _list(kept.get("reasoning_details"), where)
    signature, sealed = signature_of(text, details)
    if sealed:
        return ReasoningPart(text, signature, keep(NAME, {"reasoning_details": details, RAW: kept}))
    return ReasoningPart(text, signature, keep(NAME, {RAW: kept}))


def signature_of(text: str, details: list[Any]) -> tuple[str, bool]:
    """The signature in ``reasoning_details``, and whether they hold more than it and the text."""
    found = [str(d["signature"]) for d in details if isinstance(d, Mapping) and d.get("signature")]
    signature = found[-1] if found else ""
    plain = [rest(d, "index") if isinstance(d, Mapping) else d for d in details]
    return signature, bool(details) and plain != [signed(text, signature)]


def signed(text: str, signature: str) -> dict[str, str]:
    """A signed piece of reasoning, as an item of ``reasoning_details``."""
    return {"type": "reasoning.text", "text": text, "signature": signature}


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
    more = beside(part, "type", kind)
    cache = _pop_cache(more)
    match kind, inner:
        case "text", str():
            return TextPart(inner, keep(NAME, more, cache=cache))
        case "refusal", str():
            return RefusalPart(inner, keep(NAME, more, cache=cache))
        case "image_url", {"url": str(url)}:
            media_type, data = data_url.split(url)
            more |= _nested(kind, rest(inner, "url"))
            return ImagePart("" if data else url, data, media_type, keep(NAME, more, cache=cache))
        case "input_audio", {"data": str(data), "format": str(format)}:
            more |= _nested(kind, rest(inner, "data", "format"))
            return AudioPart(data, format, keep(NAME, more, cache=cache))
        case "file", Mapping():
            return _decode_file(inner, more, cache)
        case (("text" | "refusal" | "image_url" | "input_audio" | "file"), _):
            raise InvalidRequest(f"{where}.{kind} is missing or wrong", param=f"{where}.{kind}")
        case _:
            return OpaquePart(NAME, dict(part))


def _pop_cache(more: dict[str, Any]) -> Any:
    """A cache mark, as Anthropic has them and routers pass them on."""
    mark = more.get("cache_control")
    return more.pop("cache_control") if mark and isinstance(mark, Mapping) else None


def _decode_file(inner: Mapping[str, Any], more: dict[str, Any], cache: Any) -> FilePart:
    media_type, data = data_url.split(str(inner.get("file_data") or ""))
    more |= _nested("file", rest(inner, "file_data", "filename", "file_id"))
    name, id = inner.get("filename") or "", inner.get("file_id") or ""
    kept, url = keep(NAME, more, cache=cache), ""
    if not data:
        data = str(inner.get("file_data") or "")
    if data.startswith(_ADDRESSES):  # OpenRouter takes one there
        data, url = "", data
    return FilePart(data, media_type, str(name), str(id), kept, url)


def _decode_call(call: Any, where: str) -> ToolCallPart:
    function = call.get("function") if isinstance(call, Mapping) else None
    if isinstance(function, Mapping) and isinstance(function.get("name"), str):
        more = beside(call, "id", "function")
        if more.get("type") == "function":
            del more["type"]
        more |= _nested("function", rest(function, "name", "arguments"))
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else _json(arguments)
        index = {RAW: {"index": more.pop("index")}} if "index" in more else {}
        kept = keep(NAME, {**more, **index})
        return ToolCallPart(str(call.get("id") or ""), function["name"], text, kept)
    custom = call.get("custom") if isinstance(call, Mapping) else None
    if isinstance(custom, Mapping) and isinstance(custom.get("name"), str):
        name, text = custom["name"], str(custom.get("input") or "")
        return ToolCallPart(str(call.get("id") or ""), name, text, {NAME: {"type": "custom"}})
    raise InvalidRequest(f"{where}.function.name is missing", param=f"{where}.function.name")


def _decode_choice(choice: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
    match choice:
        case {"type": "function", "function": {"name": name}}:
            return {"name": name}
        case _:
            return choice


def _nested(kind: str, more: dict[str, Any]) -> dict[str, Any]:
    """Unknown keys of a typed object's inner object, where the encoder looks for them."""
    return {kind: more} if more else {}


def _json(value: Any) -> str:
    return "" if value is None else json.encode(value).decode()
