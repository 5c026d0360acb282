"""The table made from public data."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D
from typing import Any

import pytest

from penstock.prices import genai, models_dev, sources
from penstock.prices.table import Price, Row
from penstock.types import Rates, RatesAbove
from prices import public_data

TODAY = date(2026, 11, 21)


def built(
    openai: list[dict[str, Any]] | None = None, facts: list[dict[str, Any]] | None = None
) -> dict[str, Row]:
    """OpenAI's rows by their ids."""
    prices = public_data.genai_prices(**({"openai": openai} if openai is not None else {}))
    said = public_data.models_dev(**({"openai": facts} if facts is not None else {}))
    return {row.id: row for row in sources.build(prices, said, TODAY).table.providers["openai"]}


def priced(id: str = "gpt", **more: Any) -> dict[str, Any]:
    prices = {"input_mtok": 1, "output_mtok": 2}
    return {"id": id, "match": {"equals": id}, "prices": prices, **more}


def test_a_row_has_prices_of_the_one_and_facts_of_the_other() -> None:
    facts = [public_data.model("gpt", structured_output=True, reasoning=True, cost={"input": 1.2})]
    (row,) = built([priced(context_window=500)], facts).values()
    assert row == Row("gpt", (Price(D(1), D(2)),), 1000, 100, "tjvr")


def test_a_model_under_several_names_is_one_row() -> None:
    match = {"or": [{"starts_with": "gpt-5-2"}, {"equals": "gpt-5"}, {"equals": "gpt-5-20"}]}
    facts = [public_data.model("gpt-5-2026-01-01"), public_data.model("gpt-5")]
    (row,) = built([priced("gpt-five", match=match)], facts).values()
    assert (row.id, row.names) == ("gpt-5", ("gpt-five", "gpt-5-2*"))


def test_a_model_without_a_price_there_has_that_of_models_dev() -> None:
    cost = {
        "input": 0.09999999999999999,
        "output": 4.0,
        "cache_read": 0,
        "reasoning": 4.0,
        "tiers": [
            {"tier": {"type": "context", "size": 200}, "input": 3},
            {"tier": {"size": 100}, "input": 2},
        ],
        "context_over_200k": {"input": 3},
    }
    rows = built([], [public_data.model("x", cost=cost, status="deprecated")])
    above = (RatesAbove(tokens=100, input=D(2)), RatesAbove(tokens=200, input=D(3)))
    assert rows["x"].price == (Price(D("0.1"), D(4), more=Rates(above=above)),)
    assert not rows["x"].is_listed


def listed(rows: dict[str, Row]) -> set[str]:
    return {id for id, row in rows.items() if row.is_listed}


def test_what_models_dev_has_at_the_vendor_is_listed() -> None:
    facts = [public_data.model("gpt"), public_data.model("gpt-tts"), public_data.model("gpt-ocr")]
    assert listed(built([priced("gpt")], facts)) == {"gpt"}


def test_what_it_has_only_elsewhere_is_not() -> None:
    prices = public_data.genai_prices(
        openai=[priced(id, context_window=9) for id in ("oss", "new")]
    )
    facts = public_data.models_dev(groq=[public_data.model("openai/OSS")])
    rows = sources.build(prices, facts, TODAY).table.providers["openai"]
    assert listed({row.id: row for row in rows}) == {"m", "new"}


@pytest.mark.parametrize("id", ["ft:gpt-4o", "gpt-4o.ft-", "regional.gpt", "claude-2"])
def test_rules_and_what_is_long_gone_are_not_listed(id: str) -> None:
    rows = built([priced(id, context_window=9), priced("bare")])
    assert listed(rows) == {"m"}


def test_what_the_source_gave_up_is_not_listed() -> None:
    assert listed(built([priced(deprecated=True)], [public_data.model("gpt")])) == set()


def test_where_models_dev_has_no_such_provider_all_is_listed_but_rules() -> None:
    prices = public_data.genai_prices(meta=[priced("llama"), priced("llama-guard")])
    rows = sources.build(prices, public_data.models_dev(), TODAY).table.providers["meta"]
    assert listed({row.id: row for row in rows}) == {"llama"}


