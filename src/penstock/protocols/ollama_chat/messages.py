"""Ollama's messages: JSON <-> ours.

A call need not have an id, nor a tool's answer name the call that it answers. Other protocols
want both, so ids are made here (``call_ids``) and answers are matched with the calls before them:
by the tool's name, else in their order. Made ids are never written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast, get_args

from penstock.errors import InvalidRequest
from penstock.protocols import call_ids
from penstock.protocols.functions import arguments_of
from penstock.protocols.kept import beside, keep, kept_for, rest
from penstock.protocols.loss import RAW
from penstock.protocols.ollama_chat.arguments import decode_arguments
from penstock.protocols.ollama_chat.images import decode_image
from penstock.protocols.ollama_chat.names import NAME
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

IMAGES = "images"
"""The block of an answer, and the key of a tool's answer, that only Ollama has."""


class MessageReader:
    """Reads one message after the other; remembers the calls that wait for an answer."""

    def __init__(self) -> None:
        self._waiting: list[ToolCallPart] = []

    def read(self, value: Mapping[str, Any], where: str) -> Message:
        """One message. Raises ``InvalidRequest`` naming the field."""
        role = _role(value, where)
        if role == "tool":
            return self._result(value, where)
        parts: list[Part] = [*_thinking(value, where), *_text(value, where)]
        parts += [*_images(value, where), *self._calls(value, where)]
        others = beside(value, "role", "content", "thinking", "images", "tool_calls")
        return Message(role, tuple(parts), keep(NAME, others))

    def _calls(self, value: Mapping[str, Any], where: str) -> Iterator[ToolCallPart]:
        for number, call in enumerate(_list(value, "tool_calls", where)):
            part = _call(call, f"{where}.tool_calls[{number}]")
            self._waiting.append(part)
            yield part

    def _result(self, value: Mapping[str, Any], where: str) -> Message:
        name, id = _string(value, "tool_name", where), _string(value, "tool_call_id", where)
        call = self._answered(id, name)
        if call is not None:
            self._waiting.remove(call)
        parts = tuple(_text(value, where))
        result = ToolResultPart(id or (call.id if call else ""), parts, name=name)
        others = beside(value, "role", "content", "tool_name", "tool_call_id")
        return Message("tool", (result,), keep(NAME, others))

    def _answered(self, id: str, name: str) -> ToolCallPart | None:
        """The call that a tool's answer belongs to."""
        for call in self._waiting:
            if call.id == id if id else name in ("", call.name):
                return call
        return None


def _role(value: Mapping[str, Any], where: str) -> Role:
    said = value.get("role")
    for role in get_args(Role):
        if said == role:
            return cast("Role", role)
    known = "system, user, assistant or tool"
    raise InvalidRequest(f"{where}.role is {said!r}: use {known}", param=where + ".role")


def _text(value: Mapping[str, Any], where: str) -> Iterator[TextPart]:
    if text := _string(value, "content", where):
        yield TextPart(text)


def _thinking(value: Mapping[str, Any], where: str) -> Iterator[ReasoningPart]:
    if text := _string(value, "thinking", where):
        yield ReasoningPart(text)


def _images(value: Mapping[str, Any], where: str) -> Iterator[ImagePart]:
    for number, data in enumerate(_list(value, "images", where)):
        if not isinstance(data, str):
            field = f"{where}.images[{number}]".strip(".")
            raise InvalidRequest(f"{field} must be base64 text", param=field)
        yield decode_image(data)


def decode_images(value: Mapping[str, Any]) -> Iterator[ImagePart]:
    """The images beside a prompt."""
    return _images(value, "")


def _string(value: Mapping[str, Any], key: str, where: str) -> str:
    said = value.get(key)
    if not isinstance(said, str | None):
        raise InvalidRequest(f"{where}.{key} must be a string", param=f"{where}.{key}")
    return said or ""


def _list(value: Mapping[str, Any], key: str, where: str) -> list[Any]:
    said = value.get(key)
    if said is not None and not isinstance(said, list):
        field = f"{where}.{key}".strip(".")
        raise InvalidRequest(f"{field} must be a list", param=field)
    return said or []


