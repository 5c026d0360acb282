"""The judges, and what is put before them: an answer's events, written as each protocol says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

from penstock.events import Event, Reply, collect
from penstock.protocols import Protocol, call_ids, json, shelf
from penstock.types import ChatRequest
from protocols.judges import (
    anthropic_messages,
    bedrock_converse,
    cohere_v2_chat,
    gemini_generate,
    mistral_chat,
    ollama_chat,
    openai_chat,
    openai_responses,
)
from protocols.judges.facts import facts
from protocols.judges.seen import Seen

JUDGES: Mapping[str, ModuleType] = {
    "anthropic_messages": anthropic_messages,
    "bedrock_converse": bedrock_converse,
    "cohere_v2_chat": cohere_v2_chat,
    "gemini_generate": gemini_generate,
    "mistral_chat": mistral_chat,
    "ollama_chat": ollama_chat,
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
}
"""Each protocol's own SDK: ``read_stream``, ``read_whole``, ``fail``, and ``list_models``."""


class Way(NamedTuple):
    """A way to read a stream beside ``read_stream``: what is asked, what the SDK is to say, and
    which answers it can say it of. It reads one in ``every`` so many answers: some are slow."""

    read: Callable[[bytes], Seen]
    asked: Mapping[str, Any] | None
    told: Callable[[Protocol, Reply], Seen]
    can: Callable[[Reply], bool]
    every: int = 5


def _as_gathered(protocol: Protocol, reply: Reply) -> Seen:
    return facts(protocol, reply, whole=True)


def _as_anthropic_gathers(protocol: Protocol, reply: Reply) -> Seen:
    """The numbers of its start are noughts, those of its end replace them; a total is not read."""
    told = facts(protocol, reply, whole=True)
    if reply.usage is None:
        return told._replace(usage={"input": 0, "output": 0})
    said = {name: number for name, number in (told.usage or {}).items() if name != "total"}
    return told._replace(usage={"input": 0, **said})


def _has_objects(reply: Reply) -> bool:
    """What the SDK gathers of arguments that are no object is its own guess."""
    return all(_is_object(call.arguments) for call in reply.tool_calls)


def _is_object(arguments: str) -> bool:
    try:
        return not arguments or isinstance(json.loads(arguments.encode()), dict)
    except json.UNREADABLE:
        return False


def _can_gather_chat(reply: Reply) -> bool:
    """The SDK refuses to gather an answer that was cut short or filtered, a custom tool's call, and
    what its older functions were called with."""
    finish = reply.finish
    cut = finish is not None and finish.reason in ("length", "content_filter")
    kinds = ((call.metadata or {}).get("openai_chat", {}) for call in reply.tool_calls)
    return not cut and all("type" not in kept for kept in kinds)


_USAGE_TOO = {"openai_chat": {"raw": {"stream_options": {"include_usage": True}}}}
_AS_ARRAY = {"gemini_generate": {"raw": {"alt": "json"}}}

ASKED: Mapping[str, Mapping[str, Any]] = {"openai_chat": _USAGE_TOO}
"""What the request for a stream said, beside the model."""

MORE_WAYS: Mapping[str, Way] = {
    "anthropic_messages": Way(
        anthropic_messages.read_gathered, None, _as_anthropic_gathers, _has_objects
    ),
    "openai_chat": Way(openai_chat.read_gathered, _USAGE_TOO, _as_gathered, _can_gather_chat),
    "openai_responses": Way(openai_responses.read_gathered, None, _as_gathered, lambda reply: True),
    "gemini_generate": Way(
        gemini_generate.read_array, _AS_ARRAY, _as_gathered, lambda reply: True, every=1
    ),
}


@cache
def protocol(name: str) -> Protocol:
    """The protocol of that name."""
    return shelf.find()[name]()


def written(name: str, events: Iterable[Event], asked: Mapping[str, Any] | None = None) -> bytes:
    """A stream, as the protocol writes it."""
    encoder = protocol(name).encoder(ChatRequest(model="asked", metadata=asked))
    return b"".join(map(encoder.encode, events)) + encoder.close()


def differences(name: str, events: tuple[Event, ...], number: int = 0) -> Iterator[str]:
    """What the SDK of the protocol ``name`` reads otherwise than it was said; ``number``: which of
    many answers this is."""
    judge, ours, reply = JUDGES[name], protocol(name), collect(events)

    def stream(asked: Mapping[str, Any] | None) -> Callable[[], bytes]:
        return lambda: written(name, events, asked)

    told = facts(ours, reply, whole=False)
    yield from _compare("stream", judge.read_stream, stream(ASKED.get(name)), told)
    way = MORE_WAYS.get(name)
    if way is not None and number % way.every == 0 and way.can(reply):
        told = way.told(ours, reply)
        yield from _compare("stream, read otherwise", way.read, stream(way.asked), told)
    told = facts(ours, reply, whole=True)
    yield from _compare(
        "whole", judge.read_whole, lambda: json.encode(ours.encode_response(reply)), told
    )


def _compare(
    how: str, read: Callable[[bytes], Seen], write: Callable[[], bytes], told: Seen
) -> Iterator[str]:
    """Every way to fail is told with the case it is of: an exception of the SDK is a difference."""
    try:
        seen = _named(read(write()), told)
    except Exception as error:
        yield f"{how}: {type(error).__name__}: {str(error)[:300]}"
        return
    for field, (was, due) in seen.unlike(told).items():
        yield f"{how}: {field} is read as {was!r:.300}, said was {due!r:.300}"


def _named(seen: Seen, told: Seen) -> Seen:
    """Where nobody named the answer, its model or a call, a made one will do."""
    nameless = {number for number, call in enumerate(told.calls) if not call.id}
    calls = (
        call._replace(id="") if number in nameless and call_ids.is_made(call.id) else call
        for number, call in enumerate(seen.calls)
    )
    return seen._replace(
        id=seen.id if told.id else "",
        model=seen.model if told.model else "",
        calls=tuple(calls),
    )
