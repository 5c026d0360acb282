"""The parts of Mistral's messages, in OpenAI's words and in ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from msgspec.structs import replace

from penstock.protocols import data_url
from penstock.protocols.kept import keep, kept_for, rest
from penstock.protocols.loss import RAW
from penstock.protocols.openai_chat.request_decode import NAME
from penstock.types import Message, Metadata, OpaquePart, Part, ReasoningPart, TextPart

_WAVE = "UklG"
"""How base64 of a RIFF file begins."""


def from_mistral(part: Any) -> Any:
    """A part of a message's content in OpenAI's words, where it has words for it."""
    if not isinstance(part, Mapping):
        return part
    match part:
        case {"type": "input_audio", "input_audio": str(said)}:
            return _audio(said)
        case {"type": "document_url", "document_url": str(url)} if _is_source(url):
            name = part.get("document_name")
            file = {"file_data": url} | ({"filename": name} if name else {})
            return {"type": "file", "file": file, **rest(part, *_DOCUMENT)}
        case {"type": "file", "file_id": str(id)}:
            return {"type": "file", "file": {"file_id": id}, **rest(part, "type", "file_id")}
        case _:
            return part


def _is_source(url: str) -> bool:
    return url.startswith(("https://", "http://")) or bool(data_url.split(url)[1])


_DOCUMENT = ("type", "document_url", "document_name")


def _audio(said: str) -> dict[str, Any]:
    if said.startswith(("http://", "https://")):
        return {"type": "audio_url", "audio_url": {"url": said}}
    data = data_url.split(said)[1] or said
    format = "wav" if data.startswith(_WAVE) else "mp3"
    return {"type": "input_audio", "input_audio": {"data": data, "format": format}}


def to_mistral(part: dict[str, Any]) -> dict[str, Any]:
    """A part in OpenAI's words, brought into Mistral's."""
    match part:
        case {"type": "input_audio", "input_audio": {"data": data}}:
            return {"type": "input_audio", "input_audio": data}
        case {"type": "audio_url", "audio_url": {"url": url}}:
            return {"type": "input_audio", "input_audio": url}
        case {"type": "file", "file": {"file_id": id}}:
            return {"type": "file", "file_id": id, **rest(part, "type", "file")}
        case {"type": "file", "file": {"file_data": url} as file}:
            named = {"document_name": file["filename"]} if file.get("filename") else {}
            document = {"type": "document_url", "document_url": url}
            return {**document, **named, **rest(part, "type", "file")}
        case _:
            return part


Signs: TypeAlias = Callable[[Part], bool]


def message_to_mistral(message: Message, signs: Signs) -> Message:
    """With reasoning, and what only Mistral understands, as parts of the content; ``signs`` tells
    whether a part's signature is Mistral's own."""
    if message.role != "assistant":
        return message
    said = (told for part in message.content for told in _to_parts(part, signs))
    return replace(message, content=tuple(said))


def _to_parts(part: Part, signs: Signs) -> Iterator[Part]:
    match part:
        case ReasoningPart(text, signature, metadata):
            signature = signature if signs(part) else ""
            raw = kept_for(NAME, metadata).get(RAW, {}).get("thinking")
            if raw or text or signature:
                yield OpaquePart(NAME, raw or thinking(text, signature, metadata))
        case TextPart("", metadata) if block := kept_for(NAME, metadata).get("block"):
            yield OpaquePart(NAME, block)
        case _:
            yield part


def message_from_mistral(message: Message) -> Message:
    """With thinking as reasoning."""
    return replace(message, content=tuple(map(_from_part, message.content)))


def _from_part(part: Part) -> Part:
    match part:
        case OpaquePart(protocol, {"type": "thinking"} as value) if protocol == NAME:
            text, signature = thought(value), str(value.get("signature") or "")
            same = dict(value) == thinking(text, signature)
            raw = {} if same else {RAW: {"thinking": dict(value)}}
            return ReasoningPart(text, signature, keep(NAME, raw))
        case _:
            return part


def thinking(text: str, signature: str = "", metadata: Metadata | None = None) -> dict[str, Any]:
    """Reasoning as a part of the content."""
    value: dict[str, Any] = {"type": "thinking", "thinking": [{"type": "text", "text": text}]}
    if signature:
        value["signature"] = signature
    raw = kept_for(NAME, metadata).get(RAW, {})
    return {**value, "closed": raw["closed"]} if "closed" in raw else value


def thought(part: Mapping[str, Any]) -> str:
    """The text of a part that is thinking."""
    said = part.get("thinking")
    texts = [
        piece["text"]
        for piece in (said if isinstance(said, list) else ())
        if isinstance(piece, Mapping) and isinstance(piece.get("text"), str)
    ]
    return "".join(texts)
