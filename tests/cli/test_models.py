"""Which models there are, what they cost and can do."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from penstock import OpenAI, Usage, cli
from penstock.cli.answer import report
from penstock.cli.conversation import Conversation
from penstock.events import Finish
from penstock.prices import sources, table
from prices import public_data
from raw import Script, Upstream, head
from shell import Terminal, run

MODELS = b'{"object": "list", "data": [{"id": "qwen3"}, {"id": "llama"}]}'
OPENROUTER = {
    "id": "x/y",
    "context_length": 1048576,
    "top_provider": {"max_completion_tokens": 65535},
    "pricing": {"prompt": "0.0000003", "completion": "0.0000025", "input_cache_read": "0.00000003"},
    "supported_parameters": ["tools", "structured_outputs", "reasoning"],
    "architecture": {"input_modalities": ["text", "image"]},
}


def answering(body: bytes) -> Script:
    return [head(content_type="application/json", content_length=len(body)), body]


# Names


def test_models_are_listed_one_per_line() -> None:
    done = run("models")
    assert done.stdout == b"builtin/eliza\nbuiltin/echo\n"
    assert (done.returncode, done.stderr) == (0, b"")


def test_models_come_from_the_service_itself() -> None:
    with Upstream(answering(MODELS)) as upstream:
        done = run("models", "openai-compatible", PENSTOCK_OPENAI_COMPATIBLE_BASE_URL=upstream.url)
        assert done.stdout == b"openai-compatible/qwen3\nopenai-compatible/llama\n"
        listed = json.loads(
            run(
                "models",
                "--json",
                "openai-compatible",
                PENSTOCK_OPENAI_COMPATIBLE_BASE_URL=upstream.url,
            ).stdout
        )
    assert [(model["id"], model["source"]) for model in listed] == [
        ("openai-compatible/qwen3", "live"),
        ("openai-compatible/llama", "live"),
    ]
    assert listed[0]["context"] is listed[0]["prices"] is None


def test_a_services_names_neither_steer_the_terminal_nor_forge_a_line(tmp_path: Path) -> None:
    name = "m\x1b]0;owned\x07\x1b[2J\nopenai/gpt-5.4-mini\t"
    body = json.dumps({"data": [{"id": name}]}).encode()
    with Upstream(answering(body)) as upstream:
        for options in ([], ["--long"]):
            done = run(
                "models",
                "openai-compatible",
                *options,
                PENSTOCK_OPENAI_COMPATIBLE_BASE_URL=upstream.url,
            )
            assert "m␛]0;owned␇␛[2J␊openai/gpt-5.4-mini␉" in done.stdout.decode()
            assert b"\x1b" not in done.stdout


def test_a_provider_that_lists_nothing_is_told_after_those_that_do() -> None:
    with Upstream([head("503 Service Unavailable", content_length=0)]) as upstream:
        everything = run("models", PENSTOCK_OPENAI_COMPATIBLE_BASE_URL=upstream.url)
        it_alone = run(
            "models", "openai-compatible", PENSTOCK_OPENAI_COMPATIBLE_BASE_URL=upstream.url
        )
    assert everything.stdout == b"builtin/eliza\nbuiltin/echo\n"
    assert b"penstock: openai-compatible: " in everything.stderr
    assert b"1 of 2 providers" in everything.stderr
    assert everything.returncode == it_alone.returncode == 1
    assert it_alone.stdout == b""


def test_a_provider_that_is_not_there_is_a_callers_error() -> None:
    done = run("models", "gorq")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"did you mean groq" in done.stderr


# Limits, prices, capabilities


def test_a_live_list_is_filled_from_the_snapshot() -> None:
    body = b'{"data": [{"id": "gpt-5-mini", "object": "model"}, {"id": "mine"}]}'
    with Upstream(answering(body)) as upstream:
        listed = json.loads(
            run("models", "--json", "openai", PENSTOCK_OPENAI_BASE_URL=upstream.url).stdout
        )
    assert listed[0] == {
        "id": "openai/gpt-5-mini",
        "name": "",
        "context": 400000,
        "output": 128000,
        "prices": {"input": 0.25, "output": 2, "cached_input": 0.025, "search": 0.01},
        "capabilities": ["tools", "json_schema", "vision", "reasoning"],
        "source": "live",
    }
    assert (listed[1]["id"], listed[1]["prices"]) == ("openai/mine", None)


def test_what_the_service_says_itself_stands() -> None:
    with Upstream(answering(json.dumps({"data": [OPENROUTER]}).encode())) as upstream:
        (listed,) = json.loads(
            run("models", "--json", "openrouter", PENSTOCK_OPENROUTER_BASE_URL=upstream.url).stdout
        )
        long = (
            run("models", "-l", "openrouter", PENSTOCK_OPENROUTER_BASE_URL=upstream.url)
            .stdout.decode()
            .splitlines()
        )
    assert listed["prices"] == {"input": 0.3, "output": 2.5, "cached_input": 0.03}
    assert (listed["context"], listed["output"]) == (1048576, 65535)
    assert listed["capabilities"] == ["tools", "json_schema", "vision", "reasoning"]
    assert long[0].split()[:4] == ["MODEL", "CONTEXT", "OUTPUT", "$"]
    assert long[1].split()[:6] == ["openrouter/x/y", "1.05M", "65k", "0.3", "0.03", "2.5"]
    assert long[-1] == f"Prices: US dollars for a million tokens, as of {table.table().made}."


def test_a_service_without_a_list_has_the_snapshots_models() -> None:
    listed = json.loads(run("models", "--json", "bedrock", AWS_BEARER_TOKEN_BEDROCK="k").stdout)
    nova = next(m for m in listed if m["id"] == "bedrock/amazon.nova-lite-v1:0")
    assert (nova["source"], nova["prices"]["input"]) == ("snapshot", 0.06)


def test_a_service_that_fails_has_the_snapshots_models_and_is_told() -> None:
    with Upstream([head("503 Service Unavailable", content_length=0)]) as upstream:
        done = run("models", "--json", "groq", PENSTOCK_GROQ_BASE_URL=upstream.url)
    assert done.returncode == 1
    assert {model["source"] for model in json.loads(done.stdout)} == {"snapshot"}
    assert done.stderr.startswith(b"penstock: ")


def test_a_service_without_a_key_has_the_snapshots_models_and_a_line_says_so() -> None:
    done = run("models", "openai")
    assert done.returncode == 2
    assert b"openai/gpt-5-mini\n" in done.stdout
    assert done.stderr.decode() == (
        "penstock: openai was not asked: it needs a key: set OPENAI_API_KEY; "
        f"this is from the snapshot of {table.packaged_table().made}\n"
    )


def test_a_provider_without_models_is_said_to_have_none(tmp_path: Path) -> None:
    done = run("models", "local", PENSTOCK_MODELS=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr == b"local has no models; `penstock pull` lists some to fetch\n"
    with Upstream(answering(b'{"data": []}')) as upstream:
        lab = run(
            "models", "-l", "openai-compatible", PENSTOCK_OPENAI_COMPATIBLE_BASE_URL=upstream.url
        )
    assert (lab.stdout, lab.stderr) == (b"", b"openai-compatible has no models\n")


def test_the_name_in_a_config_may_be_any(tmp_path: Path) -> None:
    config = tmp_path / "penstock.toml"
    config.write_text("[providers.work]\ntype = 'openai'\napi_key = 'k'\nmodels = ['gpt-5']\n")
    (listed,) = json.loads(run("models", "--json", "work", "--config", str(config)).stdout)
    assert (listed["id"], listed["context"], listed["source"]) == ("work/gpt-5", 400000, "")


def test_a_terminal_shows_the_table(tmp_path: Path) -> None:
    with Terminal("models", "builtin", folder=tmp_path) as terminal:
        _, shown = terminal.end()
    assert shown.startswith("MODEL")
    assert "builtin/eliza" in shown


def test_where_a_model_is_from_is_seen_on_a_narrow_terminal(tmp_path: Path) -> None:
    with Terminal("models", "openai", folder=tmp_path) as terminal:
        _, shown = terminal.end()
    (model,) = (line for line in shown.splitlines() if line.startswith("openai/gpt-5-mini "))
    assert "snapshot" in model
    assert len(model) < 80


# The newest data


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(table, "packaged_table", held)
    table.forget()
    yield tmp_path / "penstock" / "prices.json"
    table.forget()


def held() -> table.Table:
    data = public_data.genai_prices(), public_data.models_dev()
    return sources.build(*data, datetime(2026, 11, 21, tzinfo=UTC).date()).table


def test_the_newest_data_is_fetched_on_demand(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {
        b"/prices": answering(public_data.genai_prices()),
        b"/facts": answering(public_data.models_dev()),
    }
    with Upstream(lambda request: answers[request.split(b" ")[1]]) as upstream:
        origin = upstream.url.removesuffix("/v1")
        monkeypatch.setattr(sources, "GENAI_PRICES", f"{origin}/prices")
        monkeypatch.setattr(sources, "MODELS_DEV", f"{origin}/facts")
        assert cli.main(["models", "--refresh", "builtin"]) == 0
    said = capsys.readouterr()
    assert said.out == "builtin/eliza\nbuiltin/echo\n"
    assert str(cache) in said.err
    assert table.decode(cache.read_bytes()) == table.table()


def test_a_refresh_that_fails_is_told(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Upstream([head("503 Service Unavailable", content_length=0)]) as upstream:
        monkeypatch.setattr(sources, "GENAI_PRICES", upstream.url)
        assert cli.main(["models", "--refresh", "builtin"]) == 1
    assert "503" in capsys.readouterr().err
    assert not cache.exists()


# What an answer cost


def conversation(model: str) -> Conversation:
    said: dict[str, Any] = {"option": [], "base_url": "", "system": "", "no_stream": False}
    said |= dict.fromkeys(("config", "proxy", "timeout"))
    return Conversation(Namespace(**said, model=model))


def test_an_answers_cost_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    usage = Usage(input=1000, output=100, total=1100)
    report(Finish(usage=usage), conversation("openai/gpt-5-mini"), verbose=True)
    spent = "tokens: input 1000, output 100, total 1100 (reported); cost: $0.00045\n"
    assert capsys.readouterr().err == f"finish: stop; model: openai/gpt-5-mini; {spent}"
    cached = Usage(input=1000, output=0, cached_input=500)
    report(Finish(usage=cached), conversation("openai/gpt-4"), verbose=True)
    assert capsys.readouterr().err.endswith("(reported); cost: about $0.03\n")


def test_the_cost_is_that_of_the_providers_default_model() -> None:
    usage = Usage(input=1_000_000, output=0)
    named = conversation(f"openai/{OpenAI.default_model}")
    assert conversation("openai").price(usage) == named.price(usage) is not None


@pytest.mark.parametrize("model", ["builtin/eliza", "", "gpt-5-mini", "openai-compatible/gpt-5"])
def test_what_nobody_has_a_price_of_has_no_cost(model: str) -> None:
    assert conversation(model).price(Usage(input=5, output=5)) is None


def test_another_that_answers_in_a_vendors_place_has_no_cost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PENSTOCK_OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert conversation("openai/gpt-5-mini").price(Usage(input=5, output=5)) is None