def test_what_costs_nothing_there_has_no_price() -> None:
    rows = built([], [public_data.model("x", cost={"input": 0, "output": 0})])
    assert rows["x"].price == ()


def test_models_that_do_not_write_are_left_out() -> None:
    drawn = {"input": ["text"], "output": ["image"]}
    heard = priced("whisper", prices={"audio_hours": 0.3})
    assert built([heard], [public_data.model("draw", modalities=drawn)]) == {}


def test_steps_days_and_hours_are_kept() -> None:
    prices = [
        {"prices": {"input_mtok": {"base": 1, "tiers": [{"start": 200, "price": 2}]}}},
        {"prices": {"input_mtok": 5}, "constraint": {"start_date": "2026-01-01"}},
        {
            "prices": {"input_mtok": 6, "web_searches_kcount": 10},
            "constraint": {"start_time": "16:30:00Z", "end_time": "02:30:00+02:00"},
        },
    ]
    (row,) = built([priced(prices=prices)], []).values()
    assert row.price == (
        Price(D(1), more=Rates(above=(RatesAbove(tokens=200, input=D(2)),))),
        Price(D(5), since=date(2026, 1, 1)),
        Price(D(6), more=Rates(search=D("0.01")), hours=(990, 30)),
    )


@pytest.mark.parametrize(
    ("prices", "tiers"),
    [
        ({"input_mtok": 0.5, "output_mtok": 1}, {"batch": D("0.5")}),
        (
            {"input_mtok": 0.5, "output_mtok": 1.1},
            {"batch": Rates(input=D("0.5"), output=D("1.1"))},
        ),
        ({"input_mtok": 0.5}, {"batch": Rates(input=D("0.5"))}),
        ({}, {}),
    ],
)
def test_a_tier_is_a_factor_where_it_is_one(prices: dict[str, Any], tiers: dict[str, Any]) -> None:
    variant = {"when": {"processing": "batch"}, "prices": prices}
    (row,) = built([priced(price_variants=[variant])], []).values()
    assert row.tiers == tiers


def test_a_tier_that_is_not_open_yet_is_left_out() -> None:
    later = {"constraint": {"start_date": "2027-01-01"}}
    variant = {"when": {"service_tier": "flex"}, "prices": {"input_mtok": 9}, **later}
    route = {"when": {"route": "eu"}, "prices": {"input_mtok": 9}}
    (row,) = built([priced(price_variants=[variant, route])], []).values()
    assert row.tiers == {}


@pytest.mark.parametrize(
    ("match", "patterns"),
    [
        ({"equals": "A"}, ("a",)),
        ({"starts_with": "a"}, ("a*",)),
        ({"ends_with": "a"}, ("*a",)),
        ({"contains": "a"}, ("*a*",)),
        ({"regex": "^a\\d$"}, ("^a\\d$",)),
        ({"regex": "a\\d$"}, ("^.*(?:a\\d$)",)),
        (
            {"and": [{"starts_with": "a.b"}, {"regex": "^(?!.*-tts)"}]},
            ("^(?=a\\.b)(?=(?!.*-tts))",),
        ),
        ({"and": [{"contains": "a"}, {"equals": "bab"}]}, ("^(?=.*a)(?=bab$)",)),
    ],
)
def test_rules_of_matching_are_patterns(match: dict[str, Any], patterns: tuple[str, ...]) -> None:
    (row,) = built([priced("id", match=match)], []).values()
    assert row.names == patterns


def test_what_azure_has_of_others_is_not_said_twice() -> None:
    prices = public_data.genai_prices(openai=[priced("gpt-5")], azure=[])
    same = public_data.model("gpt-5", cost={"input": 1, "output": 2})
    facts = public_data.models_dev(
        openai=[public_data.model("gpt-5")], azure=[same, public_data.model("phi")]
    )
    rows = sources.build(prices, facts, TODAY).table.providers["azure"]
    assert [row.id for row in rows] == ["phi"]


