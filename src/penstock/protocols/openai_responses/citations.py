"""What a text rests on: the annotations of a text, and ``CITATIONS`` that any protocol can say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.types import CITATIONS

_PLACES = {"url": "url", "title": "title", "text": "text"} | {
    "start": "start_index",
    "end": "end_index",
}


def decode_annotations(annotations: Iterable[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The annotations as any protocol can say them; and as they are, where that is less."""
    found = [item for item in annotations if isinstance(item, Mapping)]
    if not found:
        return {}, {}
    citations = [_decode(item) for item in found]
    shared = {CITATIONS: [said for said in citations if said]}
    is_all = found == [_encode(said) for said in citations]
    return (shared if shared[CITATIONS] else {}), ({} if is_all else {"annotations": found})


def _decode(annotation: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: annotation.get(key) for name, key in _PLACES.items()}
    said["title"] = said["title"] or annotation.get("filename")
    return {
        name: value
        for name, value in said.items()
        if (type(value) is int if name in ("start", "end") else value and isinstance(value, str))
    }


def encode_annotations(shared: Any, kept: Any) -> list[dict[str, Any]]:
    """The annotations of a text, as they were or as ``CITATIONS`` has them."""
    own = [dict(item) for item in _list(kept) if isinstance(item, Mapping)]
    return own or [_encode(said) for said in _list(shared) if isinstance(said, Mapping)]


def _encode(said: Mapping[str, Any]) -> dict[str, Any]:
    """An annotation of a link, all of its fields there, for callers refuse less: places unknown
    are 0. What has no address is a file's."""
    if not said.get("url"):
        named = {"file_id": "", "filename": said.get("title", ""), "index": 0}
        text = {"text": said["text"]} if said.get("text") else {}
        return {"type": "file_citation", **named, **text}
    places = {key: said[name] for name, key in _PLACES.items() if said.get(name) is not None}
    missing = {"title": said["url"], "start_index": 0, "end_index": 0}
    return {"type": "url_citation", **missing, **places}


def is_whole(annotation: Any) -> bool:
    """Whether OpenAI would know what an annotation is about: a whole link, or a file it has."""
    if not isinstance(annotation, Mapping):
        return True  # not ours to judge
    if annotation.get("type") == "file_citation":
        return bool(annotation.get("file_id"))
    needed = ("url", "title", "start_index", "end_index")
    return annotation.get("type") != "url_citation" or all(key in annotation for key in needed)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
