"""Every recorded usage costs the same three ways: by our table and rules, by a formula written by
hand for four vendors, and by the public library that the table's prices come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import types as library
from genai_prices.data_snapshot import get_snapshot

from penstock import cost
from penstock.prices import sources
from prices.recorded_usage import Spent, all_spent

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
BEFORE = datetime(2025, 11, 21, 12, tzinfo=UTC)
"""When names that have moved since were still what the library takes them for."""
ALL = list(all_spent())

D = Decimal


# By hand

Prices = Mapping[str, Decimal]


def prices(
    input: str, output: str, cached: str = "", write: str = "", hour: str = "", audio: str = ""
) -> Prices:
    """Dollars a million tokens; without a price of its own a part costs what its whole does."""
    return {
        "input": D(input),
        "output": D(output),
        "cached": D(cached or input),
        "write": D(write or input),
        "hour": D(hour or write or input),
        "audio": D(audio or input),
    }


SONNET = prices("3", "15", "0.30", "3.75", "6")
OPUS_3 = prices("15", "75", "1.50", "18.75", "30")
OPUS_4_5 = prices("5", "25", "0.50", "6.25", "10")
HAIKU_4_5 = prices("1", "5", "0.10", "1.25", "2")
HAIKU_3_5 = prices("0.80", "4", "0.08", "1", "1.60")
GPT_4O = prices("2.50", "10", "1.25")
GPT_5 = prices("1.25", "10", "0.125")
FLASH_2_0 = prices("0.10", "0.40", "0.025", audio="0.70")
FLASH_2_5 = prices("0.30", "2.50", "0.03", audio="1")
PRO_2_5 = prices("1.25", "10", "0.125")

BY_HAND: dict[str, Prices] = {
    "anthropic/claude-2.1": prices("8", "24"),
    "anthropic/claude-3-5-haiku-20241022": HAIKU_3_5,
    "anthropic/claude-3-5-haiku-latest": HAIKU_3_5,
    "anthropic/claude-3-5-sonnet-20240620": SONNET,
    "anthropic/claude-3-7-sonnet-20250219": SONNET,
    "anthropic/claude-3-haiku-20240307": prices("0.25", "1.25", "0.03", "0.30", "0.50"),
    "anthropic/claude-3-opus-20240229": OPUS_3,
    "anthropic/claude-3-opus-latest": OPUS_3,
    "anthropic/claude-fable-5": prices("10", "50", "1", "12.50", "20"),
    "anthropic/claude-haiku-4-5": HAIKU_4_5,
    "anthropic/claude-haiku-4-5-20251001": HAIKU_4_5,
    "anthropic/claude-opus-4-1-20250805": OPUS_3,
    "anthropic/claude-opus-4-6": OPUS_4_5,
    "anthropic/claude-opus-4-7": OPUS_4_5,
    "anthropic/claude-opus-4-8": OPUS_4_5,
    "anthropic/claude-sonnet-4-0": SONNET,
    "anthropic/claude-sonnet-4-20250514": SONNET,
    "anthropic/claude-sonnet-4-5": SONNET,
    "anthropic/claude-sonnet-4-5-20250929": SONNET,
    "anthropic/claude-sonnet-4-6": SONNET,
    "anthropic/claude-sonnet-5": prices("2", "10", "0.20", "2.50", "4"),
    "gemini/gemini-2.0-flash": FLASH_2_0,
    "gemini/gemini-2.0-flash-001": FLASH_2_0,
    "gemini/gemini-2.5-flash": FLASH_2_5,
    "gemini/gemini-2.5-flash-lite": prices("0.10", "0.40", "0.01", audio="0.30"),
    "gemini/gemini-2.5-flash-preview-09-2025": FLASH_2_5,
    "gemini/gemini-2.5-pro": PRO_2_5,
    "gemini/gemini-2.5-pro-preview-05-06": PRO_2_5,
    "gemini/gemini-3-flash-preview": prices("0.50", "3", "0.05", audio="1"),
    "gemini/gemini-3-pro-preview": prices("2", "12", "0.20"),
    "gemini/gemini-3.5-flash": prices("1.50", "9", "0.15"),
    "openai/gpt-3.5-turbo": prices("0.50", "1.50"),
    "openai/gpt-3.5-turbo-0125": prices("0.50", "1.50"),
    "openai/gpt-4": prices("30", "60"),
    "openai/gpt-4.1": prices("2", "8", "0.50"),
    "openai/gpt-4.1-mini": prices("0.40", "1.60", "0.10"),
    "openai/gpt-4.1-nano": prices("0.10", "0.40", "0.025"),
    "openai/gpt-4o": GPT_4O,
    "openai/gpt-4o-2024-08-06": GPT_4O,
    "openai/gpt-4o-2024-11-20": GPT_4O,
    "openai/gpt-4o-mini": prices("0.15", "0.60", "0.075"),
    "openai/gpt-5": GPT_5,
    "openai/gpt-5-mini": prices("0.25", "2", "0.025"),
    "openai/gpt-5-nano": prices("0.05", "0.40", "0.005"),
    "openai/gpt-5-pro": prices("15", "120"),
    "openai/gpt-5.1": GPT_5,
    "openai/gpt-5.2": prices("1.75", "14", "0.175"),
    "openai/gpt-5.4": prices("2.50", "15", "0.25"),
    "openai/gpt-5.5": prices("5", "30", "0.50"),
    "openai/o1": prices("15", "60", "7.50"),
    "openai/o3": prices("2", "8", "0.50"),
    "openai/o3-mini": prices("1.10", "4.40", "0.55"),
    "openai/o4-mini": prices("1.10", "4.40", "0.275"),
    "openai/o4-mini-2025-04-16": prices("1.10", "4.40", "0.275"),
    "vertex/gemini-2.0-flash": FLASH_2_0,
    "vertex/gemini-2.5-flash": FLASH_2_5,
    "vertex/gemini-3-flash-preview": prices("0.50", "3", "0.05", audio="1"),
    "xai/grok-4.3": prices("1.25", "2.50", "0.20"),
}
"""The vendors' public list prices, for questions of the usual length."""


