"""Which providers and models there are."""

import json
from pathlib import Path

import pytest

from raw import Upstream, head
from shell import Terminal, run

MODELS = b'{"object": "list", "data": [{"id": "qwen3"}, {"id": "llama"}]}'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "penstock.toml"


def test_providers_are_listed_with_what_they_need() -> None:
    done = run("providers")
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    (groq,) = (line.split() for line in lines if line.startswith("groq "))
    assert groq == ["groq", "no", "GROQ_API_KEY", "https://console.groq.com", "Groq", "Cloud."]
    assert any(line.split()[:2] == ["builtin", "yes"] for line in lines if line)
    assert "builtin/eliza answers:\nno model is configured" in done.stdout.decode()


def test_a_line_of_the_list_is_no_wider_than_the_terminal(tmp_path: Path) -> None:
    with Terminal("providers", folder=tmp_path) as terminal:
        _, shown = terminal.end()
    table = shown.partition("\r\n\r\n")[0].split("\r\n")
    assert max(map(len, table)) < 80
    assert any(line.endswith("…") for line in table)


def test_a_key_in_the_environment_makes_a_provider_configured_and_the_default() -> None:
    done = run("providers", "--json", OPENAI_API_KEY="sk")
    listed = json.loads(done.stdout)
    configured = {p["name"] for p in listed["providers"] if p["configured"]}
    assert configured == {"builtin", "openai"}
    assert listed["default"]["model"] == "openai/gpt-5-mini"
    assert listed["default"]["why"] == "OPENAI_API_KEY is set"
    openai = next(p for p in listed["providers"] if p["name"] == "openai")
    assert openai["key"] == "OPENAI_API_KEY"
    assert openai["about"] == "OpenAI, by its Chat Completions API."


def test_a_provider_that_cannot_be_loaded_hides_no_other(config: Path) -> None:
    config.write_text("[providers.bad]\nbase_url = 'http://x'\n")
    done = run("providers", "--config", str(config))
    assert done.returncode == 2
    assert b"groq" in done.stdout
    assert b"providers.bad needs a type" in done.stderr


def test_the_configs_own_key_variable_is_the_one_listed(config: Path) -> None:
    config.write_text(
        "[providers.lab]\ntype = 'openai-compatible'\nbase_url = 'http://x'\n"
        "api_key_env = 'LAB_KEY'\nmodels = ['m']\n"
    )
    listed = json.loads(run("providers", "--json", "--config", str(config)).stdout)
    lab = next(p for p in listed["providers"] if p["name"] == "lab")
    assert lab["key"] == "LAB_KEY"
    assert listed["default"]["why"] == "the config's first provider that is ready"


def test_models_are_listed_one_per_line() -> None:
    done = run("models")
    assert done.stdout == b"builtin/eliza\nbuiltin/echo\n"
    assert (done.returncode, done.stderr) == (0, b"")


def test_models_come_from_the_service_itself() -> None:
    script = [head(content_type="application/json", content_length=len(MODELS)), MODELS]
    with Upstream(script) as upstream:
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
    assert [model["id"] for model in listed] == [
        "openai-compatible/qwen3",
        "openai-compatible/llama",
    ]


def test_a_provider_that_lists_nothing_is_told_after_those_that_do() -> None:
    script = [head("503 Service Unavailable", content_length=0)]
    with Upstream(script) as upstream:
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