def _call(call: Any, where: str) -> ToolCallPart:
    function = call.get("function") if isinstance(call, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(name, str):
        field = where + ".function.name"
        raise InvalidRequest(f"{field} is missing", param=field)
    arguments = function.get("arguments")
    if not isinstance(arguments, Mapping | str | None):
        field = where + ".function.arguments"
        raise InvalidRequest(f"{field} must be an object", param=field)
    others = beside(call, "id", "type", "function")
    if inner := rest(function, "name", "arguments", "index"):
        others["function"] = inner
    if raw := _shape(call, function):
        others[RAW] = raw
    id = _string(call, "id", where) or call_ids.make("request", _number(where))
    return ToolCallPart(id, name, decode_arguments(arguments), keep(NAME, others))


def _number(where: str) -> int:
    """A number of its own for each place ``messages[1].tool_calls[2]``."""
    message, _, call = where.partition("].")
    return int(message.rpartition("[")[2]) * 1000 + int(call.rpartition("[")[2].strip("]"))


def _shape(call: Mapping[str, Any], function: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of a call that say nothing, but are there or not."""
    said = {"type": call.get("type"), "index": function.get("index")}
    return {key: item for key, item in said.items() if item is not None}


class MessageWriter:
    """Writes one message after the other. ``names``: the tool that each call by id called, for a
    tool's answer that does not name it."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def write(self, message: Message) -> Iterator[dict[str, Any]]:
        """The messages that say it: each tool's answer is one of its own."""
        said: list[Part] = []
        for part in message.content:
            if isinstance(part, ToolResultPart):
                yield {**self._result(part), **kept_for(NAME, message.metadata)}
            else:
                said.append(part)
        if said or message.role != "tool":
            role = {"developer": "system", "tool": "user"}.get(message.role, message.role)
            yield {"role": role, **encode_parts(said), **kept_for(NAME, message.metadata)}

    def _result(self, part: ToolResultPart) -> dict[str, Any]:
        value: dict[str, Any] = {"role": "tool", "content": joined(part.content)}
        if name := part.name or self._names.get(part.id, ""):
            value["tool_name"] = name
        if part.id and not call_ids.is_made(part.id):
            value["tool_call_id"] = part.id
        return value


def called_names(messages: Iterable[Message]) -> dict[str, str]:
    """The name of the tool for each call's id."""
    parts = (part for message in messages for part in message.content)
    return {part.id: part.name for part in parts if isinstance(part, ToolCallPart)}


def encode_parts(parts: Iterable[Part], numbered: bool = False) -> dict[str, Any]:
    """What a message says, its role aside; ``numbered``: calls say which they are, as they do in
    an answer. What Ollama has no place for is left out."""
    parts = tuple(parts)
    value: dict[str, Any] = {"content": joined(parts)}
    if thinking := "".join(part.text for part in parts if isinstance(part, ReasoningPart)):
        value["thinking"] = thinking
    if images := [data for part in parts for data in _image_data(part)]:
        value["images"] = images
    calls = [part for part in parts if isinstance(part, ToolCallPart)]
    if calls:
        value["tool_calls"] = [
            encode_call(call, number if numbered else None) for number, call in enumerate(calls)
        ]
    return value


def joined(parts: Iterable[Part]) -> str:
    """All that is said aloud, words of refusal too."""
    return "".join(part.text for part in parts if isinstance(part, TextPart | RefusalPart))


def _image_data(part: Part) -> Iterator[str]:
    match part:
        case ImagePart(_, data) if data:
            yield data
        case OpaquePart(protocol, value) if protocol == NAME:
            yield from value.get(IMAGES, ())
        case TextPart("", metadata):
            block = kept_for(NAME, metadata).get("block")
            yield from block.get(IMAGES, ()) if isinstance(block, Mapping) else ()


def encode_call(part: ToolCallPart, number: int | None = None) -> dict[str, Any]:
    """A call, with its number where it is part of an answer. Ids that we made are written only
    there: a caller may say them back, a service has not heard of them."""
    kept = kept_for(NAME, part.metadata)
    raw, inner = kept.pop(RAW, {}), kept.pop("function", {})
    index = raw.get("index") if number is None else number
    value: dict[str, Any] = {}
    if part.id and not (number is None and call_ids.is_made(part.id)):
        value["id"] = part.id
    if "type" in raw:
        value["type"] = raw["type"]
    placed = {} if index is None else {"index": index}
    said = {"name": part.name, "arguments": arguments_of(part.arguments)}
    return {**value, "function": {**placed, **said, **inner}, **kept}
