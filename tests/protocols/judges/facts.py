"""The facts of a reply, as a reader of each protocol is to see them.

What a protocol declares that it cannot answer (``Protocol.cannot_answer``) is left out, as is what
its own SDK has no place for (``Manner``). The words are the vendors' own, from their references.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from penstock.events import Finish, FinishReason, Reply
from penstock.protocols import Protocol, call_ids, json
from penstock.types import ReasoningPart, RefusalPart, TextPart, Usage
from protocols.judges.seen import Call, Seen

NUMBERS = ("input", "output", "total", "cached_input", "cache_write", "reasoning")


class Manner(NamedTuple):
    """How a protocol says an answer, and its SDK reads it.

    ``words``: the finish reasons, the first for an answer from elsewhere; ``no_word`` where nobody
    gave one. ``objects``: whether arguments are objects in streams and whole answers; ``nothing``:
    the text of a call without arguments, in either; ``wraps``: free text is told as an object
    that holds it, where arguments are text too. ``numbers``: what of the usage has a
    place; ``sums``: the total is made where nobody said it; ``needed``: numbers that are 0 where
    nobody said them, and told to be so beside; ``unspent``: what stands for no usage at all.
    """

    words: Mapping[FinishReason, tuple[str, ...]]
    no_word: str | None = None
    objects: tuple[bool, bool] = (False, False)
    nothing: tuple[str, str] = ("", "")
    wraps: bool = False
    numbers: tuple[str, ...] = NUMBERS
    sums: bool = False
    needed: tuple[str, ...] = ()
    unspent: Mapping[str, int] | None = None
    cached_apart: bool = False
    reasoning_apart: bool = False
    call_ids: bool = True


_CHAT: Mapping[FinishReason, tuple[str, ...]] = {
    "stop": ("stop",),
    "length": ("length",),
    "tool_calls": ("tool_calls",),
    "content_filter": ("content_filter",),
}

MANNERS: Mapping[str, Manner] = {
    "openai_chat": Manner(
        {**_CHAT, "tool_calls": ("tool_calls", "function_call")}, nothing=("{}", "{}"), sums=True
    ),
    "mistral_chat": Manner(
        {**_CHAT, "length": ("length", "model_length")}, nothing=("{}", "{}"), sums=True
    ),
    "openai_responses": Manner(
        {
            "stop": ("completed", "complete"),
            "tool_calls": ("completed", "complete"),
            "length": ("incomplete: max_output_tokens",),
            "content_filter": ("incomplete: content_filter",),
        },
        nothing=("{}", "{}"),
    ),
    "anthropic_messages": Manner(
        {
            "stop": ("end_turn", "stop_sequence", "pause_turn"),
            "length": ("max_tokens", "model_context_window_exceeded"),
            "tool_calls": ("tool_use",),
            "content_filter": ("refusal",),
        },
        objects=(False, True),
        wraps=True,
        needed=("input", "output"),
        cached_apart=True,
    ),
    "bedrock_converse": Manner(
        {
            "stop": ("end_turn", "stop_sequence"),
            "length": ("max_tokens", "model_context_window_exceeded"),
            "tool_calls": ("tool_use",),
            "content_filter": ("content_filtered", "guardrail_intervened"),
        },
        objects=(False, True),
        sums=True,
        unspent={"input": 0, "output": 0, "total": 0},
        cached_apart=True,
    ),
    "gemini_generate": Manner(
        {
            "stop": ("STOP",),
            "tool_calls": ("STOP",),
            "length": ("MAX_TOKENS",),
            "content_filter": (
                "SAFETY",
                "RECITATION",
                "BLOCKLIST",
                "PROHIBITED_CONTENT",
                "SPII",
                "IMAGE_SAFETY",
                "IMAGE_PROHIBITED_CONTENT",
                "IMAGE_RECITATION",
            ),
        },
        no_word="FINISH_REASON_UNSPECIFIED",
        objects=(True, True),
        reasoning_apart=True,
    ),
    "cohere_v2_chat": Manner(
        {
            "stop": ("COMPLETE", "STOP_SEQUENCE"),
            "length": ("MAX_TOKENS",),
            "tool_calls": ("TOOL_CALL",),
            "content_filter": ("ERROR_TOXIC",),
        },
        nothing=("", "{}"),
        numbers=("input", "output", "cached_input", "reasoning"),
    ),
    "ollama_chat": Manner(
        {
            "stop": ("stop",),
            "tool_calls": ("stop",),
            "length": ("length",),
            "content_filter": ("content_filter",),
        },
        objects=(True, True),
        numbers=("input", "output"),
        call_ids=False,  # on the wire they are, but the SDK has no place for them
    ),
}


def facts(protocol: Protocol, reply: Reply, whole: bool) -> Seen:
    """What a reader is to see of ``reply``, in a stream or ``whole``."""
    manner, cannot = MANNERS[protocol.name], protocol.cannot_answer
    finish = reply.finish
    assert finish is not None, "nobody is told of an answer that did not end"
    separate = "refusal" not in cannot
    return Seen(
        id="" if "id" in cannot else reply.id,
        model="" if "model" in cannot else reply.model,
        text=reply.text if separate else _spoken(reply),
        reasoning="" if "reasoning" in cannot else reply.reasoning,
        signature="" if "reasoning.signature" in cannot else _signatures(protocol.name, reply),
        refusal=reply.refusal if separate else "",
        calls=tuple(_calls(protocol.name, reply, whole)),
        finish=_finish(manner, finish),
        usage=_usage(manner, cannot, finish.usage),
    )


def _spoken(reply: Reply) -> str:
    """All that was said aloud, in its order, where a refusal is text like any other."""
    parts = reply.message.content
    return "".join(part.text for part in parts if isinstance(part, TextPart | RefusalPart))


def _signatures(name: str, reply: Reply) -> str:
    thoughts = [part for part in reply.message.content if isinstance(part, ReasoningPart)]
    return "".join(_signature(name, thought) for thought in thoughts)


def _signature(name: str, thought: ReasoningPart) -> str:
    if name == "openai_chat":
        details = (thought.metadata or {}).get(name, {}).get("reasoning_details", ())
        return thought.signature or "".join(one.get("signature") or "" for one in details)
    return thought.signature


def _calls(name: str, reply: Reply, whole: bool) -> list[Call]:
    manner = MANNERS[name]
    return [
        Call(
            _call_id(name, reply, number) if manner.call_ids else "",
            call.name,
            _arguments(manner, call.arguments, whole),
        )
        for number, call in enumerate(reply.tool_calls)
    ]


def _arguments(manner: Manner, said: str, whole: bool) -> Any:
    if manner.objects[whole]:
        return _object(said)
    if manner.wraps and not said.lstrip().startswith("{"):
        held = _object(said)
        return json.encode(held).decode() if held else ""
    return said or manner.nothing[whole]


def _call_id(name: str, reply: Reply, number: int) -> str:
    """Gemini's calls often have no id; one that can be made again of the answer's is not said."""
    id = reply.tool_calls[number].id
    is_made = name == "gemini_generate" and reply.id and id == call_ids.make(reply.id, number)
    return "" if is_made else id


def _object(arguments: str) -> Any:
    """The object that the arguments are; what is none is wrapped, and nothing is an empty one."""
    try:
        value = json.loads(arguments.encode(errors="surrogatepass")) if arguments.strip() else {}
    except json.UNREADABLE:
        value = arguments
    if isinstance(value, dict):
        return value
    return {} if value is None else {"INVALID_JSON": arguments}


def _finish(manner: Manner, finish: Finish) -> str | None:
    """The reason in the vendor's words: its own if it gave one that means the same."""
    if finish.reason == "unknown":
        return finish.raw_reason or manner.no_word
    words = manner.words[finish.reason]
    return finish.raw_reason if finish.raw_reason in words else words[0]


def _usage(manner: Manner, cannot: frozenset[str], usage: Usage | None) -> Mapping[str, int] | None:
    if usage is None or "usage" in cannot:
        return manner.unspent
    ours = usage.in_sense(cached_apart=manner.cached_apart, reasoning_apart=manner.reasoning_apart)
    names = [name for name in manner.numbers if f"usage.{name}" not in cannot]
    said = {name: getattr(ours, name) for name in names}
    if manner.sums and ours.total is None and None not in (ours.input, ours.output):
        said["total"] = _sum(ours)
    said |= {name: 0 for name in manner.needed if said[name] is None}
    return {name: number for name, number in said.items() if number is not None} or None


def _sum(usage: Usage) -> int:
    apart = (usage.cached_input or 0) + (usage.cache_write or 0) if usage.cached_apart else 0
    return (usage.input or 0) + (usage.output or 0) + apart
