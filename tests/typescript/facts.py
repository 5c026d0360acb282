"""What a reply says, and what an SDK read, in one form: to be compared fact by fact."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from penstock.events import Reply
from penstock.protocols import call_ids
from penstock.types import RefusalPart, TextPart, Usage
from typescript.node import Call, Said

_VERCELS_OWN = re.compile("[A-Za-z0-9]{16}")


class SDK(Struct, frozen=True):
    """How one SDK speaks: its words for the reasons and its places for the numbers.

    ``refuses``: it tells a refusal from other text; ``judges``: it takes one for a filter's.
    ``deduces``: that tools are called is seen by the calls. ``unread``: facts that it has no eyes
    for, each with the mode. ``cached_apart`` and ``reasoning_apart``: the sense (see ``Usage``)
    in which the numbers go over the wire; ``adds``: it adds them up again. ``names_calls``: ids
    are made, by it or by us, for calls that have none.
    """

    reasons: Mapping[str, str]
    numbers: Mapping[str, str]
    modes: tuple[str, ...] = ("whole", "stream", "helper")
    refuses: bool = True
    judges: bool = False
    deduces: bool = False
    unread: frozenset[tuple[str, str]] = frozenset()
    cached_apart: bool = False
    reasoning_apart: bool = False
    adds: bool = False
    names_calls: bool = False


_CHAT = SDK(
    {
        "stop": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "function_call": "tool_calls",
        "content_filter": "content_filter",
    },
    {
        "input": "prompt_tokens",
        "output": "completion_tokens",
        "cached_input": "prompt_tokens_details.cached_tokens",
        "cache_write": "prompt_tokens_details.cache_write_tokens",
        "reasoning": "completion_tokens_details.reasoning_tokens",
    },
    # Its collector keeps the last piece only of what OpenAI itself never says.
    unread=frozenset([("helper", "reasoning")]),
)
_RESPONSES = SDK(
    {"completed": "stop", "max_output_tokens": "length", "content_filter": "content_filter"},
    {
        "input": "input_tokens",
        "output": "output_tokens",
        "cached_input": "input_tokens_details.cached_tokens",
        "cache_write": "input_tokens_details.cache_write_tokens",
        "reasoning": "output_tokens_details.reasoning_tokens",
    },
)
_ANTHROPIC = SDK(
    {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "pause_turn": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
    },
    {
        "input": "input_tokens",
        "output": "output_tokens",
        "cached_input": "cache_read_input_tokens",
        "cache_write": "cache_creation_input_tokens",
    },
    refuses=False,
    cached_apart=True,
)
_VERCEL = SDK(
    {
        "stop": "stop",
        "length": "length",
        "tool-calls": "tool_calls",
        "content-filter": "content_filter",
    },
    {
        "input": "inputTokens",
        "output": "outputTokens",
        "cached_input": "inputTokenDetails.cacheReadTokens",
        "cache_write": "inputTokenDetails.cacheWriteTokens",
        "reasoning": "outputTokenDetails.reasoningTokens",
    },
    modes=("whole", "stream"),
    refuses=False,
)


def _counting(*names: str) -> dict[str, str]:
    return {name: place for name, place in _VERCEL.numbers.items() if name in names}


SDKS = {
    "openai chat": _CHAT,
    "openai responses": replace(_RESPONSES, deduces=True, names_calls=True),
    "anthropic": _ANTHROPIC,
    "ai openai chat": replace(
        _VERCEL,
        judges=True,
        unread=frozenset((mode, "reasoning") for mode in _VERCEL.modes),
    ),
    "ai openai responses": replace(_VERCEL, judges=True, deduces=True, names_calls=True),
    "ai anthropic": replace(
        _VERCEL,
        cached_apart=True,
        adds=True,
    ),
    "ai google": replace(
        _VERCEL,
        numbers=_counting("input", "output", "cached_input", "reasoning"),
        reasoning_apart=True,
        adds=True,
        names_calls=True,
        deduces=True,
    ),
}


class Facts(Struct, frozen=True):
    """What must be the same."""

    text: str
    reasoning: str
    refusal: str
    calls: list[Call]
    reason: str
    usage: dict[str, int]


def of_reply(reply: Reply, sdk: SDK) -> Facts:
    """What that SDK should read."""
    aloud = (TextPart,) if sdk.refuses else (TextPart, RefusalPart)
    reason = reply.finish.reason if reply.finish else "unknown"
    calls = [Call(_id(c.id, sdk), c.name, _parsed(c.arguments)) for c in reply.tool_calls]
    return Facts(
        text="".join(part.text for part in reply.message.content if isinstance(part, aloud)),
        reasoning=_joined(reply.reasoning),
        refusal=reply.refusal if sdk.refuses else "",
        calls=_ordered(calls),
        reason=_deduced(
            "content_filter" if sdk.judges and reply.refusal and reason == "stop" else reason,
            bool(calls),
            sdk,
        ),
        usage=_numbers(reply.usage or Usage(), sdk),
    )


def of_said(said: Said, sdk: SDK) -> Facts:
    """What that SDK did read."""
    calls = [Call(_id(c.id, sdk), c.name, _uncut(c.arguments)) for c in said.calls]
    return Facts(
        text=said.text,
        reasoning=_joined(said.reasoning),
        refusal=said.refusal,
        calls=_ordered(calls),
        reason=_deduced(sdk.reasons.get(said.finish or "", "unknown"), bool(calls), sdk),
        usage={name: _at(said.usage or {}, place) for name, place in sdk.numbers.items()},
    )


def is_cut(reply: Reply) -> bool:
    """Whether the model did not get to the end of some arguments."""
    return any(isinstance(_parsed(call.arguments), str) for call in reply.tool_calls)


def _id(id: str, sdk: SDK) -> str:
    is_made = sdk.names_calls and (call_ids.is_made(id) or _VERCELS_OWN.fullmatch(id))
    return "" if is_made else id


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def _uncut(arguments: Any) -> Any:
    """What is said of arguments that are no JSON, where they must be an object."""
    match arguments:
        case {"INVALID_JSON": text}:
            return text
        case _:
            return arguments


def _joined(text: str) -> str:
    """Without white space: SDKs differ in what stands between two thoughts."""
    return "".join(text.split())


def _ordered(calls: list[Call]) -> list[Call]:
    return sorted(calls, key=lambda call: (call.id, call.name, str(call.arguments)))


def _deduced(reason: str, calls: bool, sdk: SDK) -> str:
    return "tool_calls" if sdk.deduces and reason == "stop" and calls else reason


def _numbers(usage: Usage, sdk: SDK) -> dict[str, int]:
    """The numbers in the SDK's sense; what nobody said is 0."""
    if sdk.adds:
        usage = replace(usage, input=usage.input or 0, output=usage.output or 0)
    said = usage.in_sense(cached_apart=sdk.cached_apart, reasoning_apart=sdk.reasoning_apart)
    if sdk.adds:
        said = said.in_sense()
    return {name: getattr(said, name) or 0 for name in sdk.numbers}


def _at(usage: Mapping[str, Any], place: str) -> int:
    found: Any = usage
    for key in place.split("."):
        found = (found or {}).get(key)
    return found or 0
