"""Which models go on with an answer whose beginning is the last message."""

from __future__ import annotations

import pytest

from penstock.catalog import Catalog
from penstock.config import Config
from penstock.http_provider import HTTPProvider
from penstock.provider import Provider

CLAUDE = (
    "claude-2.1",
    "claude-3-5-haiku-latest",
    "claude-3-7-sonnet-20250219",
    "claude-opus-4-20250514",
    "claude-opus-4-1",
    "claude-sonnet-4@20250514",
    "claude-sonnet-4-5-20250929",
    "claude-haiku-4-5",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "anthropic/claude-sonnet-4.5",
)
LATER = (
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "claude-opus-4-7-20260401",
    "claude-haiku-5-5",
    "us.anthropic.claude-opus-4-6-v1:0",
    "anthropic/claude-opus-4.6",
    "claude-opus-4-50",
)
OF_CLAUDE = ("anthropic", "azure-anthropic", "bedrock", "openrouter", "vertex-anthropic")
ALL = ("llamacpp", "local", "mistral", "ollama", "ollama-cloud", "sglang", "vllm")


def provider(name: str) -> Provider:
    return Catalog(Config()).get(name)


@pytest.mark.parametrize("name", OF_CLAUDE)
def test_claude_does_before_4_6(name: str) -> None:
    asked = provider(name)
    assert [model for model in (*CLAUDE, *LATER) if asked.prefills(model)] == list(CLAUDE)
    assert not asked.prefills("amazon.nova-lite-v1:0")


@pytest.mark.parametrize("name", ALL)
def test_engines_and_mistral_do_whatever_the_model(name: str) -> None:
    assert provider(name).prefills("any")


def test_deepseek_does_below_beta_alone() -> None:
    deepseek = provider("deepseek")
    assert not deepseek.prefills("deepseek-flash")
    beta = deepseek.configured(base_url="https://api.deepseek.com/beta")
    assert beta.prefills("deepseek-flash")


@pytest.mark.parametrize("name", ["cohere", "gemini", "openai", "openai-responses", "xai"])
def test_others_do_not(name: str) -> None:
    assert not provider(name).prefills("any")


def test_only_mistral_says_the_beginning_again() -> None:
    catalog = Catalog(Config())
    all_of_them = map(catalog.get, catalog.names())
    echoing = [p.name for p in all_of_them if isinstance(p, HTTPProvider) and p.echoes]
    assert echoing == ["mistral"]
