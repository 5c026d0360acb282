"""Images: Ollama has their base64 data alone, others want to know what kind of file it is."""

from __future__ import annotations

from penstock.types import ImagePart

_BY_HEAD = {
    "/9j/": "image/jpeg",
    "iVBORw0KGgo": "image/png",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "Qk": "image/bmp",
}
"""How the base64 of a file of that kind begins."""


def decode_image(data: str) -> ImagePart:
    """An image, with the media type that its first bytes tell."""
    found = (media for head, media in _BY_HEAD.items() if data.startswith(head))
    return ImagePart("", data, next(found, ""))
