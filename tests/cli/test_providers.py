"""Which providers there are, which are configured and how, and who answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from raw import Upstream, head
from shell import Terminal, environment, run

TAGS = b'{"models": [{"name": "qwen3:8b", "model": "qwen3:8b", "digest": "0", "details": {}}]}'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "penstock.toml"


def listed(*args: str, **more: str) -> dict[str, dict[str, Any]]:
    """What ``penstock providers --json`` says, by the providers' names."""
    said = json.loads(run("providers", "--json", *args, stdin=b"", without=(), **more).stdout)
    return {"default": said["default"], **{p["name"]: p for p in said["providers"]}}


def test_providers_are_listed_with_what_they_need() -> None:
    done = run("providers")
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    (groq,) = (line.split() for line in lines if line.startswith("groq "))
    assert groq == ["groq", "no", "GROQ_API_KEY", "https://console.groq.com", "Groq", "Cloud."]
    assert "builtin/eliza answers:\nno model is configured" in done.stdout.decode()


def test_those_that_are_configured_come_first_and_say_how() -> None:
    lines = run("providers", GROQ_API_KEY="gsk").stdout.decode().splitlines()
    assert [line.partition("  ")[0] for line in lines[:4]] == ["NAME", "builtin", "groq", "ai21"]
    assert lines[1].split()[1:4] == ["no", "key", "needed"]
    assert lines[2].split()[1:3] == ["GROQ_API_KEY", "GROQ_API_KEY"]
    assert lines[-1] == "groq/openai/gpt-oss-120b answers: GROQ_API_KEY is set."


def test_a_terminal_shows_who_is_ready_then_who_answers_then_the_names_of_others(
    tmp_path: Path,
) -> None:
    with Terminal("providers", folder=tmp_path, GROQ_API_KEY="gsk") as terminal:
        _, shown = terminal.end()
    ready, answers, keys, engines, addresses, how = shown.replace("\r\n", "\n").split("\n\n")
    assert [line.split("  ")[0] for line in ready.splitlines()] == ["NAME", "builtin", "groq"]
    assert answers == "groq/openai/gpt-oss-120b answers: GROQ_API_KEY is set."
    assert keys.startswith("Set a key to use:\n  ai21 ")
    assert {"openai", "anthropic", "zai"} <= set(keys.split())
    assert {"ollama", "lm-studio"} <= set(engines.split())
    assert {"aura", "openai-compatible"} <= set(addresses.split())
    assert how == "`penstock providers NAME` tells which key, and more.\n"
    lines = shown.splitlines()
    assert max(map(len, lines)) < 80
    assert len(lines) < 50


def test_all_are_lines_of_the_list_where_that_is_asked_for(tmp_path: Path) -> None:
    with Terminal("providers", "--all", folder=tmp_path) as terminal:
        _, shown = terminal.end()
    table = shown.partition("\r\n\r\n")[0].split("\r\n")
    assert max(map(len, table)) < 80
    assert any(line.startswith("groq ") and line.endswith("…") for line in table)


def test_one_provider_is_told_of_in_full() -> None:
    assert run("providers", "groq").stdout.decode().splitlines() == [
        "groq: Groq Cloud.",
        "  configured  no; set GROQ_API_KEY",
        "  key         GROQ_API_KEY",
        "  page        https://console.groq.com",
        "  default     groq/openai/gpt-oss-120b",
        "  models      `penstock models groq` lists them",
    ]
    assert b"set AZURE_OPENAI_API_KEY and AZURE_OPENAI_ENDPOINT" in run("providers", "azure").stdout
    ollama = run("providers", "ollama").stdout
    assert b"ollama does not run" in ollama
    assert b"start it, or set PENSTOCK_OLLAMA_BASE_URL" in ollama
    assert list(listed("groq")) == ["default", "groq"]
    wrong = run("providers", "gorq")
    assert (wrong.returncode, wrong.stdout) == (2, b"")
    assert b"did you mean groq" in wrong.stderr


