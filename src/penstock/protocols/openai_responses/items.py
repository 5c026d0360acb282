"""Messages -> the items of OpenAI Responses: what goes into a request, and into an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.protocols import data_url
from penstock.protocols.openai_responses.citations import encode_annotations
from penstock.protocols.openai_responses.marks import (
    NAME,
    RAW_REASONING,
    split_marks,
    split_text,
)
from penstock.types import (
    CITATIONS,
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Metadata,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

Json = dict[str, Any]

_EXTENSIONS = {"application/pdf": "pdf", "text/plain": "txt", "text/markdown": "md"}
_MESSAGE_MARKS = ("id", "status")


def encode_items(message: Message) -> list[Json]:
    """The items that say one message, in the order of its parts."""
    turn = _Turn(message)
    for part in message.content:
        turn.add(part)
    return [_eased(item) for item in turn.items]


class _Turn:
    """The items of one message so far; the last may be a message that is still open."""

    def __init__(self, message: Message) -> None:
        self.items: list[Json] = []
        self._message = message
        self._open: Json | None = None

    def add(self, part: Part) -> None:
        role = self._message.role
        if (item := _item(part, role)) is not None:
            self._open = None
            if self.items and _goes_on(self.items[-1], item):
                self.items[-1].update({key: value for key, value in item.items() if value})
            else:
                self.items.append(item)
        elif (said := encode_content(part, role)) is not None:
            if self._open is None or _is_apart(self._open, part, role):
                self._open = _message(self._message, part)
                self.items.append(self._open)
            self._open["content"].append(said)


def _item(part: Part, role: str) -> Json | None:
    """The item that a part is; ``None``: it belongs into a message, or nowhere."""
    match part:
        case ReasoningPart():
            return encode_reasoning(part.text, part.signature, part.metadata)
        case ToolCallPart():
            return encode_call(part.id, part.name, part.arguments, part.metadata)
        case ToolResultPart():
            return _result(part)
        case OpaquePart(protocol, value) if protocol == NAME and role in ("assistant", "tool"):
            return dict(value)
        case TextPart(metadata=metadata):
            block = split_marks(metadata)[1].get("block")
            return dict(block) if isinstance(block, Mapping) else None
        case _:
            return None


def _goes_on(before: Json, item: Json) -> bool:
    """Whether reasoning is the other half of the item before it: its words, after a summary."""
    kinds = before.get("type"), item.get("type")
    if kinds != ("reasoning", "reasoning") or "content" not in item:
        return False
    return "content" not in before and "id" in item and before.get("id") == item["id"]


def _message(message: Message, part: Part) -> Json:
    """A message's item, empty as yet; what is kept of it is kept on its first part, where it is
    the assistant's."""
    holder = part if message.role == "assistant" else message
    raw, kept = split_marks(getattr(holder, "metadata", None))
    rest = kept.get("item") if message.role == "assistant" else kept
    marks = {key: raw[key] for key in _MESSAGE_MARKS if key in raw}
    beside = dict(rest) if isinstance(rest, Mapping) else {}
    return {"type": "message", "role": message.role, "content": [], **marks, **beside}


def _is_apart(item: Json, part: Part, role: str) -> bool:
    if role != "assistant":
        return False
    raw, _ = split_marks(getattr(part, "metadata", None))
    return bool(raw.get("apart")) or raw.get("id") != item.get("id")


def _eased(item: Json) -> Json:
    """A message of one plain text in the simplest shape, which every service takes."""
    match item:
        case {"id": _} | {"status": _}:
            return item
        case {"content": [{"type": "input_text" | "output_text", "text": text, **more}]} if (
            not more
        ):
            return {**item, "content": text}
        case _:
            return item


def encode_content(part: Part, role: str) -> Json | None:
    """A part of a message; ``None`` for what has no place there."""
    raw, kept = split_marks(getattr(part, "metadata", None))
    kept.pop("item", None)
    match part:
        case TextPart():
            if isinstance(kept.get("part"), Mapping):
                return dict(kept["part"])
            kind = raw.get("type") or ("output_text" if role == "assistant" else "input_text")
            return {"type": kind, **text_fields(part.text, part.metadata)}
        case RefusalPart(text) if role == "assistant":
            return {"type": "refusal", "refusal": text, **kept}
        case RefusalPart(text):
            return {"type": "input_text", "text": text, **kept}
        case ImagePart(url, data, media_type):
            source = data_url.join(media_type, data) if data else url
            return {"type": "input_image", "image_url": source, **kept}
        case FilePart():
            return {"type": "input_file", **_file(part), **kept}
        case OpaquePart(protocol, value) if protocol == NAME:
            return dict(value)
        case OpaquePart() | AudioPart() | _:
            return None


def text_fields(text: str, metadata: Metadata | None) -> Json:
    """A text, and what it rests on."""
    _, kept = split_marks(metadata)
    shared = (metadata or {}).get(CITATIONS)
    annotations = encode_annotations(shared, kept.pop("annotations", None))
    kept.pop("item", None)
    return {"text": text, **({"annotations": annotations} if annotations else {}), **kept}


def _file(part: FilePart) -> Json:
    if not part.data:
        source = {"file_url": part.url} if part.url else {"file_id": part.id}
        return source | ({"filename": part.name} if part.name else {})
    media = part.media_type
    name = part.name or f"document.{_EXTENSIONS.get(media, 'pdf')}"  # a must beside the data
    data = data_url.join(media, part.data) if media else part.data
    return {"filename": name, "file_data": data}


def encode_reasoning(text: str, signature: str, metadata: Metadata | None) -> Json | None:
    """A reasoning item; ``None`` where there is nothing to say."""
    raw, kept = split_marks(metadata)
    if not (text or signature or raw or kept):
        return None
    is_words = raw.get("kind") == RAW_REASONING
    texts = split_text(text, raw.get("starts", ()))
    item: Json = {"type": "reasoning", "summary": []}
    item |= {key: raw[key] for key in _MESSAGE_MARKS if key in raw}
    if is_words:
        item["content"] = [{"type": RAW_REASONING, "text": said} for said in texts]
    else:
        item["summary"] = [{"type": "summary_text", "text": said} for said in texts]
    if signature:
        item["encrypted_content"] = signature
    return item | kept


def encode_call(id: str, name: str, arguments: str, metadata: Metadata | None) -> Json:
    """The item of a tool call."""
    raw, kept = split_marks(metadata)
    custom = kept.pop("type", None) == "custom"
    kind = "custom_tool_call" if custom else "function_call"
    said = {"input" if custom else "arguments": arguments}
    marks = {key: raw[key] for key in _MESSAGE_MARKS if key in raw}
    return {"type": kind, "call_id": id, "name": name, **said, **marks, **kept}


def _result(part: ToolResultPart) -> Json:
    raw, kept = split_marks(part.metadata)
    kind = raw.pop("type", "function_call_output")
    marks = {key: raw[key] for key in _MESSAGE_MARKS if key in raw}
    output = _output(part.content)
    return {"type": kind, "call_id": part.id, "output": output, **marks, **kept}


def _output(parts: Iterable[Part]) -> str | list[Json]:
    said = [item for part in parts if (item := encode_content(part, "tool")) is not None]
    match said:
        case []:
            return ""
        case [{"type": "input_text", "text": str(text), **more}] if not more:
            return text
        case _:
            return said
