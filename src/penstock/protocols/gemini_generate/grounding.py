"""What a text rests on: Gemini's grounding and citation metadata <-> neutral citations.

Gemini counts in bytes of all visible text of an answer, joined; a neutral citation stands on the
part that cites, and counts its characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

Citation = dict[str, Any]


class Said(Struct, frozen=True):
    """A visible text: the part's index, and its words."""

    index: int
    text: str


def citations(about: Mapping[str, Any], texts: Sequence[Said]) -> dict[int, list[Citation]]:
    """The citations of each part that a candidate's metadata is about."""
    found: dict[int, list[Citation]] = {}
    if not texts:
        return found
    for citation, start, end, words in _each(about):
        index, place = _place(texts, start, end, words)
        found.setdefault(index, []).append({**citation, **place})
    return found


_Cited = tuple[Citation, Any, Any, Any]
"""A citation, first and last byte of the words that cite, and these words."""


def _each(about: Mapping[str, Any]) -> Iterator[_Cited]:
    grounding, recited = about.get("groundingMetadata"), about.get("citationMetadata")
    if isinstance(grounding, Mapping):
        yield from _grounded(grounding)
    if isinstance(recited, Mapping):
        for source in _objects(recited, "citations") + _objects(recited, "citationSources"):
            if citation := _source(source):
                yield citation, source.get("startIndex", 0), source.get("endIndex"), None


def _grounded(grounding: Mapping[str, Any]) -> Iterator[_Cited]:
    chunks = [_chunk(chunk) for chunk in _objects(grounding, "groundingChunks")]
    used: set[int] = set()
    for support in _objects(grounding, "groundingSupports"):
        segment = support.get("segment")
        where = segment if isinstance(segment, Mapping) else {}
        numbers = support.get("groundingChunkIndices")
        for number in numbers if isinstance(numbers, list) else ():
            if type(number) is int and 0 <= number < len(chunks) and chunks[number]:
                used.add(number)
                start, end = where.get("startIndex", 0), where.get("endIndex")
                yield chunks[number], start, end, where.get("text")
    for number, chunk in enumerate(chunks):
        if chunk and number not in used:
            yield chunk, None, None, None


def _objects(value: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = value.get(key)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _chunk(chunk: Mapping[str, Any]) -> Citation:
    """A source: of the web, of the caller's documents, of a map."""
    for source in chunk.values():
        if isinstance(source, Mapping) and (citation := _source(source)):
            return citation
    return {}


def _source(source: Mapping[str, Any]) -> Citation:
    said = {"url": source.get("uri"), "title": source.get("title"), "text": source.get("text")}
    return {key: item for key, item in said.items() if item and isinstance(item, str)}


def _place(texts: Sequence[Said], start: Any, end: Any, words: Any) -> tuple[int, dict[str, int]]:
    """The part, and the characters in it, that these bytes are; where they do not hold together,
    the last part as a whole."""
    if type(start) is int and type(end) is int and 0 <= start <= end:
        before = 0
        for said in texts:
            data = said.text.encode(errors="replace")
            if before <= start and end <= before + len(data):
                if place := _characters(data, start - before, end - before, words):
                    return said.index, place
                break
            before += len(data)
    return texts[-1].index, {}


def _characters(data: bytes, start: int, end: int, words: Any) -> dict[str, int]:
    try:
        first, cited = len(data[:start].decode()), data[start:end].decode()
    except UnicodeDecodeError:
        return {}
    if words is not None and words != cited:
        return {}
    return {"start": first, "end": first + len(cited)}


def grounding(cited: Mapping[int, Sequence[Any]], texts: Iterable[Said]) -> dict[str, Any]:
    """Grounding metadata that says the neutral citations of these parts."""
    chunks: list[Any] = []
    supports: list[Any] = []
    before = 0
    for said in texts:
        for citation in cited.get(said.index, ()):
            if isinstance(citation, Mapping) and (chunk := _encode_chunk(citation)):
                if segment := _segment(citation, said.text, before):
                    support = {"segment": segment, "groundingChunkIndices": [len(chunks)]}
                    supports.append(support)
                chunks.append(chunk)
        before += len(said.text.encode(errors="replace"))
    value = {"groundingChunks": chunks, "groundingSupports": supports}
    return {key: item for key, item in value.items() if item}


def _encode_chunk(citation: Mapping[str, Any]) -> dict[str, Any]:
    names = {"url": "uri", "title": "title", "text": "text"}
    source = {names[key]: citation[key] for key in names if citation.get(key)}
    if not source:
        return {}
    is_page = "uri" in source and "text" not in source  # a page without an address is none
    return {"web" if is_page else "retrievedContext": source}


def _segment(citation: Mapping[str, Any], text: str, before: int) -> dict[str, Any]:
    start, end = citation.get("start"), citation.get("end")
    if type(start) is not int or type(end) is not int or not 0 <= start <= end <= len(text):
        return {}
    first = before + len(text[:start].encode(errors="replace"))
    cited = text[start:end]
    last = first + len(cited.encode(errors="replace"))
    return {"startIndex": first, "endIndex": last, "text": cited}
