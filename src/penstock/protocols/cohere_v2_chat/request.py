"""Cohere's requests: JSON body -> ``ChatRequest`` and back, the identity on what it means.

A key without a field of its own stays in ``extra`` (``documents``, ``citation_options``,
``safety_mode`` and others). ``thinking`` is a switch and a number of tokens: off is no effort, a
number is a budget; a word for an effort is said as the number that stands for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from penstock.errors import InvalidRequest
from penstock.protocols.cohere_v2_chat.images import in_our_words, is_nowhere
from penstock.protocols.cohere_v2_chat.messages import decode_message, encode_message
from penstock.protocols.cohere_v2_chat.names import NAME
from penstock.protocols.effort import budget_for
from penstock.protocols.functions import decode_tool, encode_tool, known_to, whole
from penstock.protocols.kept import keep, kept_for, rest
from penstock.protocols.loss import RAW
from penstock.protocols.request_body import read_body
from penstock.types import ChatRequest

_CHOICES = {"REQUIRED": "required", "NONE": "none"}
_SAME = ("temperature", "seed", "max_tokens", "presence_penalty", "frequency_penalty")
_RENAMED = {"p": "top_p", "k": "top_k"}


class _Body(Struct):
    """The fields that are understood, with their types."""

    messages: list[dict[str, Any]]
    model: str = ""
    stream: bool | None = None
    temperature: float | None = None
    p: float | None = None
    k: int | None = None
    seed: int | None = None
    max_tokens: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop_sequences: list[str] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | None = None
    response_format: dict[str, Any] | None = None
    thinking: dict[str, Any] | None = None


_KNOWN = _Body.__struct_fields__


def decode_request(body: Mapping[str, Any]) -> ChatRequest:
    """The question in a JSON body. Raises ``InvalidRequest`` naming the field."""
    known = read_body(body, _Body)
    if not known.messages:
        raise InvalidRequest("messages is empty: send at least one", param="messages")
    effort, budget = _decode_thinking(known.thinking)
    stop, thinking = known.stop_sequences, known.thinking
    return ChatRequest(
        model=known.model,
        messages=tuple(decode_message(m, f"messages[{i}]") for i, m in enumerate(known.messages)),
        stream=bool(known.stream),
        stop=None if stop is None else tuple(stop),
        tools=tuple(
            decode_tool(NAME, tool, f"tools[{i}]") for i, tool in enumerate(known.tools or ())
        ),
        tool_choice=_decode_choice(known.tool_choice),
        response_format=_decode_format(known.response_format),
        reasoning_effort=effort,
        reasoning_budget=budget,
        protocol=NAME,
        extra=rest(body, *_KNOWN),
        metadata=keep(NAME, {RAW: {"thinking": thinking}} if thinking else {}),
        **{name: getattr(known, name) for name in _SAME},
        **{ours: getattr(known, theirs) for theirs, ours in _RENAMED.items()},
    )


def _decode_choice(choice: str | None) -> str | None:
    if choice is not None and choice not in _CHOICES:
        message = f"tool_choice is {choice!r}: use REQUIRED or NONE"
        raise InvalidRequest(message, param="tool_choice")
    return None if choice is None else _CHOICES[choice]


def _decode_format(form: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """``schema`` was the older word for ``json_schema``."""
    if form is None:
        return None
    schema = form.get("json_schema") or form.get("schema")
    if form.get("type") != "json_object" or not isinstance(schema, Mapping):
        return dict(form)
    others = rest(form, "type", "json_schema", "schema")
    return {"type": "json_schema", "json_schema": {"schema": schema}, **others}


def _decode_thinking(thinking: Mapping[str, Any] | None) -> tuple[str | None, int | None]:
    """The effort and the budget."""
    match thinking:
        case {"type": "disabled"}:
            return "none", None
        case {"type": "enabled", "token_budget": int(budget)} if not isinstance(budget, bool):
            return None, budget
        case {"type": "enabled"}:
            return None, -1  # as many as the model likes
        case None | {"type": str()}:
            return None, None
        case _:
            raise InvalidRequest("thinking.type is missing", param="thinking.type")


def encode_request(request: ChatRequest) -> dict[str, Any]:
    """The JSON body that asks it; what Cohere has no word for is left out."""
    own = request.protocol == NAME
    spoken = request.messages if own else map(in_our_words, request.messages)
    messages = [value for message in spoken for value in encode_message(message)]
    body: dict[str, Any] = {"model": request.model, "messages": messages, "stream": request.stream}
    for name, ours in ({name: name for name in _SAME} | _RENAMED).items():
        if (value := getattr(request, ours)) is not None:
            body[name] = value
    if request.stop is not None:
        body["stop_sequences"] = list(request.stop)
    if tools := [encode_tool(NAME, whole(tool)) for tool in known_to(NAME, request.tools)]:
        body["tools"] = tools
    said = {
        "tool_choice": _encode_choice(request.tool_choice) if tools or own else None,
        "response_format": _encode_format(request.response_format),
        "thinking": _encode_thinking(request),
    }
    body |= {name: value for name, value in said.items() if value is not None}
    return body | dict(request.extra if request.protocol in ("", NAME) else {})


def unsaid(request: ChatRequest) -> Iterator[str]:
    """What is left out of a request though Cohere has words for the like of it: a choice of tools
    that are not there, an image that is nowhere. Its own words are said as they came."""
    if request.protocol == NAME:
        return
    if not any(known_to(NAME, request.tools)):
        yield from ("tool_choice.none", "tool_choice.required")
    if any(is_nowhere(part) for message in request.messages for part in message.content):
        yield "image.url"


def _encode_choice(choice: str | Mapping[str, Any] | None) -> str | None:
    """Left to the model where nothing is said; one tool alone cannot be named."""
    match choice:
        case "none":
            return "NONE"
        case "required" | {"name": _}:
            return "REQUIRED"
        case _:
            return None


def _encode_format(form: Mapping[str, Any] | None) -> dict[str, Any] | None:
    match form:
        case {"type": "json_schema", "json_schema": {"schema": dict() as schema}}:
            others = rest(form or {}, "type", "json_schema")
            return {"type": "json_object", "json_schema": schema, **others}
        case {"type": "json_schema"}:
            return {"type": "json_object"}
        case {"type": "json_object" | "text"}:
            return dict(form or {})
        case _:
            return None


def _encode_thinking(request: ChatRequest) -> dict[str, Any] | None:
    effort, budget = request.reasoning_effort, request.reasoning_budget
    kept = kept_for(NAME, request.metadata).get(RAW, {}).get("thinking")
    if isinstance(kept, Mapping) and _decode_thinking(kept) == (effort, budget):
        return dict(kept)
    if effort is None and budget is None:
        return None
    if effort == "none" or budget == 0:
        return {"type": "disabled"}
    tokens = budget if budget is not None else budget_for(effort or "")
    return {"type": "enabled", "token_budget": tokens} if tokens and tokens > 0 else _ENABLED


_ENABLED: dict[str, Any] = {"type": "enabled"}
