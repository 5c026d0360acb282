"""Where Gemini is asked: the path says the model, whether to stream, and in which frames.

/v1beta/models/{model}:generateContent
/v1beta/models/{model}:streamGenerateContent?alt=sse      (without alt=sse: one JSON array)
/v1beta/tunedModels/{model}:…
/v1/projects/…/locations/…/publishers/google/models/{model}:…      (Vertex AI)
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from penstock.errors import InvalidRequest

ALT = "alt"
"""Beside a body, where its caller wants a stream in other frames than server-sent events."""
ON_PATH = ("model", "stream", ALT)
"""What stands beside a body but is no part of it."""

_MODEL = re.compile(r"(?:^|/)(?:publishers/[^/]+/models|models|(?=tunedModels/|endpoints/))/?")
_VERSION = re.compile(r"/?v1[a-z0-9]*/")  # some SDKs take a name with a slash for a whole path
_STREAM = "streamGenerateContent"
_WHOLE = "generateContent"
_KINDS = ("models/", "tunedModels/")


def locate(model: str, stream: bool) -> str:
    """The path, and query, of Google AI's Gemini."""
    name = model if model.startswith(_KINDS) else "models/" + model
    return "/v1beta/" + quote(name, errors="replace") + method(stream)


def method(stream: bool) -> str:
    """The end of every path, and its query."""
    return f":{_STREAM}?alt=sse" if stream else f":{_WHOLE}"


def read_path(path: str) -> dict[str, Any]:
    """What a path says, under the keys ``ON_PATH``. Raises ``InvalidRequest`` where it asks for
    something else than a chat."""
    place, _, query = path.partition("?")
    head, _, asked = place.rpartition(":")
    if asked not in (_STREAM, _WHOLE):
        message = f"the path must end in :{_WHOLE} or :{_STREAM}, not in {asked!r}"
        raise InvalidRequest(message, param="path")
    found = _MODEL.search(head) or _VERSION.match(head)
    stream = asked == _STREAM
    said = {"model": unquote(head[found.end() :]) if found else "", "stream": stream}
    options = parse_qs(query)
    if stream and "sse" not in options.get("alt", []) + options.get("$alt", []):
        said[ALT] = "json"
    return said