@pytest.mark.parametrize(
    ("said", "row"),
    [
        (
            {"cost": {"input": 1, "output": 3}},
            Row("gpt-5", (Price(D(1), D(3)),), 1000, 100, "tv"),
        ),
        ({"limit": {"context": 900}}, Row("gpt-5", (), 900, None, "tv")),
        (
            {"reasoning": True, "cost": {"input": 1, "output": 2}},
            Row("gpt-5", (), 1000, 100, "tvr"),
        ),
    ],
)
def test_what_azure_says_otherwise_of_others_is_its_own(said: dict[str, Any], row: Row) -> None:
    prices = public_data.genai_prices(openai=[priced("gpt-5")], azure=[])
    facts = public_data.models_dev(
        openai=[public_data.model("gpt-5")], azure=[public_data.model("gpt-5", **said)]
    )
    assert sources.build(prices, facts, TODAY).table.providers["azure"] == (row,)


def test_a_price_that_changes_at_night_is_not_shared() -> None:
    night = {
        "prices": {"input_mtok": 0.5, "output_mtok": 1},
        "constraint": {"start_time": "16:30:00Z", "end_time": "00:30:00Z"},
    }
    day = {"prices": {"input_mtok": 1, "output_mtok": 2}}
    prices = public_data.genai_prices(deepseek=[priced("r1", prices=[day, night])], azure=[])
    facts = public_data.models_dev(
        deepseek=[], azure=[public_data.model("r1", cost={"input": 1, "output": 2})]
    )
    (row,) = sources.build(prices, facts, TODAY).table.providers["azure"]
    assert row.price == (Price(D(1), D(2)),)


def test_a_model_of_which_other_things_are_said_has_its_row_before_the_pattern() -> None:
    match = {"or": [{"starts_with": "gpt-5"}]}
    chat = public_data.model("gpt-5-chat", limit={"context": 9, "output": 5})
    same = public_data.model("gpt-5-2026")
    rows = built([priced("gpt-5", match=match)], [public_data.model("gpt-5"), chat, same])
    assert list(rows.values()) == [
        Row("gpt-5-chat", (), 9, 5, "tv"),
        Row("gpt-5", (Price(D(1), D(2)),), 1000, 100, "tv", ("gpt-5*",)),
    ]


def test_prices_that_are_far_apart_are_in_doubt_unless_one_is_dated() -> None:
    facts = [public_data.model("gpt", cost={"input": 1.2, "output": 3})]
    assert built([priced()], facts)["gpt"].doubts == ("output",)
    dated: list[dict[str, Any]] = [{"prices": {"input_mtok": 1, "output_mtok": 2}}]
    dated[0]["constraint"] = {"start_date": "2026-01-01"}
    assert built([priced(prices=dated)], facts)["gpt"].doubts == ()
    drawn = {"input_mtok": 1, "output_mtok": 2, "output_image_mtok": 3}
    assert built([priced(prices=drawn)], facts)["gpt"].doubts == ()


def test_a_doubt_about_one_name_is_none_about_the_others() -> None:
    match = {"or": [{"equals": "gpt"}, {"equals": "gpt-latest"}]}
    facts = [public_data.model("gpt-latest", cost={"input": 5, "output": 2})]
    rows = built([priced("gpt", match=match)], facts)
    assert {id: (row.doubts, row.price) for id, row in rows.items()} == {
        "gpt-latest": (("input",), (Price(D(1), D(2)),)),
        "gpt": ((), (Price(D(1), D(2)),)),
    }


def test_a_name_that_has_moved_has_its_new_price_from_then_on() -> None:
    match = {"or": [{"equals": "mistral-large-latest"}, {"equals": "mistral-large-2411"}]}
    cost = {"input": 0.5, "output": 1.5}
    facts = [
        public_data.model("mistral-large-latest", cost=cost, last_updated="2025-12-02"),
        public_data.model("mistral-large-2411", cost={"input": 1, "output": 2}),
    ]
    moved, stays = built([priced("mistral-large", match=match)], facts).values()
    new = Price(D("0.5"), D("1.5"), since=date(2025, 12, 2))
    assert (moved.id, moved.price) == ("mistral-large-latest", (Price(D(1), D(2)), new))
    assert moved.doubts == ("input",)  # 2 and 1.5 are a quarter apart
    assert (stays.id, stays.price) == ("mistral-large-2411", (Price(D(1), D(2)),))


