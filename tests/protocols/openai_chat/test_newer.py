"""OpenAI's own models are told the longest answer in the words that all of them take."""

from __future__ import annotations

import pytest

from penstock.protocols.openai_chat import OpenAIChat
from penstock.provider import question
from penstock.providers.azure import Azure
from penstock.providers.openai import OpenAI
from penstock.providers.openai_compatible import OpenAICompatible


@pytest.mark.parametrize("provider", [OpenAI, Azure])
@pytest.mark.parametrize("word", ["max_tokens", "max_completion_tokens"])
def test_openai_and_azure_are_told_in_newer_words(
    provider: type[OpenAI] | type[Azure], word: str
) -> None:
    body = provider.protocol.encode_request(question("o4", "Hi", {word: 7}))
    assert body["max_completion_tokens"] == 7
    assert "max_tokens" not in body


def test_any_other_service_is_told_in_the_callers() -> None:
    protocol = OpenAICompatible.protocol
    assert protocol.encode_request(question("m", "Hi", {"max_tokens": 7}))["max_tokens"] == 7
    body = protocol.encode_request(question("m", "Hi", {"max_completion_tokens": 7}))
    assert body["max_completion_tokens"] == 7


def test_nothing_is_said_where_nothing_was() -> None:
    body = OpenAIChat(newer=True).encode_request(question("o4", "Hi", {}))
    assert not [key for key in body if key.startswith("max_")]
