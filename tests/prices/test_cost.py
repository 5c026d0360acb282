"""What a usage costs: laws first, then each vendor's own sense."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import Usage, cost
from penstock.prices import counted, table
from penstock.prices.charge import Cost
from penstock.types import estimate_usage

D = Decimal
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
SONNET = "anthropic/claude-sonnet-4-5"

PRICED = [
    f"{provider}/{row.id}"
    for provider, rows in sorted(table.packaged_table().providers.items())
    for row in rows
    if row.price and row.price[-1].input and row.price[-1].output
]

counts = st.integers(0, 400_000)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """A usage in which no part is greater than its whole."""
    cached, write, fresh = draw(counts), draw(counts), draw(counts)
    reasoning, said = draw(counts), draw(counts)
    whole = Usage(
        input=cached + write + fresh,
        output=reasoning + said,
        cached_input=cached,
        cache_write=write,
        reasoning=reasoning,
    )
    return whole.in_sense(cached_apart=draw(st.booleans()), reasoning_apart=draw(st.booleans()))


def priced(usage: Usage | None, model: str, **more: Any) -> Cost:
    found = cost(usage, model, at=more.pop("at", AT), **more)
    assert found is not None
    return found


# Laws


@given(usages(), st.sampled_from(PRICED))
def test_the_parts_make_the_total_and_none_is_less_than_nothing(usage: Usage, model: str) -> None:
    found = priced(usage, model)
    assert found.total == sum(found.parts.values(), D(0))
    assert all(part > 0 for part in found.parts.values() if part)
    provider, _, name = model.partition("/")
    row = table.find(provider, name, priced=True)
    assert row is not None
    assert {"input", "output"} & {*found.approximate} <= {*row.doubts}


@given(usages(), st.booleans(), st.booleans(), st.sampled_from(PRICED))
def test_whose_sense_the_numbers_are_in_changes_nothing(
    usage: Usage, cached: bool, reasoning: bool, model: str
) -> None:
    other = usage.in_sense(cached_apart=cached, reasoning_apart=reasoning)
    assert priced(other, model) == priced(usage, model)


@given(usages(), st.integers(1, 1000), st.sampled_from(PRICED))
def test_a_longer_answer_is_not_cheaper(usage: Usage, more: int, model: str) -> None:
    assert usage.output is not None
    longer = Usage(**{**as_dict(usage), "output": usage.output + more})
    assert priced(longer, model).total >= priced(usage, model).total


def as_dict(usage: Usage) -> dict[str, Any]:
    return {name: getattr(usage, name) for name in usage.__struct_fields__}


@given(usages(), st.sampled_from(PRICED))
def test_nothing_is_rounded_whatever_the_callers_precision(usage: Usage, model: str) -> None:
    with localcontext() as context:
        context.prec = 3
        coarse = cost(usage, model, at=AT)
    assert coarse == priced(usage, model)


@given(usages(), st.text(max_size=20))
def test_a_model_that_is_not_known_has_no_cost(usage: Usage, name: str) -> None:
    assert cost(usage, f"nobody/{name}") is None
    assert cost(usage, f"ollama/{name}") is None


# Examples


def test_a_cost_prints_as_dollars() -> None:
    assert str(priced(Usage(input=1000, output=100), "openai/gpt-5-mini")) == "$0.00045"
    assert str(Cost(D("20.00"))) == "$20"
    assert str(Cost(D("0.000"))) == "$0"


@given(st.decimals(0, 10**9, allow_nan=False, allow_infinity=False, places=40))
def test_a_cost_prints_whole_whatever_the_callers_precision(total: D) -> None:
    with localcontext() as context:
        context.prec = 4
        printed = str(Cost(total))
    assert D(printed.removeprefix("$")) == total


def test_what_is_not_known_is_not_nothing() -> None:
    assert cost(None, "openai/gpt-5-mini") is None
    assert cost(Usage(), "openai/gpt-5-mini") is None
    assert cost(Usage(input=5, output=5), "openai") is None
    assert cost(Usage(input=5, output=5), "") is None
    assert cost(Usage(input=5, output=5), "voyage/voyage-3-large") is None  # has no price of output
    assert priced(Usage(input=0, output=0), "openai/gpt-5-mini").total == 0


def test_a_number_that_nobody_said_is_told() -> None:
    found = priced(Usage(output=1_000_000), "openai/gpt-5-mini")
    assert (found.parts, found.approximate) == ({"output": D(2)}, ("input",))
    assert priced(Usage(input=1_000_000), "openai/gpt-5-mini").approximate == ("output",)


def test_a_model_that_writes_nothing_is_charged_for_what_it_reads() -> None:
    found = priced(Usage(input=1_000_000, total=1_000_000), "openai/text-embedding-3-small")
    assert (found.parts, found.approximate) == ({"input": D("0.02")}, ())


def test_an_estimate_stays_one() -> None:
    assert priced(estimate_usage(400, 4000), "openai/gpt-5-mini").provenance == "estimated"


def test_a_part_without_a_price_of_its_own_costs_what_its_whole_does_and_is_told() -> None:
    found = priced(Usage(input=1_000_000, output=0, cached_input=400_000), "openai/gpt-4")
    assert (found.total, found.approximate) == (D(30), ("cached_input",))
    thinking = priced(Usage(input=0, output=1_000_000, reasoning=900_000), "openai/gpt-5-mini")
    assert (thinking.parts, thinking.approximate) == ({"output": D(2)}, ())


def test_more_of_a_part_than_of_its_whole_costs_no_less_than_nothing() -> None:
    found = priced(Usage(input=100, output=0, cached_input=1_000_000), "openai/gpt-5-mini")
    assert (found.parts, found.approximate) == ({"cached_input": D("0.025")}, ("input",))


def test_a_long_question_costs_more_as_a_whole() -> None:
    at_most, above = Usage(input=200_000, output=0), Usage(input=200_001, output=0)
    assert priced(at_most, SONNET).total == D("0.6")
    assert priced(above, SONNET).total == D("1.200006")
    cached = Usage(input=1, output=0, cached_input=200_000, cached_apart=True)
    assert priced(cached, SONNET).parts["cached_input"] == D("0.12")


def test_a_write_that_lasts_an_hour_costs_more() -> None:
    said = {"anthropic_messages": {"cache_creation": {"ephemeral_1h_input_tokens": 400_000}}}
    usage = Usage(input=0, output=0, cache_write=1_000_000, cached_apart=True, metadata=said)
    found = priced(usage, "anthropic/claude-haiku-4-5")
    assert found.parts == {"cache_write": D("0.75"), "cache_write_1h": D("0.8")}
    of_bedrock = {"bedrock_converse": {"cacheDetails": [{"ttl": "1h", "inputTokens": 400_000}]}}
    assert counted.counts(Usage(metadata=of_bedrock))["cache_write_1h"] == 400_000


def test_a_search_costs_a_cent() -> None:
    said = {"anthropic_messages": {"server_tool_use": {"web_search_requests": 3}}}
    usage = Usage(input=0, output=0, metadata=said)
    assert priced(usage, SONNET).parts == {"search": D("0.03")}
    assert priced(usage, "openai/gpt-4").approximate == ("search",)


def test_a_summary_that_anthropic_made_on_the_way_is_charged_too() -> None:
    steps = [
        {"type": "compaction", "input_tokens": 1_000_000, "output_tokens": 0},
        {"type": "message", "input_tokens": 0, "output_tokens": 0},
    ]
    usage = Usage(input=0, output=0, metadata={"anthropic_messages": {"iterations": steps}})
    assert priced(usage, "anthropic/claude-haiku-4-5").total == D(1)


def test_gemini_counts_sound_thoughts_and_tools_apart() -> None:
    said = {
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 600_000},
            {"modality": "AUDIO", "tokenCount": 400_000},
        ],
        "toolUsePromptTokenCount": 1_000_000,
    }
    usage = Usage(
        input=1_000_000,
        output=1_000_000,
        reasoning=1_000_000,
        reasoning_apart=True,
        metadata={"gemini_generate": said},
    )
    assert priced(usage, "gemini/gemini-2.5-flash").parts == {
        "input": D("0.48"),
        "input_audio": D("0.4"),
        "output": D(5),
    }


def test_cohere_charges_less_than_the_model_read() -> None:
    said = {"cohere_v2_chat": {"billed_units": {"input_tokens": 10, "output_tokens": 20}}}
    usage = Usage(input=500, output=30, metadata=said)
    counts = counted.counts(usage)
    assert (counts["input"], counts["output"]) == (10, 20)


@pytest.mark.parametrize(
    ("provider", "said", "dollars"),
    [
        ("openrouter", {"cost": 0.00027475}, "0.00027475"),
        ("openrouter", {"cost": 1.805e-05, "is_byok": False}, "0.00001805"),
        (
            "openrouter",
            {"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}},
            "0.21",
        ),
        ("perplexity", {"cost": {"total_cost": 0.006}}, "0.006"),
        ("xai", {"cost_in_usd_ticks": 10781000}, "0.0010781"),
    ],
)
def test_what_a_service_says_it_charges_is_the_cost(
    provider: str, said: dict[str, Any], dollars: str
) -> None:
    usage = Usage(input=10, output=20, metadata={"openai_chat": said})
    found = priced(usage, f"{provider}/anything")
    assert found.total == found.charged == D(dollars)
    assert cost(usage, "nobody/anything") is None


@pytest.mark.parametrize("said", [{"cost": "free"}, {"cost": True}, {"cost": None}, {"cost": []}])
def test_a_charge_that_is_no_number_is_none(said: dict[str, Any]) -> None:
    usage = Usage(input=10, output=20, metadata={"openai_chat": said})
    assert cost(usage, "openrouter/anything") is None
    assert cost(usage, "perplexity/anything") is None


def test_a_service_tier_changes_the_prices() -> None:
    usage = Usage(input=1_000_000, output=0)
    assert priced(usage, "openai/gpt-5", tier="batch").total == D("0.625")
    assert priced(usage, "openai/gpt-5", tier="priority").total == D("2.5")
    assert priced(usage, "openai/gpt-5", tier="default") == priced(usage, "openai/gpt-5")
    unknown = priced(usage, "openai/gpt-5", tier="scale")
    assert (unknown.total, unknown.approximate) == (D("1.25"), ("tier",))


@pytest.mark.parametrize(
    ("said", "tier"),
    [
        ({"service_tier": "batch"}, "batch"),
        ({"service_tier": "standard"}, ""),
        ({"serviceTier": "STANDARD"}, ""),
        ({"service_tier": "standard", "speed": "fast"}, "fast"),
        ({}, ""),
    ],
)
def test_the_usage_says_its_tier(said: dict[str, Any], tier: str) -> None:
    assert counted.tier(Usage(metadata={"anthropic_messages": said})) == tier


def test_prices_change_with_the_day_and_the_hour() -> None:
    usage = Usage(input=300_000, output=0)
    before = priced(usage, "anthropic/claude-opus-4-6", at=datetime(2026, 3, 12, tzinfo=UTC))
    after = priced(usage, "anthropic/claude-opus-4-6", at=datetime(2026, 3, 13, tzinfo=UTC))
    assert (before.total, after.total) == (D(3), D("1.5"))
    dear = priced(usage, "deepseek/deepseek-chat", at=datetime(2025, 11, 21, 0, 30, tzinfo=UTC))
    cheap = priced(usage, "deepseek/deepseek-chat", at=datetime(2025, 11, 21, 16, 30, tzinfo=UTC))
    assert dear.total == 2 * cheap.total


@pytest.mark.parametrize(
    ("model", "dollars", "unsure"),
    [
        ("azure/deepseek-r1", "6.75", ()),
        ("azure/deepseek-v4-pro", "5.22", ()),
        ("azure/gpt-4", "90", ()),
        ("azure/gpt-5", "11.25", ()),
        ("azure/o4-mini-deep-research", "10", ()),
        ("deepseek/deepseek-chat", "0.42", ("input", "output")),
        ("deepseek/deepseek-v4-flash", "0.75", ()),
        ("mistral/mistral-large-2411", "8", ()),
        ("mistral/mistral-large-2512", "2", ()),
        ("mistral/mistral-large-latest", "2", ("input", "output")),
        ("mistral/mistral-medium-latest", "9", ()),
        ("openai/gpt-5.1-chat-latest", "11.25", ()),
    ],
)
def test_a_model_costs_what_its_own_provider_asks(
    model: str, dollars: str, unsure: tuple[str, ...]
) -> None:
    at = datetime(2026, 11, 21, 18, tzinfo=UTC)
    found = priced(Usage(input=10**6, output=10**6), model, at=at)
    assert (found.total, found.approximate) == (D(dollars), unsure)


def test_a_time_without_a_zone_is_utc() -> None:
    usage = Usage(input=300_000, output=0)
    naive = datetime(2026, 3, 12)  # noqa: DTZ001 - as a caller may have it
    assert cost(usage, "anthropic/claude-opus-4-6", at=naive) == cost(
        usage, "anthropic/claude-opus-4-6", at=naive.replace(tzinfo=UTC)
    )


@given(
    st.dictionaries(
        st.text(), st.dictionaries(st.text(), st.none() | st.text() | st.lists(st.none()))
    )
)
def test_whatever_services_say_besides_is_no_failure(metadata: dict[str, Any]) -> None:
    usage = Usage(input=1_000_000, output=0, metadata=metadata)
    assert priced(usage, "openai/gpt-5-mini").total == D("0.25")


@pytest.mark.parametrize(
    "odd",
    [
        {"cache_creation": 5, "server_tool_use": [], "iterations": 3, "billed_units": "x"},
        {"cacheDetails": ["x"], "promptTokensDetails": [5], "toolUsePromptTokenCount": "many"},
        {"iterations": ["x", {"type": "compaction", "input_tokens": None}]},
        {"cost_details": 5, "is_byok": True, "cost": 1},
    ],
)
def test_details_of_another_form_are_left_alone(odd: dict[str, Any]) -> None:
    usage = Usage(input=1_000_000, output=0, metadata={"anthropic_messages": odd})
    assert priced(usage, "anthropic/claude-haiku-4-5").parts == {"input": D(1)}
    assert priced(usage, "openrouter/x").total == 1 if "cost" in odd else True