def test_the_key_that_is_set_is_the_one_listed() -> None:
    assert listed(GOOGLE_API_KEY="k")["gemini"]["key"] == "GOOGLE_API_KEY"
    assert listed(GEMINI_API_KEY="k")["gemini"]["key"] == "GEMINI_API_KEY"


def test_what_a_provider_is_about_is_whole_and_no_python() -> None:
    said = {name: about["about"] for name, about in listed().items() if name != "default"}
    assert said["azure"] == "Azure OpenAI: models are one's own deployments."
    assert said["watsonx"] == "IBM's watsonx.ai."
    assert said["openai-compatible"] == "A service of your own."
    assert all(about.endswith(".") and "=" not in about for about in said.values())


def test_a_config_s_own_address_is_the_one_listed(config: Path) -> None:
    address = "http://me:secret@127.0.0.1:8080/v1"
    config.write_text(
        f"[providers.lab]\ntype = 'openai-compatible'\nbase_url = '{address}'\nmodels = ['m']\n"
    )
    assert listed("--config", str(config))["lab"]["url"] == "http://127.0.0.1:8080"


def test_a_key_in_the_environment_makes_a_provider_configured_and_the_default() -> None:
    said = listed(OPENAI_API_KEY="sk")
    configured = {name for name, p in said.items() if p.get("configured")}
    assert configured == {"builtin", "openai"}
    assert said["default"]["model"].startswith("openai/")
    assert said["default"]["why"] == "OPENAI_API_KEY is set"
    assert said["openai"]["key"] == "OPENAI_API_KEY"
    assert said["openai"]["how"] == "OPENAI_API_KEY"
    assert said["openai"]["about"] == "OpenAI's chat."


def test_an_engine_that_runs_is_shown_with_its_address_and_answers() -> None:
    body = head(content_type="application/json", content_length=len(TAGS)) + TAGS
    with Upstream([body]) as upstream:
        here = {"OLLAMA_HOST": f"127.0.0.1:{upstream.port}", "OPENAI_API_KEY": "sk"}
        said = listed(**here, PENSTOCK_DISCOVERY="1")
        assert said["ollama"]["how"] == f"running at 127.0.0.1:{upstream.port}"
        assert said["default"] == {
            "model": "ollama/qwen3:8b",
            "why": f"ollama is running at {upstream.url}",
        }
        off = listed(**here, PENSTOCK_DISCOVERY="0")
        assert not off["ollama"]["configured"]
        assert off["default"]["why"] == "OPENAI_API_KEY is set"


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
    said = listed("--config", str(config))
    assert (said["lab"]["key"], said["lab"]["how"]) == ("LAB_KEY", "config")
    assert said["default"]["why"] == "the config's first provider that is ready"


@pytest.mark.parametrize(
    ("default", "lack"),
    [("opnai/x", b"did you mean openai"), ("openai/x", b"set OPENAI_API_KEY")],
)
def test_a_default_that_cannot_answer_is_not_said_to(
    config: Path, default: str, lack: bytes
) -> None:
    config.write_text(f"default = '{default}'\n")
    told = run("providers", "--config", str(config)).stdout.splitlines()[-1]
    assert told.startswith(f"{default} cannot answer: ".encode())
    assert lack in told


def test_an_address_or_a_key_for_one_of_the_environment_is_how_it_is_configured() -> None:
    said = listed(PENSTOCK_AURA_BASE_URL="http://127.0.0.1:1", PENSTOCK_JAN_API_KEY="k")
    assert said["aura"]["how"] == "PENSTOCK_AURA_BASE_URL"
    assert said["jan"]["how"] == "PENSTOCK_JAN_API_KEY"


def test_a_provider_without_its_key_is_listed_without_being_loaded(tmp_path: Path) -> None:
    program = (
        "import sys; from penstock.cli import main; main(['providers'])\n"
        "print(*(name for name in sys.modules if name.startswith('penstock.providers.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=environment(tmp_path),
    )
    loaded = done.stdout.splitlines()[-1].split()
    assert "penstock.providers.groq" not in loaded
    assert "penstock.providers.vllm" not in loaded
