"""The table: its file, which copy is read, and whose row a name is."""

from __future__ import annotations

import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path

import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import penstock
from penstock import catalog, prices
from penstock.config import Config
from penstock.prices import names, rates, sources, table
from penstock.prices.table import CAPABILITIES, DOUBTS, Price, Row
from penstock.types import ModelInfo, Rates, RatesAbove

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
PACKAGED = table.packaged_table()
FILE = Path(table.__file__).parent / "snapshot.json"
ROWS = [(name, row) for name, rows in PACKAGED.providers.items() for row in rows]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the user's copy would be; whatever was read is forgotten."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    table.forget()
    yield tmp_path / "penstock" / "prices.json"
    table.forget()


# The file


def test_the_file_is_small() -> None:
    assert len(FILE.read_bytes()) < 150_000
    assert len(zlib.compress(FILE.read_bytes())) < 50_000  # as the wheel has it


def test_the_file_is_dated_and_says_where_it_is_from() -> None:
    assert PACKAGED.made > date(2026, 1, 1)
    assert {source.name for source in PACKAGED.sources} == {"genai-prices", "models.dev"}
    assert all("MIT" in source.licence for source in PACKAGED.sources)
    assert all(source.newest <= PACKAGED.made for source in PACKAGED.sources)


def test_a_table_is_written_as_it_is_read_a_model_a_line() -> None:
    assert table.encode(PACKAGED) == FILE.read_bytes()
    lines = FILE.read_text("utf-8").splitlines()
    assert len(lines) == len(ROWS) + 2 * len(PACKAGED.providers) + 2


def test_every_price_survives_the_file() -> None:
    above = (RatesAbove(tokens=5, output=D("7.5")),)
    price = Price.of(
        Rates(input=D(0), output=D("1e-7"), search=D("0.01"), above=above),
        date(2026, 1, 2),
        (30, 990),
    )
    row = Row("я", (price, Price()), None, 0, "tjx", ("a*",), {"batch": D("0.5")})
    one = replace(PACKAGED, providers={"x": (row, Row("bare")), "none": ()})
    assert table.decode(table.encode(one)) == one


def test_every_row_can_be_used() -> None:
    known = {*CAPABILITIES, *DOUBTS}
    for name, row in ROWS:
        assert set(row.can) <= {*known, "x"}, (name, row.id)
        for pattern in row.names:
            if pattern.startswith("^"):
                re.compile(pattern)
        for price in row.price:
            said = rates.for_length(price.rates, 10**7)
            assert all(amount >= 0 for amount in said.values()), (name, row.id)


def test_every_provider_of_the_table_is_one_of_ours() -> None:
    known = set(catalog.Catalog(Config()).names())
    assert {*PACKAGED.providers, *table.SEE_ALSO} <= known


