"""Ollama's generate requests: one prompt in place of a conversation.

A prompt becomes a user message, ``system`` a system message. ``suffix``, ``template``, ``raw``
and ``context`` (what the model remembers of earlier prompts) stay in ``extra``. A conversation of
several turns is written into one prompt, as text with the speakers' names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from penstock.errors import InvalidRequest
from penstock.protocols.kept import kept_for, rest
from penstock.protocols.ollama_chat.messages import decode_images, joined
from penstock.protocols.ollama_chat.names import NAME
from penstock.protocols.ollama_chat.request import (
    Settings,
    decode_settings,
    encode_settings,
    read_settings,
)
from penstock.types import (
    ChatRequest,
    ImagePart,
    Message,
    Part,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)


class _Body(Settings):
    prompt: str | None = None
    system: str | None = None
    images: list[str] | None = None


_KNOWN = _Body.__struct_fields__


def decode_request(body: Mapping[str, Any]) -> ChatRequest:
    """The question in a JSON body. Raises ``InvalidRequest`` naming the field."""
    known: _Body = read_settings(body, _Body)
    if not known.prompt and not known.images:
        raise InvalidRequest("prompt is empty: say something", param="prompt")
    asked: list[Part] = [TextPart(known.prompt)] if known.prompt else []
    asked.extend(decode_images({"images": known.images}))
    before = (Message("system", (TextPart(known.system),)),) if known.system else ()
    return ChatRequest(
        messages=(*before, Message("user", tuple(asked))),
        **decode_settings(known, body, rest(body, *_KNOWN)),
    )


def encode_request(request: ChatRequest) -> dict[str, Any]:
    """The JSON body that asks it; what Ollama has no word for is left out."""
    spoken = [m for m in request.messages if not _is_system(m)]
    body: dict[str, Any] = {"model": request.model, "prompt": _prompt(spoken)}
    if system := "\n\n".join(joined(m.content) for m in request.messages if _is_system(m)):
        body["system"] = system
    if images := list(_images(spoken)):
        body["images"] = images
    return body | encode_settings(request)


def _is_system(message: Message) -> bool:
    return message.role in ("system", "developer")


def _images(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        for part in message.content:
            if isinstance(part, ImagePart) and part.data:
                yield part.data
        yield from kept_for(NAME, message.metadata).get("images", ())


def _prompt(messages: list[Message]) -> str:
    match messages:
        case [Message("user", content)]:
            return joined(content)
        case _:
            lines = [line for message in messages for line in _transcript(message)]
            return "\n\n".join([*lines, "Assistant:"])


def _transcript(message: Message) -> Iterator[str]:
    if text := joined(message.content):
        yield f"{message.role.capitalize()}: {text}"
    for part in message.content:
        match part:
            case ToolCallPart(_, name, arguments):
                yield f"Assistant calls {name}: {arguments}"
            case ToolResultPart(_, content):
                yield f"Tool: {joined(content)}"
            case _:
                pass