def of_openai(spent: Spent, price: Prices) -> Decimal:
    """``input`` and ``output`` have everything in them."""
    told = spent.told
    cached = told.get("cached_input", 0)
    fresh = told["input"] - cached
    return fresh * price["input"] + cached * price["cached"] + told["output"] * price["output"]


def of_anthropic(spent: Spent, price: Prices) -> Decimal:
    """``input`` leaves out what the cache was asked for or told; a search is a cent."""
    told, written = spent.told, spent.written["usage"]
    lasting: int = written.get("cache_creation", {}).get("ephemeral_1h_input_tokens", 0)
    searches: int = written.get("server_tool_use", {}).get("web_search_requests", 0)
    return (
        told["input"] * price["input"]
        + told.get("cached_input", 0) * price["cached"]
        + (told.get("cache_write", 0) - lasting) * price["write"]
        + lasting * price["hour"]
        + told["output"] * price["output"]
        + searches * 10_000
    )


def of_google(spent: Spent, price: Prices) -> Decimal:
    """Beside ``output`` there are thoughts, beside ``input`` what tools brought."""
    told, written = spent.told, spent.written.get("usageMetadata", {})
    details = written.get("promptTokensDetails", [])
    sound: int = sum(item["tokenCount"] for item in details if item["modality"] == "AUDIO")
    cached = told.get("cached_input", 0)
    text = told.get("input", 0) + told.get("tool_use_input", 0) - cached - sound
    answer = told.get("output", 0) + told.get("reasoning", 0)
    return (
        text * price["input"]
        + sound * price["audio"]
        + cached * price["cached"]
        + answer * price["output"]
    )


def of_xai(spent: Spent, price: Prices) -> Decimal:
    """Chat leaves reasoning out of ``output``; Responses do not."""
    apart = spent.told.get("reasoning", 0) if spent.protocol == "openai_chat" else 0
    return of_openai(spent, price) + apart * price["output"]


FORMULAS: dict[str, Callable[[Spent, Prices], Decimal]] = {
    "anthropic": of_anthropic,
    "gemini": of_google,
    "openai": of_openai,
    "vertex": of_google,
    "xai": of_xai,
}