def test_nothing_is_read_before_it_is_asked_for() -> None:
    program = (
        "import sys\n"
        "from penstock.prices import cost\n"
        "from penstock.prices.table import table\n"
        "print(table.cache_info().currsize, 'aiohttp' in sys.modules, "
        "'penstock.prices.sources' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == [b"0", b"False", b"False"]


# Which copy is read


def test_a_newer_copy_of_the_users_is_read(cache: Path) -> None:
    newer = replace(PACKAGED, made=PACKAGED.made + timedelta(1), providers={"x": (Row("m"),)})
    cache.parent.mkdir()
    cache.write_bytes(table.encode(newer))
    assert table.table() == newer
    assert table.find("openai", "gpt-5") is None


@pytest.mark.parametrize("days", [-1, -400])
def test_an_older_copy_of_the_users_is_not(cache: Path, days: int) -> None:
    cache.parent.mkdir()
    cache.write_bytes(table.encode(replace(PACKAGED, made=PACKAGED.made + timedelta(days))))
    assert table.table() == PACKAGED


@pytest.mark.parametrize("broken", [b"", b"{}", b"\xff", FILE.read_bytes()[:-500], b"[" * 5000])
def test_a_broken_copy_of_the_users_is_not(cache: Path, broken: bytes) -> None:
    cache.parent.mkdir()
    cache.write_bytes(broken)
    assert table.table() == PACKAGED


# Whose row a name is


@pytest.mark.parametrize(
    ("provider", "model", "id"),
    [
        ("openai", "gpt-5-mini", "gpt-5-mini"),
        ("openai", "gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("openai", "GPT-5-mini", "gpt-5-mini"),
        ("openai", "gpt-5.2-20251211", "gpt-5.2"),
        ("openai-responses", "gpt-5", "gpt-5"),
        ("azure", "gpt-5-nano-2025-08-07", "gpt-5-nano"),
        ("anthropic", "claude-fable-5-20260101", "claude-fable-5"),
        ("vertex", "gemini-2.5-flash", "gemini-2.5-flash"),
        ("vertex-anthropic", "claude-opus-4-8@default", "claude-opus-4-8@default"),
        ("bedrock", "eu.amazon.nova-micro-v1:0", "amazon.nova-micro-v1:0"),
        ("openai", "gpt-5.1-chat-latest", "gpt-5.1-chat-latest"),
        ("azure", "gpt-5", "gpt-5"),
        ("gemini", "models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("vertex", "publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash"),
        (
            "vertex",
            "projects/p/locations/eu/publishers/google/models/Gemini-2.5-flash",
            "gemini-2.5-flash",
        ),
        ("vertex-openai", "google/gemini-2.5-flash", "gemini-2.5-flash"),
        (
            "vertex-anthropic",
            "publishers/anthropic/models/claude-opus-4-8@default",
            "claude-opus-4-8@default",
        ),
        ("vertex-openai", "google/gemini-99", None),
        ("openai", "models/gpt-5", None),
        ("openai", "gpt-99", None),
        ("nobody", "gpt-5", None),
        ("openai", "", None),
    ],
)
def test_a_model_is_found_by_its_names(provider: str, model: str, id: str | None) -> None:
    found = table.find(provider, model)
    assert (found and found.id) == id


def test_every_name_that_the_library_knows_has_the_same_price_here() -> None:
    """By the library's own rules of matching, for its own names and those of models.dev; but for
    names that have moved meanwhile."""
    known = get_snapshot()
    compared = 0
    for name, said in sources.PROVIDERS.items():
        if not said.genai or name == "vertex-anthropic":
            continue
        theirs = known.find_provider(None, said.genai, None)
        ids = {row.id for row in PACKAGED.providers[name]} | {m.id for m in theirs.models}
        for id in ids - sources.MOVED:
            model = theirs.find_model(id)
            if model is None or (name == "gemini" and model.id.startswith("claude")):
                continue
            price = model.get_prices(AT)
            row = table.find(name, id, priced=True)
            if getattr(price, "input_mtok", None) is None:
                continue
            assert row is not None, f"{name}/{id}"
            held = rates.holding(row.price, AT)
            assert held is not None
            for kind, key in (("input", "input_mtok"), ("output", "output_mtok")):
                amount = getattr(price, key)
                base = getattr(amount, "base", amount)
                assert getattr(held, kind) == base, f"{name}/{id}"
                for tier in getattr(amount, "tiers", ()):
                    assert rates.for_length(held.rates, tier.start + 1)[kind] == tier.price
            compared += 1
    assert compared > 900


@given(st.text(), st.text())
def test_a_pattern_fits_what_it_says(name: str, more: str) -> None:
    core = name.replace("*", "").replace("^", "").lower()
    model = core + more.lower()
    assert names.fit(core, core, ())
    assert names.fit(model, "", [f"{core}*"]) is model.startswith(core)
    assert names.fit(more.lower() + core, "", [f"*{core}*"])


def test_patterns() -> None:
    assert names.fit("gpt-5-2025", "x", ["gpt-5*"])
    assert not names.fit("my-gpt-5", "x", ["gpt-5*"])
    assert names.fit("my-gpt-5", "x", ["*gpt-5"])
    assert not names.fit("gpt-5-2025", "x", ["*gpt-5"])
    assert names.fit("my-gpt-5-2025", "x", ["*gpt-5*"])
    assert names.fit("grok-4-20260101", "x", [r"^grok-4-\d{8}$"])
    assert not names.fit("grok-4-mini", "x", [r"^grok-4-\d{8}$"])
    assert names.needed("a", ["a", "b", "b1", "b*", "b"]) == ("b*",)


# Which prices hold


def test_the_last_price_that_holds_does() -> None:
    first, second = Price(D(1)), Price(D(2), since=date(2026, 5, 1))
    night = Price(D(3), hours=(22 * 60, 6 * 60))
    held = rates.holding
    assert held((first, second), datetime(2026, 4, 30, 23, 59, tzinfo=UTC)) == first
    assert held((first, second), datetime(2026, 5, 1, tzinfo=UTC)) == second
    assert held((first, night), datetime(2026, 5, 1, 5, 59, tzinfo=UTC)) == night
    assert held((first, night), datetime(2026, 5, 1, 6, tzinfo=UTC)) == first
    assert held((first, night), datetime(2026, 5, 1, 22, tzinfo=UTC)) == night
    assert held((second,), datetime(2020, 1, 1, tzinfo=UTC)) == second
    assert held(()) is None


def test_models_are_described_from_the_table() -> None:
    (said,) = prices.described("openai", [ModelInfo("gpt-5-mini")], "live")
    assert (said.context, said.output, said.source) == (400_000, 128_000, "live")
    assert said.prices == Rates(
        input=D("0.25"),
        output=D(2),
        cached_input=D("0.025"),
        search=D("0.01"),
    )
    assert said.capabilities == ("tools", "json_schema", "vision", "reasoning")
    own = replace(ModelInfo("gpt-5-mini"), context=5, capabilities=("tools",))
    (kept,) = prices.described("openai", [own])
    assert (kept.context, kept.capabilities, kept.output) == (5, ("tools",), 128_000)
    (unknown,) = prices.described("openai", [ModelInfo("mine")])
    assert unknown == ModelInfo("mine")


@pytest.mark.parametrize(
    ("provider", "model", "limits"),
    [
        ("openai", "gpt-5.1-chat-latest", (128_000, 16_384)),
        ("openai", "gpt-5.2-chat-latest", (128_000, 16_384)),
        ("mistral", "mistral-medium-2508", (262_144, 262_144)),
        ("mistral", "labs-devstral-small-2512", (256_000, 256_000)),
        ("azure", "codex-mini", (200_000, 100_000)),
        ("azure", "deepseek-v3.2", (128_000, 128_000)),
        ("azure", "gpt-4-32k", (32_768, 32_768)),
        ("azure", "grok-4-1-fast-reasoning", (128_000, 8_192)),
    ],
)
def test_each_model_has_its_own_limits_beside_the_price_it_shares(
    provider: str, model: str, limits: tuple[int, int]
) -> None:
    (said,) = prices.described(provider, [ModelInfo(model)])
    assert (said.context, said.output) == limits
    assert said.capabilities
    assert said.prices


def test_prices_of_longer_questions_are_of_a_public_type() -> None:
    (said,) = prices.described("openai", [ModelInfo("gpt-5.4")])
    assert said.prices is not None
    assert [type(above) for above in said.prices.above] == [penstock.RatesAbove]


def test_models_are_listed_from_the_table_where_no_service_does() -> None:
    listed = {model.id: model for model in prices.listed("perplexity")}
    assert listed["perplexity/sonar"].source == "snapshot"
    assert "pplx-embed-v1-4b" not in listed
    assert (
        prices.listed("azure") == prices.listed("bedrock-openai") == prices.listed("nobody") == ()
    )
    assert "claude-3-opus-20240229" not in {model.id for model in prices.listed("anthropic")}


@pytest.mark.parametrize(
    "model",
    [
        "anthropic/claude-2",
        "anthropic/claude-v1",
        "bedrock/regional.anthropic.claude-opus-5",
        "gemini/gemini-2.5-flash-tts",
        "gemini/gemini-3.8-live",
        "mistral/mistral-embed",
        "openai/ada",
        "openai/ft:gpt-3.5-turbo-",
        "openai/gpt-4o-mini-2024-07-18.ft-",
        "openai/gpt-4o:extended",
        "openai/gpt-image-1",
        "openai/gpt-oss-120b",
        "openai/gpt-realtime",
        "openai/text-embedding-3-small",
        "vertex/claude-opus-4-8@default",
    ],
)
def test_nobody_is_offered_a_rule_or_what_does_not_chat(model: str) -> None:
    provider, _, id = model.partition("/")
    assert id not in {info.id for info in prices.listed(provider)}


@pytest.mark.parametrize(
    "model",
    [
        "anthropic/claude-opus-5-5",
        "gemini/gemini-3.7-flash",
        "groq/openai/gpt-oss-120b",
        "openai-responses/gpt-5",
        "openai/gpt-5-mini",
        "openai/gpt-6.1-sol",
        "vertex-anthropic/claude-opus-4-8@default",
        "vertex-openai/openai/gpt-oss-120b-maas",
        "vertex/gemini-2.5-flash",
    ],
)
def test_what_is_sold_is_offered(model: str) -> None:
    provider, _, id = model.partition("/")
    assert id in {info.id for info in prices.listed(provider)}


def test_what_is_not_offered_still_has_its_price() -> None:
    row = table.find("openai", "ft:gpt-4o-2024-08-06:mine", priced=True)
    assert row is not None
    assert not row.is_listed


def test_every_model_that_is_offered_is_found_by_its_name_and_once() -> None:
    for provider in (*PACKAGED.providers, *table.SEE_ALSO):
        ids = [info.id.lower() for info in prices.listed(provider)]
        assert len(ids) == len(set(ids)), provider
        assert all(table.find(provider, id) for id in ids), provider
