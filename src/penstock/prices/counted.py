"""What of a ``Usage`` is charged: its tokens by what they are, each vendor's own details read.

Beside the common numbers, services say in their own words how long a cache write lasts, how many
tokens were sound, how many searches were made, in which tier they answered, and some what they
charged. All of it stands in ``Usage.metadata``, under the protocol's name.

Sources: https://platform.claude.com/docs/en/build-with-claude/prompt-caching (``cache_creation``),
https://platform.claude.com/docs/en/build-with-claude/compaction (``iterations``),
https://ai.google.dev/api/generate-content#UsageMetadata (``…TokensDetails``; tool use beside the
prompt), https://docs.cohere.com/docs/how-does-cohere-pricing-work (``billed_units``),
https://openrouter.ai/docs/use-cases/usage-accounting and https://docs.perplexity.ai (``cost``),
https://docs.x.ai (``cost_in_usd_ticks``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from msgspec.structs import replace

from penstock.types import Usage

_Details: TypeAlias = Mapping[str, Any]

_TICKS = 10**10
"""xAI's parts of a dollar."""

_STANDARD = ("", "standard", "standard_only", "default", "auto")


def counts(usage: Usage) -> dict[str, int]:
    """How many there are of each kind, each part counted in its whole too: cached tokens in
    ``input``, reasoning in ``output``."""
    details = _details(usage)
    whole = _billed(usage, details).in_sense()
    said = {
        "input": whole.input,
        "output": whole.output,
        "cached_input": whole.cached_input,
        "cache_write": whole.cache_write,
        "cache_write_1h": _lasting(details),
        "reasoning": whole.reasoning,
        "input_audio": _number(details, "prompt_tokens_details", "audio_tokens")
        + _of_modality(details, "AUDIO", "promptTokensDetails", "toolUsePromptTokensDetails"),
        "cached_audio": _of_modality(details, "AUDIO", "cacheTokensDetails"),
        "output_audio": _number(details, "completion_tokens_details", "audio_tokens")
        + _of_modality(details, "AUDIO", "candidatesTokensDetails"),
        "output_image": _of_modality(details, "IMAGE", "candidatesTokensDetails"),
        "search": _number(details, "server_tool_use", "web_search_requests"),
        "request": 1,
    }
    return {kind: number for kind, number in said.items() if number is not None}


def tier(usage: Usage) -> str:
    """The service tier that answered, where it was another than the standard one."""
    details = _details(usage)
    if details.get("speed") == "fast":  # Anthropic
        return "fast"
    return another(str(details.get("service_tier") or details.get("serviceTier") or ""))


def another(tier: str) -> str:
    """A tier's name in small letters; empty for the standard one, whatever it is called."""
    return "" if tier.lower() in _STANDARD else tier.lower()


def charged(provider: str, usage: Usage) -> Decimal | None:
    """The dollars that the service itself says it charges."""
    read = _CHARGED.get(provider)
    return read(_details(usage)) if read else None


def _details(usage: Usage) -> _Details:
    """What services say in their own words, whichever protocol's words they are."""
    kept = (usage.metadata or {}).values()
    return {key: value for said in kept if isinstance(said, Mapping) for key, value in said.items()}


def _billed(usage: Usage, details: _Details) -> Usage:
    """The usage that is charged, where it is another than what the model read and wrote."""
    match details.get("billed_units"):
        case {"input_tokens": int(read), "output_tokens": int(written)}:  # Cohere
            return replace(usage, input=read, output=written, cached_input=None)
    more = _number(details, "toolUsePromptTokenCount")  # Gemini counts it beside the prompt
    said = details.get("iterations")
    for step in said if isinstance(said, list) else ():
        if isinstance(step, Mapping) and step.get("type") == "compaction":  # Anthropic, likewise
            more += _number(step, "input_tokens")
            written = (usage.output or 0) + _number(step, "output_tokens")
            usage = replace(usage, output=written)
    return replace(usage, input=(usage.input or 0) + more) if more else usage


def _lasting(details: _Details) -> int:
    """Tokens written to a cache for an hour: Anthropic's word, else Bedrock's."""
    listed = details.get("cacheDetails")
    hours = [
        _number(item, "inputTokens")
        for item in (listed if isinstance(listed, list) else ())
        if isinstance(item, Mapping) and item.get("ttl") == "1h"
    ]
    return _number(details, "cache_creation", "ephemeral_1h_input_tokens") + sum(hours)


def _of_modality(details: _Details, modality: str, *keys: str) -> int:
    """Gemini's counts by what the tokens are."""
    listed = [item for key in keys if isinstance(details.get(key), list) for item in details[key]]
    return sum(
        _number(item, "tokenCount")
        for item in listed
        if isinstance(item, Mapping) and item.get("modality") == modality
    )


def _number(details: _Details, *path: str) -> int:
    value: Any = details
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if type(value) is int else 0


def _dollars(value: object) -> Decimal | None:
    """A number of JSON as it was written."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Decimal(str(value)) if is_number else None


def _by_openrouter(details: _Details) -> Decimal | None:
    """Its price, and the vendor's where that is paid with a key of one's own."""
    own, more = _dollars(details.get("cost")), details.get("cost_details")
    if own is None or not details.get("is_byok"):
        return own
    upstream = more.get("upstream_inference_cost") if isinstance(more, Mapping) else None
    return own + (_dollars(upstream) or 0)


def _by_perplexity(details: _Details) -> Decimal | None:
    cost = details.get("cost")
    return _dollars(cost.get("total_cost")) if isinstance(cost, Mapping) else None


def _by_xai(details: _Details) -> Decimal | None:
    ticks = _dollars(details.get("cost_in_usd_ticks"))
    return None if ticks is None else ticks / _TICKS


_CHARGED: dict[str, Callable[[_Details], Decimal | None]] = {
    "openrouter": _by_openrouter,
    "perplexity": _by_perplexity,
    "xai": _by_xai,
}
