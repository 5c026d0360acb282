"""Gemini's parts -> ours and back, as they stand in a message.

A part says one thing (text, a call, data …) and may carry a signature and marks beside it; all
that is not understood stays in the part's metadata, and a part of a kind that only Gemini has is
kept whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from penstock.errors import InvalidRequest
from penstock.protocols import call_ids, json
from penstock.protocols.functions import arguments_of, as_object
from penstock.protocols.gemini_generate.signatures import is_base64, unwrap
from penstock.protocols.gemini_generate.words import NAME, in_camel
from penstock.protocols.kept import beside, keep, kept_for, rest
from penstock.protocols.loss import RAW
from penstock.types import (
    AudioPart,
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

BLOCK = "block"
"""Holds a part of an answer that only Gemini understands, whole."""

_ANYONE_S = re.compile("https?://", re.IGNORECASE)
_UPLOADED = "https://generativelanguage.googleapis.com/"
_SOUNDS = {"mp3": "mp3", "mpeg": "mp3", "wav": "wav", "x-wav": "wav", "wave": "wav"}
_DOCUMENTS = {"pdf": "application/pdf", "txt": "text/plain", "html": "text/html"}
_PICTURES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
}


class Calls:
    """The tool calls of a conversation, which knows them by name and order alone unless they
    have ids."""

    def __init__(self) -> None:
        self._count = 0
        self._open: list[tuple[str, str]] = []
        self._ids: set[str] = set()

    def call(self, id: str, name: str) -> str:
        """The id of the next call."""
        id = id or self._make()
        self._count += 1
        self._ids.add(id)
        self._open.append((id, name))
        return id

    def answer(self, id: str, name: str) -> str:
        """The id of the call that a result answers: the first of that name still unanswered."""
        if id not in self._ids:
            same = (known for known, of in self._open if of == name)
            id = next((known for known in same if not id or call_ids.is_made(known)), id)
        self._open = [(known, of) for known, of in self._open if known != id]
        return id or self._make()

    def _make(self) -> str:
        return call_ids.make("contents", self._count)


def decode_part(value: Any, where: str, calls: Calls) -> Part:
    """A part of a caller's message. Raises ``InvalidRequest`` naming the field."""
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{where} must be an object", param=where)
    part = in_camel(value)
    if part.get("thought") is False:
        del part["thought"]
    kind = next((key for key in _READERS if key in part), None)
    if kind is None and part.keys() == {"thought", "thoughtSignature"}:
        kind, part = "text", {"text": "", **part}
    if kind is None or (part.get("thought") and kind in ("inlineData", "fileData")):
        return OpaquePart(NAME, dict(value))
    return _READERS[kind](part, f"{where}.{kind}", calls)


def _text(part: dict[str, Any], where: str, calls: Calls) -> Part:
    text, signature = part["text"], part.get("thoughtSignature", "")
    if not isinstance(text, str):
        raise InvalidRequest(f"{where} must be a string", param=where)
    if part.get("thought") and isinstance(signature, str):
        metadata = keep(NAME, beside(part, "text", "thought", "thoughtSignature"))
        return ReasoningPart(text, unwrap(signature), metadata)
    return TextPart(text, keep(NAME, beside(part, "text")))


def _call(part: dict[str, Any], where: str, calls: Calls) -> Part:
    call = _object(part["functionCall"], where)
    name, id, said = call.get("name"), call.get("id", ""), call.get("args")
    if not isinstance(name, str):
        raise InvalidRequest(f"{where}.name is missing", param=f"{where}.name")
    if not isinstance(id, str):
        raise InvalidRequest(f"{where}.id must be a string", param=f"{where}.id")
    if not isinstance(said, Mapping | None):
        raise InvalidRequest(f"{where}.args must be an object", param=f"{where}.args")
    arguments = "" if said is None else json.encode(said).decode()
    kept = beside(part, "functionCall") | _inner("functionCall", call, "name", "id", "args")
    return ToolCallPart(calls.call(id, name), name, arguments, keep(NAME, kept))


