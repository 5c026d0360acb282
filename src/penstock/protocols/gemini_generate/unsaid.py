"""What a question says that Gemini is not told, though it has words for the like of it.

A caller who speaks Gemini's own words is sent on as it spoke. Of others' words these are left out:

    image.url, file.url                 an address that is none: a data URL that is not base64
    file.id                             what was uploaded to another service
    tool_result.image, .file            what lies elsewhere, in a tool's answer: Gemini wants data
    tool_choice.*                       a choice among functions that are not there
    reasoning_effort                    a word beside a number, or that Gemini does not know
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from penstock.protocols.gemini_generate.config import says_effort
from penstock.protocols.gemini_generate.tools import can_choose
from penstock.protocols.gemini_generate.words import NAME
from penstock.types import (
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    Part,
    ToolResultPart,
)

_CHOICES = ("tool_choice.none", "tool_choice.required", "tool_choice.name")


def unsaid(request: ChatRequest) -> Iterator[str]:
    """The features of a request that ``encode_request`` leaves out of it."""
    if request.protocol == NAME:
        return
    for message in request.messages:
        yield from filter(None, (_lack(part, request) for part in message.content))
        for part in message.content:
            inner = part.content if isinstance(part, ToolResultPart) else ()
            yield from filter(None, map(_lack_in_result, inner))
    if not can_choose(request):
        yield from _CHOICES
    if not says_effort(request):
        yield "reasoning_effort"


def sayable(request: ChatRequest) -> Iterator[Message]:
    """The messages without the parts that are left out."""
    for message in request.messages:
        if request.protocol == NAME:
            yield message
        else:
            yield replace(message, content=tuple(_sayable(message.content, request)))


def _sayable(parts: Iterable[Part], request: ChatRequest) -> Iterator[Part]:
    for part in parts:
        if isinstance(part, ToolResultPart):
            shown = tuple(inner for inner in part.content if not _lack_in_result(inner))
            yield replace(part, content=shown)
        elif not _lack(part, request):
            yield part


def _lack(part: Part, request: ChatRequest) -> str:
    """The feature that a part is, if it cannot be said."""
    match part:
        case ImagePart(url, "") if not _is_address(url):
            return "image.url"
        case FilePart("", url=str(url)) if url:
            return "" if _is_address(url) else "file.url"
        case FilePart("", id=id) if request.protocol or not id:
            return "file.id"
        case _:
            return ""


def _lack_in_result(part: Part) -> str:
    """https://ai.google.dev/gemini-api/docs/function-calling#multimodal takes data alone."""
    match part:
        case ImagePart(_, ""):
            return "tool_result.image"
        case FilePart(""):
            return "tool_result.file"
        case _:
            return ""


def _is_address(url: str) -> bool:
    return bool(url) and url[:5].lower() != "data:"
