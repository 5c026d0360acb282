"""What a text rests on: Anthropic's citations, and those that any protocol can say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.protocols.kept import keep, kept_for
from penstock.protocols.loss import RAW
from penstock.types import CITATIONS, Metadata

NAME = "anthropic_messages"

_PLACES = {"url": ("url", "source"), "title": ("title", "document_title"), "text": ("cited_text",)}


def keep_citations(kept: dict[str, Any], **shared: Any) -> Metadata | None:
    """Metadata for what stands beside a text: its citations as any protocol can say them, too."""
    notes = kept.get("citations")
    notes = notes if isinstance(notes, list) else []
    neutral = [said for note in notes if (said := _decode(note))]
    if neutral and len(neutral) == len(notes):
        kept = {key: value for key, value in kept.items() if key != "citations"}
        kept[RAW] = {"citations": notes}
    return keep(NAME, kept, **shared, **{CITATIONS: neutral})


def _decode(note: Any) -> dict[str, Any]:
    if not isinstance(note, Mapping):
        return {}
    return {
        ours: note[theirs]
        for ours, keys in _PLACES.items()
        for theirs in keys
        if isinstance(note.get(theirs), str)
    }


def citations_of(metadata: Metadata | None) -> list[Any]:
    """The citations of a text as Anthropic says them; another protocol's as web results, whose
    place in the service's own index nobody knows."""
    kept = kept_for(NAME, metadata)
    own = [*kept.get(RAW, {}).get("citations", ()), *_listed(kept.get("citations"))]
    return own or [_encode(said) for said in _listed((metadata or {}).get(CITATIONS))]


def _encode(said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "web_search_result_location",
        "url": said.get("url", ""),
        "title": said.get("title") or said.get("url", ""),
        "cited_text": said.get("text", ""),
        "encrypted_index": "",
    }


def _listed(value: Any) -> list[Any] | tuple[Any, ...]:
    return value if isinstance(value, list | tuple) else []
