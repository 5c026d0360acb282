"""The response object of OpenAI Responses: an answer as a whole, and its frame in a stream."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from penstock.events import Finish, Reply
from penstock.protocols import call_ids
from penstock.protocols.openai_responses.answer import INCOMPLETE, STOPPED
from penstock.protocols.openai_responses.items import encode_items
from penstock.protocols.openai_responses.marks import make_id, split_marks
from penstock.protocols.openai_responses.usage import encode_usage
from penstock.types import Message

Json = dict[str, Any]

NAMELESS = "resp_penstock"
NO_ARGUMENTS = "{}"
_COMPLETED = {"status": "completed"}
_OURS: dict[str, Json] = {
    "message": _COMPLETED,
    "function_call": _COMPLETED,
    "custom_tool_call": _COMPLETED,
    "reasoning": {},
}
"""The items that our parts become; all others came whole. What they say beside their shape."""
_WHY = {"length": "max_output_tokens", "content_filter": "content_filter"}


def frame(id: str, model: str, created: int | None = None) -> Json:
    """A response that has just begun. OpenAI's clients want every field of it."""
    return {
        "id": id or NAMELESS,
        "object": "response",
        "created_at": int(time.time()) if created is None else created,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "model": model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": {},
    }


def encode_response(reply: Reply) -> Json:
    """The whole answer."""
    finish = reply.finish or Finish("unknown")
    response = frame(reply.id, reply.model)
    output = encode_output(reply.message, response["id"])
    return {**response, "output": output, **encode_finish(finish)}


def encode_finish(finish: Finish) -> Json:
    """How the answer ended, and what it spent; nothing invented where nobody knows."""
    raw, kept = split_marks(finish.metadata)
    said, details = finish.raw_reason, raw.get("incomplete_details")
    status: str | None
    match finish.reason:
        case "stop" | "tool_calls":
            status, details = (said if said in STOPPED else "completed"), None
        case "length" | "content_filter":
            status = "incomplete"
            why = details.get("reason") if isinstance(details, Mapping) else None
            if INCOMPLETE.get(str(why)) != finish.reason:
                details = {"reason": _WHY[finish.reason]}
        case _:
            status = said
    usage = None if finish.usage is None else encode_usage(finish.usage)
    done = int(time.time()) if status in STOPPED else None
    ended = {"status": status, "completed_at": done, "incomplete_details": details}
    return {**kept, **ended, "usage": usage}


def encode_output(message: Message, answer: str) -> list[Json]:
    """The items of an answer, each with an id that no other has."""
    taken: set[str] = set()
    items = []
    for number, item in enumerate(encode_items(message)):
        kind = item.get("type")
        if kind not in _OURS:
            items.append(item)
            continue
        id = named(item.get("id"), kind, answer, number, taken)
        items.append({**_OURS[kind], **item, "id": id})
        if item.get("call_id") == "":
            items[-1]["call_id"] = call_ids.make(answer, number)
        if item.get("arguments") == "":  # callers read it as JSON
            items[-1]["arguments"] = NO_ARGUMENTS
        if kind == "message":
            items[-1]["content"] = encode_content(item["content"])
    return items


def named(id: Any, kind: str, answer: str, number: int, taken: set[str]) -> str:
    """An item's id: its own, or a made one where it has none or another item has it."""
    is_free = isinstance(id, str) and id and id not in taken
    name: str = id if is_free else make_id(kind, answer, number)
    taken.add(name)
    return name


def encode_content(content: str | list[Json]) -> list[Json]:
    """The parts of an answer's message, with what a text must have there."""
    if isinstance(content, str):
        content = [{"type": "output_text", "text": content}]
    return [
        {"annotations": [], "logprobs": [], **part} if part.get("type") == "output_text" else part
        for part in content
    ]
