"""Cohere's citations: which words of the answer rest on which documents or tools' answers.

    {"start", "end", "text", "sources": [{"type", "id", "document" | "tool_output"}],
     "content_index"?, "type"}

``start`` and ``end`` count characters of the content block ``content_index``; ``text`` is what
stands there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from penstock.protocols.cohere_v2_chat.names import NAME
from penstock.protocols.kept import kept_for
from penstock.types import CITATIONS, Metadata


def cited(citations: list[Any]) -> dict[str, Any]:
    """Metadata of a text that holds these citations: in anyone's words, and as they came."""
    shared = [said for citation in citations for said in _decode(citation)]
    own = {NAME: {"citations": citations}}
    return {CITATIONS: shared, **own} if shared else own


def _decode(citation: Any) -> Iterator[dict[str, Any]]:
    """One of ours for each source."""
    if not isinstance(citation, Mapping):
        return
    place = {key: citation[key] for key in ("start", "end") if type(citation.get(key)) is int}
    sources = citation.get("sources")
    for source in sources if isinstance(sources, list) else ():
        if isinstance(source, Mapping):
            yield {**_source(source), **place}


def _source(source: Mapping[str, Any]) -> dict[str, Any]:
    held = source.get("document") or source.get("tool_output")
    held = held if isinstance(held, Mapping) else {}
    id = source.get("id")
    is_address = isinstance(id, str) and id.startswith(("http://", "https://"))
    found = {
        "url": held.get("url") or (id if is_address else None),
        "title": held.get("title"),
        "text": held.get("text") or held.get("snippet") or held.get("content"),
    }
    return {key: item for key, item in found.items() if item and isinstance(item, str)}


def citations_of(metadata: Metadata | None, text: str, number: int) -> list[Any]:
    """Cohere's citations for a text, the content block ``number``: those that came, else what
    another protocol said."""
    own = kept_for(NAME, metadata).get("citations")
    if isinstance(own, list | tuple):
        return list(own)
    shared = (metadata or {}).get(CITATIONS)
    return list(_encode(shared, text, number)) if isinstance(shared, list | tuple) else []


def _encode(shared: Iterable[Any], text: str, number: int) -> Iterator[dict[str, Any]]:
    for place, said in enumerate(shared):
        if not isinstance(said, Mapping):
            continue
        start, end = said.get("start"), said.get("end")
        document = {key: said[key] for key in ("title", "url", "text") if key in said}
        id = str(said.get("url") or f"doc:{place}")
        value: dict[str, Any] = {"start": start, "end": end}
        if isinstance(start, int) and isinstance(end, int):
            value["text"] = text[start:end]
        source = {"type": "document", "id": id, "document": {"id": id, **document}}
        value |= {"sources": [source], "content_index": number, "type": "TEXT_CONTENT"}
        yield {key: item for key, item in value.items() if item is not None}
