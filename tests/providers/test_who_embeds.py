"""Who makes embeddings: a model is named where there are any, and nobody is asked in vain."""

from __future__ import annotations

from pkgutil import iter_modules

import pytest

from penstock import MockResponse, MockTransport, providers, sources
from penstock.catalog import Catalog
from penstock.config import Config
from penstock.errors import InvalidRequest
from penstock.http_provider import HTTPProvider
from penstock.types import EmbeddingRequest

ALL = [
    provider
    for module in iter_modules(providers.__path__)
    if isinstance(provider := Catalog(Config()).get(module.name.replace("_", "-")), HTTPProvider)
]
KNOWN = [provider.name for provider in ALL if provider.embedding_model]
NONE = [
    provider.name
    for provider in ALL
    if type(provider).embed is HTTPProvider.embed and provider.embedding_format("m") is None
]


def test_both_kinds_are_known() -> None:
    assert "openai" in KNOWN
    assert "deepseek" in NONE
    assert not set(KNOWN) & set(NONE)


@pytest.mark.parametrize("name", KNOWN)
def test_a_service_that_names_a_model_can_ask_it(name: str) -> None:
    provider = Catalog(Config()).get(name)
    assert isinstance(provider, HTTPProvider)
    assert provider.embedding_format(provider.embedding_model)


@pytest.mark.parametrize("name", NONE)
async def test_a_service_that_is_known_to_have_none_is_not_asked(name: str) -> None:
    transport = MockTransport(lambda _: MockResponse())
    provider = sources.load_own(name)(api_key="sk-canary", transport=transport)
    with pytest.raises(InvalidRequest, match="embeddings"):
        await provider.embed(EmbeddingRequest(model="m", input=("a",)))
    assert not transport.requests