def _result(part: dict[str, Any], where: str, calls: Calls) -> Part:
    result = _object(part["functionResponse"], where)
    name, id, said = result.get("name", ""), result.get("id", ""), result.get("response", {})
    if not isinstance(name, str) or not isinstance(id, str) or not (name or id):
        raise InvalidRequest(f"{where}.name is missing", param=f"{where}.name")
    if not isinstance(said, Mapping):
        raise InvalidRequest(f"{where}.response must be an object", param=f"{where}.response")
    failed = said.keys() == {"error"}
    content: list[Part] = [TextPart(_result_text(said["error"] if failed else said))]
    kept = beside(part, "functionResponse")
    kept |= _inner("functionResponse", result, "name", "id", "response", "parts")
    shown = result.get("parts")
    if not isinstance(shown, list | None):
        raise InvalidRequest(f"{where}.parts must be a list", param=f"{where}.parts")
    for number, inner in enumerate(shown or ()):
        content.append(decode_part(inner, f"{where}.parts[{number}]", calls))
    metadata = keep(NAME, kept)
    return ToolResultPart(calls.answer(id, name), tuple(content), metadata, name, failed)


def _result_text(said: Any) -> str:
    return said if isinstance(said, str) else json.encode(said).decode()


def _data(part: dict[str, Any], where: str, calls: Calls) -> Part:
    blob = _object(part["inlineData"], where)
    data, media, name = blob.get("data"), blob.get("mimeType", ""), blob.get("displayName", "")
    if not isinstance(data, str) or not isinstance(media, str) or not isinstance(name, str):
        raise InvalidRequest(f"{where}.data is missing or wrong", param=f"{where}.data")
    kept = beside(part, "inlineData") | _inner(
        "inlineData", blob, "data", "mimeType", "displayName"
    )
    raw = {"displayName": name} if name else {}
    metadata = keep(NAME, kept | ({RAW: raw} if raw else {}))
    kind, _, format = media.partition("/")
    if kind == "image":
        return ImagePart("", data, media, metadata)
    if kind == "audio":
        return AudioPart(data, _SOUNDS.get(format, format), metadata)
    return FilePart(data, media, name, "", metadata)


def _file(part: dict[str, Any], where: str, calls: Calls) -> Part:
    file = _object(part["fileData"], where)
    uri, media, name = file.get("fileUri"), file.get("mimeType", ""), file.get("displayName", "")
    if not isinstance(uri, str) or not isinstance(media, str) or not isinstance(name, str):
        raise InvalidRequest(f"{where}.fileUri is missing or wrong", param=f"{where}.fileUri")
    kept = beside(part, "fileData") | _inner("fileData", file, "fileUri", "mimeType", "displayName")
    raw = {"displayName": name} if name else {}
    metadata = keep(NAME, kept | ({RAW: raw} if raw else {}))
    if not _is_elsewhere(uri):
        return FilePart("", media, name, uri, metadata)
    if media.startswith("image/"):
        return ImagePart(uri, "", media, metadata)
    return FilePart("", media, name, "", metadata, uri)


def _is_elsewhere(uri: str) -> bool:
    """Whether anyone can fetch it: not what was uploaded to Google (``gs://``, ``files/``)."""
    return bool(_ANYONE_S.match(uri)) and not uri.startswith(_UPLOADED)


_READERS = {
    "functionCall": _call,
    "functionResponse": _result,
    "inlineData": _data,
    "fileData": _file,
    "text": _text,
}


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{where} must be an object", param=where)
    return in_camel(value)


def _inner(kind: str, value: Mapping[str, Any], *known: str) -> dict[str, Any]:
    """Unknown keys of what a part holds, where ``_holding`` looks for them."""
    more = rest(value, *known)
    return {kind: more} if more else {}