def by_hand(spent: Spent) -> Decimal | None:
    price = BY_HAND.get(spent.name)
    if price is None or (
        spent.protocol == "openai_chat" and spent.provider in ("gemini", "anthropic")
    ):
        return None  # another sense than the vendor's own
    return FORMULAS[spent.provider](spent, price) / 1_000_000


# By the library

THEIRS = {"bedrock": "aws", "gemini": "google", "vertex": "google", "xai": "x-ai"}
FLAVOURS = {"openai_chat": "chat", "openai_responses": "responses"}


def by_library(spent: Spent) -> Decimal | None:
    """What genai-prices makes of the same bytes; ``None`` where it does not know the model or
    cannot read such a usage."""
    known = get_snapshot()
    try:
        provider = known.find_provider(None, THEIRS.get(spent.provider, spent.provider), None)
        _, usage = provider.extract_usage(spent.written, api_flavor=flavour(spent, provider))
        model = provider.find_model(spent.model, all_providers=known.providers)
        if model is None:
            return None
        return model.calc_price(usage, provider, genai_request_timestamp=AT).total_price
    except (LookupError, ValueError):
        return None


def flavour(spent: Spent, provider: library.Provider) -> str:
    named = FLAVOURS.get(spent.protocol, "default")
    return named if any(e.api_flavor == named for e in provider.extractors or ()) else "default"


# All three


def reckoned(spent: Spent) -> Decimal | None:
    """By our table and rules, whatever the service itself says that it charges."""
    found = cost(spent.usage, spent.name, at=BEFORE if spent.model in sources.MOVED else AT)
    if found is None or (found.charged is not None and not found.parts):
        return None
    return sum(found.parts.values(), D(0))


def test_the_table_and_the_formulas_agree() -> None:
    pairs = [(spent, reckoned(spent), by_hand(spent)) for spent in ALL]
    both = [(spent, ours, hand) for spent, ours, hand in pairs if hand is not None]
    assert [s.id for s, ours, hand in both if ours != hand] == []
    assert len(both) > 1000


def test_the_table_and_the_library_agree() -> None:
    pairs = [(spent, reckoned(spent), by_library(spent)) for spent in ALL]
    both = [
        (s, ours, theirs) for s, ours, theirs in pairs if ours is not None and theirs is not None
    ]
    assert [s.id for s, ours, theirs in both if ours != theirs] == []
    assert len(both) > 1700


def test_what_the_library_knows_the_table_knows_too() -> None:
    """OpenRouter has no rows: it says itself what it charges."""
    unknown = {s.name for s in ALL if reckoned(s) is None and by_library(s)}
    assert {name for name in unknown if not name.startswith("openrouter/")} == set()


def test_openrouter_says_what_it_charges() -> None:
    asked = [spent for spent in ALL if spent.provider == "openrouter"]
    found = [cost(spent.usage, spent.name, at=AT) for spent in asked]
    said = [each for each in found if each is not None]
    assert len(said) > 170
    assert all(each.charged == each.total and each.parts == {} for each in said)


def test_what_xai_charges_is_what_the_table_says() -> None:
    """The current model's; prices of the others have changed since they were recorded."""
    asked = [
        s for s in ALL if s.name == "xai/grok-4.3" and "cost_in_usd_ticks" in s.written["usage"]
    ]
    found = [cost(spent.usage, spent.name, at=AT) for spent in asked]
    searched = [s for s in asked if s.written["usage"].get("num_server_side_tools_used")]
    same = [each for each in found if each and each.charged == sum(each.parts.values())]
    assert len(asked) - len(searched) == len(same) > 25


def test_nothing_recorded_is_estimated_or_less_than_nothing() -> None:
    found = [cost(spent.usage, spent.name, at=AT) for spent in ALL]
    known = [each for each in found if each is not None]
    assert all(part >= 0 for each in known for part in each.parts.values())
    assert all(each.provenance == "reported" for each in known)


@pytest.mark.parametrize("engine", ["ollama/llama3.1", "vllm/facebook/opt-125m", "builtin/eliza"])
def test_engines_of_ones_own_have_no_price(engine: str) -> None:
    assert cost(ALL[0].usage, engine) is None
