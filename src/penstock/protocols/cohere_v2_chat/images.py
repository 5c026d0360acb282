"""Images as Cohere takes them from another protocol's caller: by an address, or inline with a
plain media type."""

from __future__ import annotations

from msgspec.structs import replace

from penstock.types import ImagePart, Message, Part

_USUAL = "image/png"
"""What an image is whose type nobody said."""


def in_our_words(message: Message) -> Message:
    """The message without images that cannot be said, types called as Cohere calls them."""
    parts = (_plain(part) for part in message.content if not is_nowhere(part))
    return replace(message, content=tuple(parts))


def is_nowhere(part: Part) -> bool:
    """Whether an image has neither data nor an address: a data URL that is not base64 is none."""
    match part:
        case ImagePart(url, ""):
            return not url or url[:5].lower() == "data:"
        case _:
            return False


def _plain(part: Part) -> Part:
    return (
        replace(part, media_type=_media(part.media_type)) if isinstance(part, ImagePart) else part
    )


def _media(said: str) -> str:
    media = said.partition(";")[0].strip().lower()
    return "image/jpeg" if media == "image/jpg" else media or _USUAL