def test_differences_are_for_a_person_to_look_at() -> None:
    prices = public_data.genai_prices(openai=[priced("gpt")])
    facts = public_data.models_dev(
        openai=[public_data.model("gpt", cost={"input": 1.005, "output": 2.5})]
    )
    found = [d for d in sources.build(prices, facts, TODAY).differences if "openai" in d.model]
    assert [(d.model, d.kind, d.genai, d.models_dev) for d in found] == [
        ("openai/gpt", "output", D(2), D("2.5"))
    ]


def test_each_source_says_how_new_it_is() -> None:
    conditional = [
        {"prices": {"input_mtok": 1}},
        {"prices": {"input_mtok": 2}, "constraint": {"start_date": "2026-11-09"}},
        {"prices": {"input_mtok": 3}, "constraint": {"start_date": "2027-01-01"}},
    ]
    prices = public_data.genai_prices(openai=[priced(prices=conditional)])
    table = sources.build(prices, public_data.models_dev(), TODAY).table
    newest = {source.name: source.newest for source in table.sources}
    assert newest == {"genai-prices": date(2026, 11, 9), "models.dev": date(2026, 6, 1)}


@pytest.mark.parametrize("broken", [b"", b"{}", b"[{}]", b'[{"id": "openai"}]', b"\xff"])
def test_prices_of_another_form_are_an_error(broken: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        sources.build(broken, public_data.models_dev(), TODAY)


@pytest.mark.parametrize("broken", [b"", b"[]", b'{"openai": {}}', b'{"openai": 5}', b"\xff"])
def test_facts_of_another_form_are_an_error(broken: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        sources.build(public_data.genai_prices(), broken, TODAY)


def test_a_provider_that_no_source_has_has_no_rows() -> None:
    rows = sources.build(b"[]", b"{}", TODAY).table.providers
    assert set(rows) == set(sources.PROVIDERS)
    assert not any(rows.values())


def test_a_rule_of_matching_that_is_new_is_an_error() -> None:
    with pytest.raises(ValueError, match="sounds_like"):
        built([priced(match={"sounds_like": "gpt"})])


@pytest.mark.parametrize(
    "match",
    [
        {"regex": "(("},
        {"regex": "a{99999999999}"},
        {"regex": None},
        {"and": [{"regex": "(("}]},
        {"equals": 5},
        {"starts_with": []},
        {"or": 5},
        {"or": [5]},
        {"and": {"equals": "a"}},
    ],
)
def test_a_rule_of_matching_that_is_none_is_an_error(match: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"rule|regular"):
        built([priced(match=match)])


WRONG = ["NaN", "sNaN", "Infinity", "1e999999", "1e-999999", "0e999999", "-1", "1000001"]


@pytest.mark.parametrize("price", WRONG)
def test_a_price_that_is_none_is_an_error(price: str) -> None:
    base, step = {"base": price, "tiers": []}, {"start": 5, "price": price}
    tiers = {"base": 1, "tiers": [step]}
    variant = {"when": {"processing": "batch"}, "prices": {"input_mtok": price}}
    for said in (price, base, tiers):
        with pytest.raises(ValueError, match="million"):
            built([priced(prices={"input_mtok": said})])
    with pytest.raises(ValueError, match="million"):
        built([priced(price_variants=[variant])])
    above = {"tiers": [{"tier": {"size": 5}, "output": price}]}
    for cost in ({"input": price}, {"input": 1, **above}):
        with pytest.raises(ValueError, match="million"):
            built([], [public_data.model("x", cost=cost)])


def test_a_tier_of_what_has_no_price_of_tokens_is_kept_as_it_is() -> None:
    prices = [{"prices": {"input_mtok": 1}}, {"prices": {"hours": 1}}]
    variant = {"when": {"processing": "batch"}, "prices": {"other": 1}}
    (row,) = built([priced(prices=prices, price_variants=[variant])], []).values()
    assert row.tiers == {"batch": Rates()}


def test_a_source_alone_can_be_read() -> None:
    assert genai.decode(b"[]", TODAY).rows == {}
    assert models_dev.decode(b"{}", TODAY).newest == date.min