def encode_parts(parts: Iterable[Part], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The parts of a message that Gemini has a place for; ``names`` of the tools called by id."""
    said = (encode_part(part, names) for part in parts)
    return [part for part in said if part is not None]


def encode_part(part: Part, names: Mapping[str, str]) -> dict[str, Any] | None:
    """A part of a message; ``None`` where there is nothing to say."""
    kept = kept_for(NAME, getattr(part, "metadata", None))
    raw = kept.pop(RAW, {})
    match part:
        case TextPart("") if isinstance(kept.get(BLOCK), Mapping):
            return dict(kept[BLOCK])
        case TextPart(text):
            return {"text": text, **kept} if text or kept else None
        case RefusalPart(text):
            return {"text": text} if text else None
        case ReasoningPart(text, signature):
            return encode_thought(text, signature if is_base64(signature) else "", kept)
        case ToolCallPart(id, name, arguments):
            return encode_call("" if call_ids.is_made(id) else id, name, arguments, kept)
        case ToolResultPart():
            return _encode_result(part, names, kept)
        case ImagePart(url, data, media_type):
            if data:
                blob = {"mimeType": _media(media_type) or "image/png", "data": data, **raw}
                return _holding("inlineData", blob, kept)
            return _holding("fileData", {**_address(url, media_type), **raw}, kept)
        case AudioPart(data, format):
            return _holding("inlineData", {"mimeType": f"audio/{format}", "data": data}, kept)
        case FilePart(data, media_type, _, id, _, url):
            if data:
                blob = {"mimeType": _media(media_type) or "application/pdf", "data": data, **raw}
                return _holding("inlineData", blob, kept)
            address = _address(url or id, media_type, _DOCUMENTS)
            return _holding("fileData", {**address, **raw}, kept)
        case OpaquePart(protocol, value):
            return dict(value) if protocol == NAME else None


def encode_thought(text: str, signature: str, kept: Mapping[str, Any]) -> dict[str, Any] | None:
    """A thought; ``None`` where nothing is said."""
    if not (text or signature or kept):
        return None
    signed = {"thoughtSignature": signature} if signature else {}
    return {"text": text, "thought": True, **signed, **kept}


def encode_call(id: str, name: str, arguments: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    """A call, with the id that it is known by to both sides, if there is one."""
    call: dict[str, Any] = {"id": id, "name": name} if id else {"name": name}
    if arguments:
        call["args"] = arguments_of(arguments)
    return _holding("functionCall", call, kept)


def _encode_result(
    part: ToolResultPart, names: Mapping[str, str], kept: Mapping[str, Any]
) -> dict[str, Any]:
    """A result: an object as it is, other text as ``result``, a failure as ``error``."""
    text = "".join(inner.text for inner in part.content if isinstance(inner, TextPart))
    said: Any = as_object(text)
    if part.is_error:
        said = {"error": text if said is None else said}
    elif said is None:
        said = {"result": text}
    result: dict[str, Any] = {} if call_ids.is_made(part.id) or not part.id else {"id": part.id}
    result["name"] = part.name or names.get(part.id) or part.id or "function"
    result["response"] = said
    shown = encode_parts((p for p in part.content if not isinstance(p, TextPart)), names)
    if shown:
        result["parts"] = shown
    return _holding("functionResponse", result, kept)


def _address(uri: str, media_type: str, guesses: Mapping[str, str] = _PICTURES) -> dict[str, Any]:
    """Where a file lies; Gemini wants its type too, which the end of an address may tell."""
    ending = uri.partition("?")[0].rpartition(".")[2] if "://" in uri else ""
    media = _media(media_type) or guesses.get(ending.lower(), "")
    return {"mimeType": media, "fileUri": uri} if media else {"fileUri": uri}


def _media(said: str) -> str:
    """A media type alone, by its registered name: Gemini knows no ``image/jpg``."""
    media = said.partition(";")[0].strip().lower()
    return "image/jpeg" if media == "image/jpg" else media


def _holding(kind: str, value: dict[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """A part of that kind, with the unknown keys kept for it and for what it holds."""
    inner = kept.get(kind)
    more = inner if isinstance(inner, Mapping) else {}
    return {kind: {**value, **more}, **rest(kept, kind)}
