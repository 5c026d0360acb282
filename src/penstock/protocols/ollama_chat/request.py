"""Ollama's chat requests: JSON body -> ``ChatRequest`` and back, the identity on what it means.

``stream`` is true where it is not said. ``think`` is ``false`` for no effort, a word for an
effort, and ``true`` for as much as the model likes, which has no word elsewhere and is kept.
A key without a field of its own stays in ``extra``, the options without one in its ``options``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from penstock.errors import InvalidRequest
from penstock.protocols.functions import decode_tool, encode_tool, known_to, whole
from penstock.protocols.kept import keep, kept_for, rest
from penstock.protocols.loss import RAW
from penstock.protocols.ollama_chat.messages import MessageReader, MessageWriter, called_names
from penstock.protocols.ollama_chat.names import NAME
from penstock.protocols.ollama_chat.options import (
    Options,
    decode_options,
    encode_options,
    with_whole_numbers,
)
from penstock.protocols.request_body import read_body
from penstock.types import ChatRequest


class Settings(Struct):
    """The fields that chat and generate share, with their types."""

    model: str = ""
    format: str | dict[str, Any] | None = None
    options: Options | None = None
    stream: bool | None = None
    think: bool | str | None = None


class _Body(Settings):
    messages: list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] | None = None


_KNOWN = _Body.__struct_fields__
_THINK = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
"""Ollama's word for each of others'; it refuses any that it does not know
(https://github.com/ollama/ollama/issues/17837)."""


def read_settings(body: Mapping[str, Any], of: type[Any]) -> Any:
    """The known fields of a body. Raises ``InvalidRequest`` naming the field."""
    return read_body({**body, "options": with_whole_numbers(body.get("options"))}, of)


def decode_request(body: Mapping[str, Any]) -> ChatRequest:
    """The question in a JSON body. Raises ``InvalidRequest`` naming the field."""
    known: _Body = read_settings(body, _Body)
    if not known.messages:
        raise InvalidRequest("messages is empty: send at least one", param="messages")
    reader = MessageReader()
    return ChatRequest(
        messages=tuple(reader.read(m, f"messages[{i}]") for i, m in enumerate(known.messages)),
        tools=tuple(
            decode_tool(NAME, tool, f"tools[{i}]") for i, tool in enumerate(known.tools or ())
        ),
        **decode_settings(known, body, rest(body, *_KNOWN)),
    )


def decode_settings(
    known: Settings, body: Mapping[str, Any], extra: dict[str, Any]
) -> dict[str, Any]:
    """What chat and generate share, as fields of a ``ChatRequest``."""
    fields, options = decode_options(known.options or Options(), body.get("options") or {})
    if options:
        extra["options"] = options
    return {
        "model": known.model,
        "stream": known.stream is not False,
        "response_format": _decode_format(known.format),
        "reasoning_effort": _decode_think(known.think),
        "protocol": NAME,
        "extra": {key: item for key, item in extra.items() if item is not None},
        "metadata": keep(NAME, {RAW: {"think": True}}) if known.think is True else None,
        **fields,
    }


def _decode_think(think: bool | str | None) -> str | None:
    if isinstance(think, str):
        return think or None
    return "none" if think is False else None


def _decode_format(form: str | dict[str, Any] | None) -> dict[str, Any] | None:
    if isinstance(form, Mapping):
        return {"type": "json_schema", "json_schema": {"schema": form}}
    if not form:
        return None
    if form != "json":
        raise InvalidRequest(f'format is {form!r}: use "json" or a JSON schema', param="format")
    return {"type": "json_object"}


def encode_request(request: ChatRequest) -> dict[str, Any]:
    """The JSON body that asks it; what Ollama has no word for is left out."""
    names = {} if request.protocol == NAME else called_names(request.messages)
    writer = MessageWriter(names)
    messages = [value for message in request.messages for value in writer.write(message)]
    body = {"model": request.model, "messages": messages}
    if tools := [encode_tool(NAME, whole(tool)) for tool in known_to(NAME, request.tools)]:
        body["tools"] = tools
    return body | encode_settings(request)


def encode_settings(request: ChatRequest) -> dict[str, Any]:
    """What chat and generate share."""
    body: dict[str, Any] = {"stream": request.stream}
    if (form := _encode_format(request.response_format)) is not None:
        body["format"] = form
    if options := encode_options(request):
        body["options"] = options
    if (think := _encode_think(request)) is not None:
        body["think"] = think
    if request.protocol in ("", NAME):
        body |= rest(request.extra, "options")
    return body


def _encode_format(form: Mapping[str, Any] | None) -> str | dict[str, Any] | None:
    match form:
        case {"type": "json_schema", "json_schema": {"schema": Mapping() as schema}}:
            return dict(schema)
        case {"type": "json_object" | "json_schema"}:
            return "json"
        case _:
            return None


def says_effort(request: ChatRequest) -> bool:
    """Whether the word for how hard to think is said as it is."""
    word = request.reasoning_effort
    return request.protocol == NAME or word in (None, "none") or _THINK.get(word or "") == word


def _encode_think(request: ChatRequest) -> bool | str | None:
    """A number of tokens says no more here than whether to think at all."""
    effort = request.reasoning_effort
    if effort == "none":
        return False
    if effort is not None and (request.protocol == NAME or effort in _THINK):
        return effort if request.protocol == NAME else _THINK[effort]
    if request.reasoning_budget is not None:
        return request.reasoning_budget != 0
    likes = kept_for(NAME, request.metadata).get(RAW, {}).get("think") is True
    return True if likes else None
