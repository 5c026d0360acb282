"""What of an item stays in our metadata: ids, shapes and what only this protocol understands.

``metadata["openai_responses"]`` of a part, in an answer as in a request:

    raw.id, raw.status   of the item that the part came in
    raw.apart            the text begins a message of its own, though the part before is text too
    raw.kind             ``reasoning_text``: reasoning as the model wrote it, no summary of it
    raw.starts           where the second and later texts of one reasoning item begin
    raw.type             the type of a text or a tool's answer where it is not the usual one
    raw.instructions     (of a message) said beside the input, not in it
    item                 what else the message says of itself (``phase``)
    block                (of a text of nothing) an item that only this protocol understands
    part                 (of a text of nothing) such a part of a message
    type                 ``custom``: a call whose arguments are no JSON
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.protocols import call_ids
from penstock.protocols.kept import kept_for
from penstock.protocols.loss import RAW
from penstock.types import Metadata

NAME = "openai_responses"
RAW_REASONING = "reasoning_text"
BETWEEN = "\n\n"
"""What stands between the texts of one reasoning item, as OpenAI's own clients join them."""

_OURS = frozenset((RAW, "block", "part", "item"))
_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
}
_MADE = "_ps_"


def make_id(kind: str, answer: str, number: int) -> str:
    """An id for the item ``number`` of the answer called ``answer``, where it has none."""
    prefix = _PREFIXES.get(kind, "item")
    return prefix + _MADE + call_ids.make(answer, number).rpartition("_")[2]


def is_made(id: Any) -> bool:
    """Whether an item's id is one of ours, which no service has heard of."""
    return isinstance(id, str) and _MADE in id[:8]


def id_of(value: Mapping[str, Any]) -> str:
    """The service's own id of an item; "" where it has none."""
    id = value.get("id")
    return id if isinstance(id, str) and not is_made(id) else ""


def more(value: Mapping[str, Any], *known: str) -> dict[str, Any]:
    """What an answer's object says beyond the known keys; what says nothing is none of it."""
    return {
        key: item
        for key, item in value.items()
        if key not in known and key not in _OURS and item is not None and item != []
    }


def rest_of(value: Mapping[str, Any], *known: str) -> dict[str, Any]:
    """What a request's object says beyond the known keys, nulls included."""
    return {k: item for k, item in value.items() if k not in known and k not in _OURS}


def marked(raw: Mapping[str, Any], **kept: Any) -> dict[str, Any]:
    """What is kept of an object: marks of its shape, and what else it says."""
    said = {key: item for key, item in raw.items() if item is not None and item != ""}
    return {RAW: said, **kept} if said else dict(kept)


def split_marks(metadata: Metadata | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The marks of its shape that a part has, and what else is kept of it."""
    kept = kept_for(NAME, metadata)
    raw = kept.pop(RAW, None)
    return (dict(raw) if isinstance(raw, Mapping) else {}), kept


def join_texts(texts: Iterable[str]) -> tuple[str, list[int]]:
    """The texts of one reasoning item as one, and where the second and later ones begin."""
    whole, starts = "", []
    for text in texts:
        if whole and text:
            whole += BETWEEN
            starts.append(len(whole))
        whole += text
    return whole, starts


def split_text(text: str, starts: Any) -> list[str]:
    """The texts that ``join_texts`` joined; one, where ``starts`` are not of this text."""
    ours = isinstance(starts, list | tuple) and all(
        type(start) is int and text[max(start - len(BETWEEN), 0) : start] == BETWEEN
        for start in starts
    )
    if not text:
        return []
    if not ours or list(starts) != sorted(set(starts)):
        return [text]
    ends = [start - len(BETWEEN) for start in starts]
    return [text[a:b] for a, b in zip([0, *starts], [*ends, len(text)], strict=True)]
