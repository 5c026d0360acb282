"""Converse's citations, each with the place that it names, and the neutral form of them.

The place is one in the source (a page, characters of a document), which no other protocol can say;
so Bedrock's own objects are kept beside the neutral ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def decode_citations(citations: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What any protocol can say of them."""
    return [_decode(citation) for citation in citations]


def _decode(citation: Mapping[str, Any]) -> dict[str, Any]:
    web = _object(_object(citation.get("location")).get("web"))
    said = {
        "url": web.get("url") or _address(citation.get("source")),
        "title": citation.get("title"),
        "text": _source_text(citation.get("sourceContent")),
    }
    return {key: text for key, text in said.items() if isinstance(text, str) and text}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _address(source: Any) -> Any:
    return source if isinstance(source, str) and "://" in source else None


def _source_text(content: Any) -> str:
    texts = [_object(item).get("text") for item in content] if isinstance(content, list) else []
    return "".join(text for text in texts if isinstance(text, str))


def encode_citations(neutral: Any) -> list[dict[str, Any]]:
    """Citations of another protocol in Bedrock's shape."""
    found = neutral if isinstance(neutral, list | tuple) else ()
    return [_encode(citation) for citation in found if isinstance(citation, Mapping)]


def _encode(citation: Mapping[str, Any]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    if title := citation.get("title"):
        value["title"] = title
    if url := citation.get("url"):
        value["location"] = {"web": {"url": url}}
    if text := citation.get("text"):
        value["sourceContent"] = [{"text": text}]
    return value
