"""Converse's content blocks: JSON -> parts and back, the same in questions and in answers.

A block is an object of one key that names its kind. What only Bedrock understands (video, S3
addresses, guarded text, its own tools' calls) stays an ``OpaquePart``; a ``cachePoint`` becomes
the ``CACHE`` of the part before it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from penstock.errors import InvalidRequest
from penstock.protocols import json
from penstock.protocols.bedrock_converse.citations import decode_citations
from penstock.protocols.functions import arguments_of
from penstock.protocols.kept import beside, keep, kept_for
from penstock.protocols.loss import RAW
from penstock.types import (
    CACHE,
    CITATIONS,
    AudioPart,
    FilePart,
    ImagePart,
    Metadata,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

NAME = "bedrock_converse"
OWN_TYPE = "tool_use"
"""The ``type`` of a call that the caller answers; any other is of a tool that Bedrock runs."""

_DOCUMENTS = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html",
    "txt": "text/plain",
    "md": "text/markdown",
}
_FORMATS = {media_type: format for format, media_type in _DOCUMENTS.items()}
_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_UNNAMEABLE = re.compile(r"[^A-Za-z0-9\s\-()\[\]]|(?<=\s)\s")
"""What a document's name may not hold; Bedrock refuses it."""


def decode_blocks(value: Any, where: str) -> tuple[Part, ...]:
    """The parts of a list of blocks. Raises ``InvalidRequest`` naming the field."""
    if not isinstance(value, list):
        raise InvalidRequest(f"{where} must be a list", param=where)
    parts: list[Part] = []
    for i, block in enumerate(value):
        if not isinstance(block, Mapping):
            raise InvalidRequest(f"{where}[{i}] must be an object", param=f"{where}[{i}]")
        mark = cache_mark(block)
        if mark and parts and (marked := _marked(parts[-1], mark)):
            parts[-1] = marked
        else:
            parts.append(_decode_block(block, f"{where}[{i}]"))
    return tuple(parts)


def cache_mark(block: Mapping[str, Any]) -> dict[str, Any] | None:
    """The neutral mark that a ``cachePoint`` stands for; ``None`` where it is none or says more."""
    match block:
        case {"cachePoint": {"type": "default"} as said} if len(said) == len(block) == 1:
            return {"type": "ephemeral"}
        case {"cachePoint": {"type": "default", "ttl": ("5m" | "1h") as ttl} as said} if (
            len(said) == 2 and len(block) == 1
        ):
            return {"type": "ephemeral", "ttl": ttl}
    return None


def cache_point(metadata: Metadata | None) -> list[dict[str, Any]]:
    """The ``cachePoint`` after a part or a tool, where there is one."""
    mark = (metadata or {}).get(CACHE)
    if not isinstance(mark, Mapping):
        return []
    ttl = {"ttl": mark["ttl"]} if mark.get("ttl") else {}
    return [{"cachePoint": {"type": "default", **ttl}}]


def _marked(part: Part, mark: Mapping[str, Any]) -> Part | None:
    if isinstance(part, OpaquePart) or CACHE in (part.metadata or {}):
        return None
    return replace(part, metadata={**(part.metadata or {}), CACHE: mark})


def _decode_block(block: Mapping[str, Any], where: str) -> Part:
    match block:
        case {"text": str(text)}:
            return TextPart(text, keep(NAME, beside(block, "text")))
        case {"text": _}:
            raise InvalidRequest(f"{where}.text must be a string", param=f"{where}.text")
        case {"toolUse": value}:
            return _decode_call(value, f"{where}.toolUse") or OpaquePart(NAME, dict(block))
        case {"toolResult": value}:
            return _decode_result(value, f"{where}.toolResult") or OpaquePart(NAME, dict(block))
        case _:
            return decode_media(block) or decode_spoken(block) or OpaquePart(NAME, dict(block))


def decode_answered(block: Mapping[str, Any]) -> Part:
    """A block of an answer: text, reasoning, a call of the caller's tools; or opaque. Raises
    ``InvalidRequest``."""
    match block:
        case {"text": _} | {"toolUse": _}:
            return _decode_block(block, "content")
        case _:
            return decode_spoken(block) or OpaquePart(NAME, dict(block))


def decode_spoken(block: Mapping[str, Any]) -> Part | None:
    """Reasoning, or text that rests on something; ``None`` where it is neither."""
    match block:
        case {"reasoningContent": {"reasoningText": dict() as said} as value} if (
            len(value) == len(block) == 1
        ):
            return _decode_reasoning(said)
        case {"reasoningContent": {"redactedContent": str(data)} as value} if (
            len(value) == len(block) == 1
        ):
            return ReasoningPart("", "", {NAME: {"redactedContent": data}})
        case {"citationsContent": dict() as value} if len(block) == 1:
            return decode_cited(value)
    return None


