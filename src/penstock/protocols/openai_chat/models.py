"""Lists of models: OpenAI's has names alone, others add limits, prices and capabilities.

    context       context_length (OpenRouter, Together), context_window (Groq),
                  max_context_length (Mistral), max_model_len (vLLM)
    output        max_completion_tokens (Groq), top_provider.max_completion_tokens (OpenRouter)
    prices        pricing: dollars a token, as text (OpenRouter)
    capabilities  supported_parameters, architecture.input_modalities (OpenRouter)

Sources: https://openrouter.ai/docs/api-reference/list-available-models,
https://console.groq.com/docs/models, https://docs.mistral.ai/api (``BaseModelCard``),
https://docs.vllm.ai (``ModelCard``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from msgspec import Struct

from penstock.protocols.limits import tokens
from penstock.protocols.listing import read_list
from penstock.types import ModelInfo, Rates

_PRICES = {
    "prompt": "input",
    "completion": "output",
    "input_cache_read": "cached_input",
    "input_cache_write": "cache_write",
    "internal_reasoning": "reasoning",
    "web_search": "search",
    "request": "request",
}
_EACH = ("search", "request")
_HIGHEST, _DIGITS = 10**6, 30
"""Dollars that nobody asks, and more decimals than anybody says."""
_PARAMETERS = {"tools": "tools", "structured_outputs": "json_schema"}
_MODALITIES = {"image": "vision", "audio": "audio", "file": "files"}


class _Model(Struct):
    id: str
    context_length: Any = None
    context_window: Any = None
    max_context_length: Any = None
    max_model_len: Any = None
    max_completion_tokens: Any = None
    top_provider: Any = None
    pricing: Any = None
    supported_parameters: Any = None
    architecture: Any = None


class _ModelList(Struct):
    data: list[_Model]


def decode_models(body: bytes) -> tuple[ModelInfo, ...]:
    """The models in a service's list. Raises ``UnexpectedAnswer``."""
    return tuple(_decode(model) for model in read_list(body, _ModelList).data)


def _decode(model: _Model) -> ModelInfo:
    context = model.context_length, model.context_window, model.max_context_length
    return ModelInfo(
        model.id,
        context=tokens(*context, model.max_model_len),
        output=tokens(
            model.max_completion_tokens, _of(model.top_provider).get("max_completion_tokens")
        ),
        prices=_prices(_of(model.pricing)),
        capabilities=tuple(_capabilities(model)),
    )


def _of(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _prices(said: Mapping[str, Any]) -> Rates | None:
    """Prices as text are those of one token; a negative one is not known before the answer, and one
    past all bounds is none."""
    found = {kind: _dollars(said.get(key), kind) for key, kind in _PRICES.items()}
    known = {kind: price for kind, price in found.items() if price is not None}
    return msgspec.convert(known, Rates) if "input" in known and "output" in known else None


def _dollars(said: object, kind: str) -> Decimal | None:
    try:
        price = Decimal(said) if isinstance(said, str) else Decimal("nan")
    except InvalidOperation:
        return None
    if not _is_sane(price) or (not price and kind not in ("input", "output")):
        return None
    whole = price if kind in _EACH else price * 10**6
    return Decimal(f"{whole.normalize():f}") if whole <= _HIGHEST else None


def _is_sane(price: Decimal) -> bool:
    if not price.is_finite() or not 0 <= price <= _HIGHEST:
        return False
    exponent = price.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_DIGITS


def _capabilities(model: _Model) -> Iterator[str]:
    parameters = _listed(model.supported_parameters)
    modalities = _listed(_of(model.architecture).get("input_modalities"))
    yield from (word for name, word in _PARAMETERS.items() if name in parameters)
    yield from (word for name, word in _MODALITIES.items() if name in modalities)
    if "reasoning" in parameters:
        yield "reasoning"


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
