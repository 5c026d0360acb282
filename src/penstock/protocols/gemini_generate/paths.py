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

ALT = "alt"
"""Beside a body, where its caller wants a stream in other frames than server-sent events."""
ON_PATH = ("model", "stream", ALT)
"""What stands beside a body but is no part of it."""

_MODEL = re.compile(r"(?:^|/)(?:publishers/[^/]+/models|models|(?=tunedModels/|endpoints/))/?")
_STREAM = "streamGenerateContent"
_KINDS = ("models/", "tunedModels/")


def locate(model: str, stream: bool) -> str:
    """The path, and query, of Google AI's Gemini."""
    name = model if model.startswith(_KINDS) else "models/" + model
    return "/v1beta/" + quote(name) + method(stream)


def method(stream: bool) -> str:
    """The end of every path, and its query."""
    return f":{_STREAM}?alt=sse" if stream else ":generateContent"


def read_path(path: str) -> dict[str, Any]:
    """What a path says, under the keys ``ON_PATH``."""
    place, _, query = path.partition("?")
    head, _, asked = place.rpartition(":")
    found = _MODEL.search(head)
    stream = asked == _STREAM
    said = {"model": unquote(head[found.end() :]) if found else "", "stream": stream}
    options = parse_qs(query)
    if stream and "sse" not in options.get("alt", []) + options.get("$alt", []):
        said[ALT] = "json"
    return said
