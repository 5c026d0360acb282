"""What an answer says in any protocol: the facts that a translation must keep."""

from __future__ import annotations

from penstock.events import Reply
from penstock.protocols import json
from penstock.types import ReasoningPart, RefusalPart, TextPart


def facts(reply: Reply, cannot: frozenset[str] = frozenset()) -> dict[str, object]:
    """The facts, but for the features that ``cannot`` be said."""
    assert reply.finish
    parts = reply.message.content
    said: dict[str, object] = {
        "id": reply.id,
        "model": reply.model,
        "reasoning": reply.reasoning,
        "reasoning.signature": [
            part.signature for part in parts if isinstance(part, ReasoningPart) and part.signature
        ],
        "refusal": reply.refusal,
        "tool_calls": [(call.id, call.name, value(call.arguments)) for call in reply.tool_calls],
        "finish_reason": reply.finish.reason,
        "usage": None,
    }
    if reply.usage is not None:
        usage = reply.usage.in_sense()
        said |= {"usage": (usage.input, usage.output, usage.provenance)}
        for name in ("cached_input", "cache_write", "reasoning"):
            said[f"usage.{name}"] = getattr(usage, name) or None
    if "tool_calls" in cannot:
        del said["finish_reason"]  # there is no word for them there either
    words = [part.text for part in parts if isinstance(part, TextPart | RefusalPart)]
    text = "".join(words) if "refusal" in cannot else reply.text
    return {"text": text, **{name: what for name, what in said.items() if name not in cannot}}


def value(arguments: str) -> object:
    """What the arguments of a call mean; text that is no JSON means itself."""
    try:
        return json.loads(arguments.encode()) if arguments.strip() else {}
    except (*json.UNREADABLE, UnicodeEncodeError):
        return arguments
