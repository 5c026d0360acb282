"""A question in others' words, as far as Bedrock takes it.

What it refuses, by its reference (``API_runtime_ImageBlock``, ``DocumentBlock``, ``ToolUseBlock``
and ``InferenceConfiguration`` beside ``API_runtime_Converse``): a temperature above 1, images and
documents of other formats than it lists, ids of calls that are no plain words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from penstock.protocols.bedrock_converse.blocks import NAME, document_type, image_type
from penstock.protocols.call_ids import fit
from penstock.protocols.functions import known_to
from penstock.types import (
    CACHE,
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    Part,
    ToolCallPart,
    ToolResultPart,
)

_CHOICES = ("tool_choice.required", "tool_choice.name")


def told(request: ChatRequest) -> tuple[ChatRequest, frozenset[str]]:
    """The question that Bedrock takes, and the features (``loss.ASKED``) that it leaves out. Who
    speaks Bedrock's own words knows what it takes."""
    if request.protocol == NAME:
        return request, frozenset()
    lost = set(_lost_settings(request))
    warmth = None if "temperature" in lost else request.temperature
    parts = _Parts()
    messages = tuple(parts.of(message) for message in request.messages)
    said = replace(request, temperature=warmth, messages=messages)
    return said, frozenset(lost | parts.lost)


def _lost_settings(request: ChatRequest) -> Iterator[str]:
    if not any(known_to(NAME, request.tools)):
        yield from _CHOICES
    if request.temperature is not None and request.temperature > 1:
        yield "temperature"
    match request.response_format:
        case {"type": "json_schema", "json_schema": {"schema": Mapping()}}:
            return
        case _:
            yield "response_format.json_schema"


class _Parts:
    """Goes through the parts of messages, and remembers what it left out."""

    def __init__(self) -> None:
        self.lost: set[str] = set()

    def of(self, message: Message) -> Message:
        return replace(message, content=tuple(self._all(message.content)))

    def _all(self, parts: Iterable[Part], inside: bool = False) -> Iterator[Part]:
        for part in parts:
            if (said := self._one(part)) is not None:
                yield said
                continue
            self.lost.add(_feature(part, inside))
            if CACHE in (getattr(part, "metadata", None) or {}):
                self.lost.add("cache")

    def _one(self, part: Part) -> Part | None:
        """The part as it can be said; ``None`` where it cannot."""
        match part:
            case ToolCallPart(id):
                return replace(part, id=fit(id))
            case ToolResultPart(id, content):
                return replace(part, id=fit(id), content=tuple(self._all(content, inside=True)))
            case ImagePart(data="") | FilePart(data=""):
                return None
            case ImagePart():
                return _of_type(part, image_type(part.media_type))
            case FilePart():
                return _of_type(part, document_type(part.media_type))
            case _:
                return part


def _of_type(part: ImagePart | FilePart, media_type: str | None) -> Part | None:
    return None if media_type is None else replace(part, media_type=media_type)


def _feature(part: Any, inside: bool) -> str:
    """What ``loss.asked`` calls an image or a document."""
    if isinstance(part, ImagePart):
        kind = "image.data" if part.data else "image.url"
        return "tool_result.image" if inside else kind
    kind = "file.data" if part.data else "file.url" if part.url else "file.id"
    return "tool_result.file" if inside else kind
