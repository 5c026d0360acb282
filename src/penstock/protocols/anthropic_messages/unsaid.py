"""A question in others' words, as far as Anthropic takes it.

What it refuses, by its reference and https://platform.claude.com/docs/en/build-with-claude/:
a temperature above 1; with thinking (``extended-thinking``) any other than 1, ``top_k``, a
``top_p`` below 0.95 and a tool that must be called; stop sequences of blanks alone; images but of
four kinds (``vision``), documents inline but PDF and plain text (``files``); ids of calls and of
files that it does not know.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from msgspec.structs import replace

from penstock.protocols.anthropic_messages.citations import NAME
from penstock.protocols.anthropic_messages.wishes import form_of, lost_thinking, thinks
from penstock.protocols.call_ids import fit
from penstock.protocols.functions import known_to
from penstock.types import (
    CACHE,
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    Part,
    ToolCallPart,
    ToolResultPart,
)

_Told: TypeAlias = tuple[ChatRequest, Iterable[str]]
_FORCING = ("required", "any", "tool")
_CHOICES = ("tool_choice.none", "tool_choice.required", "tool_choice.name", "parallel_tool_calls")
_THINKING = ("reasoning_effort", "reasoning_budget")
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_ADDRESSES = ("https://", "http://")


def told(request: ChatRequest) -> tuple[ChatRequest, frozenset[str]]:
    """The question that Anthropic takes, and the features (``loss.ASKED``) that it leaves out.
    Who speaks Anthropic's own words knows what it takes."""
    lost: set[str] = set()
    if request.protocol != NAME:
        for step in (_choice, _thinking, _sampling, _stop, _form, _messages):
            request, more = step(request)
            lost.update(more)
    return request, frozenset(lost)


def _choice(request: ChatRequest) -> _Told:
    """Nothing can be chosen where there are no tools, nor how many where none may be called."""
    if not any(known_to(NAME, request.tools)):
        return request, _CHOICES  # encode_request says no word of them
    return request, ("parallel_tool_calls",) if request.tool_choice == "none" else ()


def _thinking(request: ChatRequest) -> _Told:
    if thinks(request) and _forces(request):
        return replace(request, **dict.fromkeys(_THINKING)), _THINKING
    return request, lost_thinking(request)


def _forces(request: ChatRequest) -> bool:
    """Whether some tool must be called."""
    if not any(known_to(NAME, request.tools)):
        return False
    match request.tool_choice:
        case {"name": _, **more} if not more:
            return True
        case Mapping() as choice:
            return choice.get("type") in _FORCING
        case choice:
            return choice in _FORCING


def _sampling(request: ChatRequest) -> _Told:
    lost = tuple(_refused(request))
    return replace(request, **dict.fromkeys(lost)), lost


def _refused(request: ChatRequest) -> Iterator[str]:
    warmth, is_thinking = request.temperature, thinks(request)
    if warmth is not None and (warmth != 1 if is_thinking else warmth > 1):
        yield "temperature"
    if is_thinking and request.top_k is not None:
        yield "top_k"
    if is_thinking and request.top_p is not None and request.top_p < 0.95:
        yield "top_p"


def _stop(request: ChatRequest) -> _Told:
    kept = tuple(text for text in request.stop or () if text.strip())
    if len(kept) == len(request.stop or ()):
        return request, ()
    return replace(request, stop=kept or None), ("stop",)


def _form(request: ChatRequest) -> _Told:
    """A form without a schema is none."""
    return request, () if form_of(request) else ("response_format.json_schema",)


def _messages(request: ChatRequest) -> _Told:
    parts = _Parts(knows_files=not request.protocol)
    messages = tuple(parts.of(message) for message in request.messages)
    return replace(request, messages=messages), parts.lost


class _Parts:
    """Goes through the parts of messages, and remembers what it left out."""

    def __init__(self, knows_files: bool) -> None:
        self.lost: set[str] = set()
        self._knows_files = knows_files

    def of(self, message: Message) -> Message:
        return replace(message, content=tuple(self._all(message.content)))

    def _all(self, parts: Iterable[Part], inside: bool = False) -> Iterator[Part]:
        for part in parts:
            if (said := self._one(part, inside)) is not None:
                yield said
                continue
            self.lost.add(_feature(part, inside))
            if CACHE in (getattr(part, "metadata", None) or {}):
                self.lost.add("cache")

    def _one(self, part: Part, inside: bool) -> Part | None:
        """The part as it can be said; ``None`` where it cannot."""
        match part:
            case ToolCallPart(id):
                return replace(part, id=fit(id))
            case ToolResultPart(id, content):
                return replace(part, id=fit(id), content=tuple(self._all(content, inside=True)))
            case ImagePart(url, ""):
                return part if _is_address(url) else None
            case ImagePart():
                media_type = _plain(part.media_type)
                return replace(part, media_type=media_type) if media_type in _IMAGES else None
            case FilePart("", url=str(url)) if url:
                return part if _is_address(url) else None
            case FilePart("", id=str(id)):
                return part if id and self._knows_files else None
            case FilePart():
                return _document(part)
            case AudioPart():
                return None
            case _:
                return part


def _is_address(url: str) -> bool:
    return url.lower().startswith(_ADDRESSES)


def _document(part: FilePart) -> FilePart | None:
    media_type = _plain(part.media_type) or "application/pdf"
    is_sayable = media_type == "application/pdf"
    is_sayable |= media_type == "text/plain" and text_of(part.data) is not None
    return replace(part, media_type=media_type) if is_sayable else None


def text_of(data: str) -> str | None:
    """The text that base64 data holds; ``None`` where it is none."""
    try:
        return b64decode(data, validate=True).decode()
    except ValueError:
        return None


def _plain(media_type: str) -> str:
    """A media type without its parameters, by its right name."""
    media_type = media_type.partition(";")[0].strip().lower()
    return "image/jpeg" if media_type == "image/jpg" else media_type


def _feature(part: Any, inside: bool) -> str:
    """What ``loss.asked`` calls it."""
    match part:
        case ImagePart():
            kind = "image.data" if part.data else "image.url"
            return "tool_result.image" if inside else kind
        case FilePart():
            kind = "file.data" if part.data else "file.url" if part.url else "file.id"
            return "tool_result.file" if inside else kind
        case _:
            return "tool_result.file" if inside else "audio"
