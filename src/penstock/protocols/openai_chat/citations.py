"""What a text rests on: OpenAI's annotations, and the citations that any protocol can say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.protocols.kept import rest
from penstock.protocols.loss import RAW
from penstock.protocols.openai_chat.request_decode import NAME
from penstock.types import CITATIONS, Metadata

_NEUTRAL = {"url": "url", "title": "title", "start_index": "start", "end_index": "end"}
_KIND = "url_citation"


def with_citations(rare: dict[str, Any]) -> Metadata | None:
    """Metadata for what stands beside a text: its annotations as citations too, where they are."""
    annotations = rare.get("annotations")
    if not annotations:
        return {NAME: rare} if rare else None
    annotations = [_unnumbered(note) for note in annotations]
    rare = {**rare, "annotations": annotations}
    citations = [said for note in annotations if (said := decode_citation(note))]
    if not citations:
        return {NAME: rare}
    if len(citations) < len(annotations):
        return {NAME: rare, CITATIONS: citations}
    others = rest(rare, "annotations")
    return {NAME: {**others, RAW: {"annotations": annotations}}, CITATIONS: citations}


def _unnumbered(note: Any) -> Any:
    """An annotation without the number by which a stream's are gathered."""
    return rest(note, "index") if isinstance(note, Mapping) else note


def decode_citation(note: Any) -> dict[str, Any] | None:
    """The citation that an annotation is, or ``None``."""
    cited = note.get(_KIND) if isinstance(note, Mapping) else None
    if not isinstance(cited, Mapping):
        return None
    return {ours: cited[theirs] for theirs, ours in _NEUTRAL.items() if theirs in cited}


def encode_citations(citations: Iterable[Any]) -> list[dict[str, Any]]:
    """Annotations that say these citations; those without an address have no place. OpenAI's type
    has four fields, and callers refuse one with less: places unknown are 0."""
    return [
        {"type": _KIND, _KIND: _annotation(said)}
        for said in citations
        if isinstance(said, Mapping) and said.get("url")
    ]


def _annotation(said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "start_index": said.get("start", 0),
        "end_index": said.get("end", 0),
        "url": said["url"],
        "title": said.get("title") or said["url"],
    }


def beside_text(metadata: Metadata | None) -> dict[str, Any]:
    """What stands beside a text, as OpenAI says it."""
    if not metadata:
        return {}
    kept = dict(metadata.get(NAME, {}))
    notes = [*kept.pop(RAW, {}).get("annotations", ()), *kept.get("annotations", ())]
    if notes := notes or encode_citations(metadata.get(CITATIONS, ())):
        kept["annotations"] = notes
    return kept
