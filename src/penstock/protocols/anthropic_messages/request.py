"""Anthropic's requests: JSON body -> ``ChatRequest`` and back, the identity on what it means.

A key without a field of its own stays: of the body in ``extra``, of a message, block or tool in
its ``metadata`` under this protocol's name. A user turn that begins with tool results becomes a
``tool`` message and a ``user`` message with the rest; on the way back adjacent messages of one
role become one turn, as the service itself would have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from msgspec import Struct

from penstock.errors import InvalidRequest
from penstock.protocols import json
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
    RefusalPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)

NAME = "anthropic_messages"
DEFAULT_MAX_TOKENS = 4096
"""Anthropic wants a limit in every request; this one holds where the caller said none."""

_APART = "apart"
"""Marks a message that is a turn of its own though the one before it has the same role."""
_IN_PLACE = "in_place"
"""Marks a system message that stands among the messages, not before them."""

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_CHOICES_BACK = {ours: theirs for theirs, ours in _CHOICES.items()}

# Fields of other protocols, which ride in ``extra``; Anthropic refuses what it does not know.
_FOREIGN = frozenset(
    (
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "modalities",
        "n",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "safety_identifier",
        "store",
        "stream_options",
        "top_logprobs",
        "user",
        "verbosity",
        "web_search_options",
    )
)


class _Body(Struct):
    """The fields that are understood, with their types."""

    messages: list[dict[str, Any]]
    model: str = ""
    max_tokens: int | None = None
    system: str | list[dict[str, Any]] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: list[str] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: dict[str, Any] | None = None


_KNOWN = frozenset(_Body.__struct_fields__)


def decode_request(body: Mapping[str, Any]) -> ChatRequest:
    """The question in a JSON body. Raises ``InvalidRequest`` naming the field."""
    known = read_body(body, _Body)
    if not known.messages:
        raise InvalidRequest("messages is empty: send at least one", param="messages")
    choice, parallel = _decode_choice(known.tool_choice)
    stop = known.stop_sequences
    return ChatRequest(
        model=known.model,
        messages=(*_decode_system(known.system), *_decode_messages(known.messages)),
        stream=bool(known.stream),
        temperature=known.temperature,
        top_p=known.top_p,
        max_tokens=known.max_tokens,
        stop=None if stop is None else tuple(stop),
        tools=tuple(_decode_tool(tool, f"tools[{i}]") for i, tool in enumerate(known.tools or ())),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        extra={key: value for key, value in body.items() if key not in _KNOWN},
    )


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
        kept = _rest(value, "role", "content")
        if role == "system":
            kept[_IN_PLACE] = True
        elif role == before:
            kept[_APART] = True
        before = role
        if role != "user":
            yield Message(role, parts, _metadata(kept))
            continue
        runs = groupby(parts, lambda part: isinstance(part, ToolResultPart))
        split = [("tool" if are_results else "user", tuple(run)) for are_results, run in runs]
        for of, run in split or [("user", ())]:
            yield Message("tool" if of == "tool" else "user", run, _metadata(kept))
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
            return TextPart(text, _kept_of(block, "text"))
        case {"type": "thinking", "thinking": str(text), **rest}:
            signature = str(rest.get("signature") or "")
            return ReasoningPart(text, signature, _kept_of(block, "thinking", "signature"))
        case {"type": "redacted_thinking", "data": str(data)}:
            kept = {"redacted_thinking": data, **_rest(block, "type", "data")}
            return ReasoningPart("", "", _metadata(kept))
        case {"type": "tool_use", "id": str(id), "name": str(name), "input": {**said}}:
            arguments = json.encode(said).decode()
            return ToolCallPart(id, name, arguments, _kept_of(block, "id", "name", "input"))
        case {"type": "tool_result", "tool_use_id": str(id), **rest}:
            content = rest.get("content")
            parts = () if content is None else _decode_content(content, where + ".content")
            return ToolResultPart(id, parts, _kept_of(block, "tool_use_id", "content"))
        case {"type": "image" | "document", "source": {"type": str()} as source}:
            return _decode_media(block, source)
        case {"type": "text" | "thinking" as kind}:
            missing = f"{where}.{kind}"
        case {"type": "redacted_thinking"}:
            missing = f"{where}.data"
        case {"type": "tool_use", **rest}:
            needed = {"id": str, "name": str, "input": Mapping}
            wrong = (key for key, of in needed.items() if not isinstance(rest.get(key), of))
            missing = f"{where}.{next(wrong)}"
        case {"type": "tool_result"}:
            missing = f"{where}.tool_use_id"
        case {"type": "image" | "document"}:
            missing = f"{where}.source"
        case _:
            return OpaquePart(NAME, dict(block))
    raise InvalidRequest(f"{missing} is missing or wrong", param=missing)


def _decode_media(block: Mapping[str, Any], source: Mapping[str, Any]) -> Part:
    """An image or a document; opaque where it comes in a way that only Anthropic has."""
    if block["type"] == "image":
        match source:
            case {"type": "base64", "data": str(data), "media_type": str(media), **rest} if (
                not rest
            ):
                return ImagePart("", data, media, _kept_of(block, "source"))
            case {"type": "url", "url": str(url), **rest} if not rest:
                return ImagePart(url, metadata=_kept_of(block, "source"))
            case _:
                return OpaquePart(NAME, dict(block))
    title = block.get("title")
    name, known = (
        (title, ("source", "title")) if title and isinstance(title, str) else ("", ("source",))
    )
    match source:
        case {"type": "base64", "data": str(data), "media_type": str(media), **rest} if not rest:
            return FilePart(data, media, name, "", _kept_of(block, *known))
        case {"type": "file", "file_id": str(id), **rest} if not rest:
            return FilePart("", "", name, id, _kept_of(block, *known))
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
    kept = _rest(tool, "name", "input_schema")
    if description:
        del kept["description"]
    return Tool(name, description or "", schema, _metadata(kept))


def _decode_choice(
    choice: dict[str, Any] | None,
) -> tuple[str | dict[str, Any] | None, bool | None]:
    """The choice, and whether several tools may be called at once."""
    if choice is None:
        return None, None
    rest = dict(choice)
    alone = rest.pop("disable_parallel_tool_use", None)
    parallel = None if alone is None else not alone
    match rest:
        case {"type": str(kind), **more} if kind in _CHOICES and not more:
            return _CHOICES[kind], parallel
        case {"type": "tool", "name": str(name), **more} if not more:
            return {"name": name}, parallel
        case {"type": str()}:
            return rest, parallel
        case _:
            raise InvalidRequest("tool_choice.type is missing", param="tool_choice.type")


def encode_request(request: ChatRequest) -> dict[str, Any]:
    """The JSON body that asks it. Raises ``InvalidRequest`` for a wish Anthropic cannot be told."""
    _refuse_unsayable(request)
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": DEFAULT_MAX_TOKENS if request.max_tokens is None else request.max_tokens,
        "messages": _encode_messages(m for m in request.messages if not _stands_before(m)),
    }
    before = [part for m in request.messages if _stands_before(m) for part in m.content]
    if system := _encode_content(before):
        body["system"] = system
    if request.stream:
        body["stream"] = True
    for name in ("temperature", "top_p"):
        if (value := getattr(request, name)) is not None:
            body[name] = value
    if request.stop is not None:
        body["stop_sequences"] = list(request.stop)
    if tools := [_encode_tool(tool) for tool in request.tools if not _is_foreign(tool)]:
        body["tools"] = tools
    if choice := _encode_choice(request, bool(tools)):
        body["tool_choice"] = choice
    return body | {key: item for key, item in request.extra.items() if key not in _FOREIGN}


def _refuse_unsayable(request: ChatRequest) -> None:
    """An answer without what was asked for would look as if it had it."""
    wishes = {name: getattr(request, name) for name in ("response_format", "seed")}
    wishes["reasoning_effort"] = request.reasoning_effort
    wishes |= {name: request.extra.get(name) for name in ("functions", "logit_bias", "logprobs")}
    if request.extra.get("n") != 1:
        wishes["n"] = request.extra.get("n")
    for name, wish in wishes.items():
        # A seed of 0 is a wish; what asks for nothing is none.
        if wish is not None and wish is not False and wish not in ({}, [], {"type": "text"}):
            raise InvalidRequest(f"{name} cannot be asked of Anthropic; leave it out", param=name)


def _stands_before(message: Message) -> bool:
    is_system = message.role in ("system", "developer")
    return is_system and _IN_PLACE not in _kept(message.metadata)


def _encode_messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    turns: list[tuple[str, list[Part], dict[str, Any]]] = []
    for message in messages:
        role = "user" if message.role == "tool" else message.role
        kept = _kept(message.metadata)
        apart = kept.pop(_APART, False) or kept.pop(_IN_PLACE, False)
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
        case (TextPart(text, None),):
            return text
        case several:
            return encode_blocks(part for part in several if _is_worth_saying(part))


def _is_worth_saying(part: Part) -> bool:
    """Anthropic refuses empty texts, and thinking that it has not signed."""
    match part:
        case TextPart(text, metadata):
            return bool(text or _kept(metadata))
        case RefusalPart(text):
            return bool(text)
        case ReasoningPart(_, signature, metadata):
            return bool(signature or _kept(metadata))
        case _:
            return True


def encode_blocks(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """The content blocks of a message. Raises ``InvalidRequest`` for what has no place there."""
    return [_encode_part(part) for part in parts]


def _encode_part(part: Part) -> dict[str, Any]:
    kept = _kept(getattr(part, "metadata", None))
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
            said = encode_input(arguments)
            return {"type": "tool_use", "id": id, "name": name, "input": said, **kept}
        case ToolResultPart(id, content):
            value: dict[str, Any] = {"type": "tool_result", "tool_use_id": id}
            if content:
                value["content"] = _encode_content(content)
            return value | kept
        case ImagePart(url, data, media_type):
            source = _base64(data, media_type) if data else {"type": "url", "url": url}
            return {"type": "image", "source": source, **kept}
        case FilePart(data, media_type, name, id):
            by_id = {"type": "file", "file_id": id}
            source = _base64(data, media_type or "application/pdf") if data else by_id
            titled = {"title": name} if name else {}
            return {"type": "document", "source": source, **titled, **kept}
        case OpaquePart(protocol, opaque) if protocol == NAME:
            return dict(opaque)
        case _:
            kind = type(part).__name__
            raise InvalidRequest(f"Anthropic has no place for a {kind} in a message's content")


def _base64(data: str, media_type: str) -> dict[str, Any]:
    return {"type": "base64", "media_type": media_type, "data": data}


def encode_input(arguments: str) -> dict[str, Any]:
    """Arguments as an object. Those that are none are wrapped as Anthropic advises:
    https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming."""
    try:
        value = json.loads(arguments.encode()) if arguments.strip() else {}
    except (*json.UNREADABLE, UnicodeEncodeError):
        value = None
    if isinstance(value, dict):
        return value
    return {} if arguments.strip() == "null" else {"INVALID_JSON": arguments}


def _is_foreign(tool: Tool) -> bool:
    """Whether only another protocol knows this tool, which its own service runs."""
    others = {key: kept for key, kept in (tool.metadata or {}).items() if key != NAME}
    return any(isinstance(kept, Mapping) and "tool" in kept for kept in others.values())


def _encode_tool(tool: Tool) -> dict[str, Any]:
    kept = _kept(tool.metadata)
    if tool.parameters is None and isinstance(kept.get("tool"), Mapping):
        return dict(kept["tool"])
    value: dict[str, Any] = {"name": tool.name}
    if tool.description:
        value["description"] = tool.description
    schema = {"type": "object", "properties": {}} if tool.parameters is None else tool.parameters
    return {**value, "input_schema": schema, **kept}


def _encode_choice(request: ChatRequest, has_tools: bool) -> dict[str, Any] | None:
    choice, parallel = request.tool_choice, request.parallel_tool_calls
    if choice is None and (parallel is not False or not has_tools):
        return None
    match choice:
        case None:
            value: dict[str, Any] = {"type": "auto"}
        case str():
            if choice not in _CHOICES_BACK:
                message = f"tool_choice is {choice!r}: use auto, none, required or a name"
                raise InvalidRequest(message, param="tool_choice")
            value = {"type": _CHOICES_BACK[choice]}
        case {"name": name} if len(choice) == 1:
            value = {"type": "tool", "name": name}
        case _:
            value = dict(choice)
    if parallel is not None and value.get("type") != "none":
        value["disable_parallel_tool_use"] = not parallel
    return value


def _rest(value: Mapping[str, Any], *known: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in known}


def _metadata(rest: dict[str, Any]) -> Metadata | None:
    return {NAME: rest} if rest else None


def _kept_of(block: Mapping[str, Any], *known: str) -> Metadata | None:
    """What a block says beyond our own words for it."""
    return _metadata(_rest(block, "type", *known))


def _kept(metadata: Metadata | None) -> dict[str, Any]:
    return dict((metadata or {}).get(NAME, {}))
