"""Ollama's ``options``: how to sample, and how to run the model; JSON -> our fields and back.

https://docs.ollama.com/modelfile#valid-parameters-and-values lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from penstock.protocols.ollama_chat.names import NAME
from penstock.types import ChatRequest

_OURS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "num_predict": "max_tokens",
    "stop": "stop",
    "seed": "seed",
}
"""Ollama's word for each of our fields."""

_WHOLE = ("top_k", "num_predict", "seed")


class Options(Struct):
    """The options that have a field of their own, with their types."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    num_predict: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None


def with_whole_numbers(options: Any) -> Any:
    """Ollama takes ``20.0`` where it wants a whole number."""
    if not isinstance(options, Mapping):
        return options
    return {
        key: int(item) if key in _WHOLE and _is_whole(item) else item
        for key, item in options.items()
    }


def _is_whole(item: Any) -> bool:
    return isinstance(item, float) and item.is_integer()


def decode_options(known: Options, given: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """Our fields, and the options that have none. A negative ``num_predict`` is no limit but a
    way to run, so it stays among those."""
    fields: dict[str, Any] = {}
    for word, name in _OURS.items():
        value = getattr(known, word)
        if value is not None and not (word == "num_predict" and value < 0):
            fields[name] = value
    if "stop" in fields:
        said = fields["stop"]
        fields["stop"] = (said,) if isinstance(said, str) else tuple(said)
    rest = {
        key: item
        for key, item in given.items()
        if item is not None and not (key in _OURS and _OURS[key] in fields)
    }
    return fields, rest


def encode_options(request: ChatRequest) -> dict[str, Any]:
    """All options that the request says, the kept ones among them."""
    kept = request.extra.get("options") if request.protocol in ("", NAME) else None
    options = dict(kept) if isinstance(kept, Mapping) else {}
    for word, name in _OURS.items():
        value = getattr(request, name)
        if value is not None:
            options[word] = list(value) if word == "stop" else value
    return options