def _decode_reasoning(said: Mapping[str, Any]) -> ReasoningPart | None:
    text, signature = said.get("text"), said.get("signature", "")
    if not isinstance(text, str) or not isinstance(signature, str):
        return None
    return ReasoningPart(text, signature, keep(NAME, beside(said, "text", "signature")))


def decode_cited(value: Mapping[str, Any]) -> TextPart | None:
    """A text with its citations; ``None`` where it is more than text."""
    content, citations = value.get("content"), value.get("citations")
    texts = _texts(content)
    if texts is None or not isinstance(citations, list) or not _are_objects(citations):
        return None
    text = "".join(texts)
    kept = {"citations": citations, **beside(value, "content", "citations")}
    if content is not None and (not text or len(texts) != 1):
        kept[RAW] = {"content": content}
    return TextPart(text, keep(NAME, kept, **{CITATIONS: decode_citations(citations)}))


def _texts(content: Any) -> list[str] | None:
    if content is None:
        return []
    if not isinstance(content, list) or not _are_objects(content):
        return None
    texts = [item.get("text") for item in content]
    are_texts = all(len(item) == 1 for item in content)
    return [t for t in texts if isinstance(t, str)] if are_texts and _all_str(texts) else None


def _all_str(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _are_objects(values: list[Any]) -> bool:
    return all(isinstance(value, Mapping) for value in values)


def decode_media(block: Mapping[str, Any]) -> Part | None:
    """An image, sound or a document; ``None`` where it comes as only Bedrock has it."""
    match block:
        case {
            "image": {"format": str(form), "source": {"bytes": str(data)} as source} as value
        } if len(source) == len(block) == 1:
            return ImagePart("", data, f"image/{form}", _kept_of(value))
        case {
            "audio": {"format": str(form), "source": {"bytes": str(data)} as source} as value
        } if len(source) == len(block) == 1:
            return AudioPart(data, form, _kept_of(value))
        case {"document": {"format": str(form), "name": str(), "source": dict()} as value} if (
            len(block) == 1 and form in _DOCUMENTS
        ):
            return _decode_document(_DOCUMENTS[form], value)
    return None


def _kept_of(value: Mapping[str, Any], **raw: Any) -> Metadata | None:
    said = beside(value, "format", "name", "source")
    return keep(NAME, said | {RAW: raw} if raw else said)


def _decode_document(media_type: str, value: Mapping[str, Any]) -> FilePart | None:
    source, name = value["source"], value["name"]
    raw = {"name": name} if _document_name(name, "") != name else {}
    match source:
        case {"bytes": str(data)} if len(source) == 1:
            return FilePart(data, media_type, name, "", _kept_of(value, **raw))
        case {"text": str(text)} if len(source) == 1:
            data = base64.b64encode(text.encode(errors="surrogatepass")).decode()
            return FilePart(data, media_type, name, "", _kept_of(value, **raw, is_text=True))
    return None


def _decode_call(value: Any, where: str) -> ToolCallPart | None:
    """A call; ``None`` for one of a tool that Bedrock runs itself."""
    needed = {"toolUseId": str, "name": str, "input": Mapping}
    _check(value, needed, where)
    said = beside(value, *needed)
    if isinstance(kind := said.get("type"), str) and kind != OWN_TYPE:
        return None
    arguments = json.encode(value["input"]).decode()
    return ToolCallPart(value["toolUseId"], value["name"], arguments, keep_call(said))


def keep_call(said: Mapping[str, Any]) -> Metadata | None:
    """What a call says beyond its id, name and input."""
    kept = beside(said, "type")
    if "type" in said:
        kept[RAW] = {"type": said["type"]}
    return keep(NAME, kept)


def _decode_result(value: Any, where: str) -> ToolResultPart | None:
    """A tool's answer; ``None`` for that of a tool that Bedrock runs itself."""
    _check(value, {"toolUseId": str, "content": list}, where)
    kept = beside(value, "toolUseId", "content")
    if "type" in kept:
        return None
    blocks, place = value["content"], f"{where}.content"
    if not _are_objects(blocks):
        raise InvalidRequest(f"{place} must hold objects", param=place)
    content = tuple(_decode_inner(block, f"{place}[{i}]") for i, block in enumerate(blocks))
    is_error = kept.get("status") == "error"
    if "status" in kept:
        status = kept.pop("status")
        kept |= {} if is_error else {RAW: {"status": status}}
    return ToolResultPart(value["toolUseId"], content, keep(NAME, kept), is_error=is_error)


def _decode_inner(block: Mapping[str, Any], where: str) -> Part:
    match block:
        case {"json": value} if len(block) == 1:
            return TextPart(json.encode(value).decode(), {NAME: {RAW: {"is_json": True}}})
        case {"text": _}:
            return _decode_block(block, where)
        case _:
            part = decode_media(block)
            return OpaquePart(NAME, dict(block)) if part is None else part


def _check(value: Any, needed: Mapping[str, type], where: str) -> None:
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{where} must be an object", param=where)
    for key, kind in needed.items():
        if not isinstance(value.get(key), kind):
            field = f"{where}.{key}"
            raise InvalidRequest(f"{field} is missing or wrong", param=field)


def encode_blocks(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """The blocks of a message, a ``cachePoint`` after each part that is marked so."""
    return list(_encode_all(parts))


def _encode_all(parts: Iterable[Part]) -> Iterator[dict[str, Any]]:
    for part in parts:
        if (block := encode_part(part)) is not None:
            yield block
            yield from cache_point(getattr(part, "metadata", None))


def encode_part(part: Part) -> dict[str, Any] | None:
    """One block; ``None`` where there is nothing to say, or no way to."""
    kept = kept_for(NAME, getattr(part, "metadata", None))
    raw = kept.pop(RAW, {})
    match part:
        case TextPart("") if isinstance(kept.get("block"), Mapping):
            return dict(kept["block"])
        case TextPart(text) if "citations" in kept:
            content = {"content": [{"text": text}]} if text else {}
            return {"citationsContent": {**content, **raw, **kept}}
        case TextPart(text) | RefusalPart(text):
            return {"text": text, **kept} if text or kept else None
        case ReasoningPart("", "") if "redactedContent" in kept:
            return {"reasoningContent": {"redactedContent": kept["redactedContent"]}}
        case ReasoningPart(text, signature):
            signed = {"signature": signature} if signature else {}
            said = {"reasoningText": {"text": text, **signed, **kept}}
            return {"reasoningContent": said} if text or signature or kept else None
        case ToolCallPart(id, name, arguments):
            call = {"toolUseId": id, "name": name, "input": arguments_of(arguments)}
            return {"toolUse": {**call, **raw, **kept}}
        case ToolResultPart(id, content):
            result = {"toolUseId": id, "content": list(_encode_inner(content))}
            status = {"status": "error"} if part.is_error else raw
            return {"toolResult": {**result, **status, **kept}}
        case OpaquePart(protocol, opaque):
            return dict(opaque) if protocol == NAME else None
        case _:
            return _encode_media(part, kept, raw)


def _encode_media(
    part: ImagePart | AudioPart | FilePart, kept: dict[str, Any], raw: Mapping[str, Any]
) -> dict[str, Any] | None:
    match part:
        case ImagePart(_, data, media_type) if data:
            form = media_type.rpartition("/")[2]
            return {"image": {"format": form, "source": {"bytes": data}, **kept}}
        case AudioPart(data, form):
            return {"audio": {"format": form, "source": {"bytes": data}, **kept}}
        case FilePart(data, media_type, name) if data:
            form = _FORMATS.get(media_type) or media_type.rpartition("/")[2]
            source = {"text": _text_of(data)} if raw.get("is_text") else {"bytes": data}
            named = {"format": form, "name": raw.get("name") or _document_name(name, data)}
            return {"document": {**named, "source": source, **kept}}
        case _:
            return None


def _encode_inner(content: Iterable[Part]) -> Iterator[dict[str, Any]]:
    """The blocks of a tool's answer, which has no sound and no cache points."""
    for part in content:
        if isinstance(part, TextPart) and _is_json(part):
            yield {"json": json.loads(part.text.encode())}
        elif is_inner(part) and (block := encode_part(part)) is not None:
            yield block


def _is_json(part: TextPart) -> bool:
    raw = kept_for(NAME, part.metadata).get(RAW)
    return isinstance(raw, Mapping) and raw.get("is_json") is True


def is_inner(part: Part) -> bool:
    """Whether a tool's answer can hold this."""
    match part:
        case ImagePart(_, data) | FilePart(data):
            return bool(data)
        case _:
            return not isinstance(part, AudioPart)


def image_type(media_type: str) -> str | None:
    """The kind of an image by its right name; ``None`` where Bedrock takes none of it."""
    media_type = _plain(media_type).replace("jpg", "jpeg")
    return media_type if media_type in _IMAGES else None


def document_type(media_type: str) -> str | None:
    """The kind of a document by its right name; ``None`` where Bedrock takes none of it."""
    media_type = _plain(media_type) or "application/pdf"
    if media_type in _FORMATS:
        return media_type
    return "text/plain" if media_type.startswith("text/") else None


def _plain(media_type: str) -> str:
    """A media type without its parameters."""
    return media_type.partition(";")[0].strip().lower()


def _document_name(name: str, data: str) -> str:
    """Bedrock wants a name, of its few characters."""
    if not name:
        return (
            "document-" + hashlib.blake2b(data.encode(errors="replace"), digest_size=4).hexdigest()
        )
    return _UNNAMEABLE.sub("-", name)


def _text_of(data: str) -> str:
    try:
        return base64.b64decode(data).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return data
