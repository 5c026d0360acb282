"""Lists of models in a service's own form, asked where they stand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import UnexpectedAnswer
from penstock.protocols import Protocol
from penstock.protocols.openai_chat.dialects.cloudflare import Cloudflare
from penstock.protocols.openai_chat.dialects.databricks import Databricks
from penstock.protocols.openai_chat.dialects.heroku import Heroku
from penstock.providers.cloudflare import Cloudflare as CloudflareProvider
from raw import Upstream, head, soon

LISTS: dict[type[Protocol], tuple[Any, tuple[str, ...]]] = {
    Cloudflare: (
        {
            "success": True,
            "result": [
                {"name": "@cf/a/b", "task": {"id": "1", "name": "Text Generation"}},
                {"name": "@cf/c/d", "task": {"id": "2", "name": "Text-to-Image"}},
            ],
        },
        ("@cf/a/b",),
    ),
    Databricks: (
        {
            "endpoints": [
                {"name": "databricks-a", "task": "llm/v1/chat", "state": {"ready": "READY"}},
                {"name": "databricks-b", "task": "llm/v1/embeddings"},
                {"name": "one-of-my-own"},
            ]
        },
        ("databricks-a",),
    ),
    Heroku: (
        [
            {"model_id": "claude-a", "regions": ["us"], "type": ["text-to-text"]},
            {"model_id": "stable-b", "regions": ["us"], "type": ["text-to-image"]},
        ],
        ("claude-a",),
    ),
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_names_what_can_be_chatted_with(kind: type[Protocol]) -> None:
    said, names = LISTS[kind]
    models = kind().decode_models(json.dumps(said).encode())
    assert tuple(model.id for model in models) == names


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("body", [b"<html>", b'{"data": [', b"7", b'[{"name": 1}]'])
def test_what_is_no_such_list_is_an_error(kind: type[Protocol], body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer, match="model list"):
        kind().decode_models(body)


def test_databricks_without_any_endpoint_has_no_models() -> None:
    assert Databricks().decode_models(b"{}") == ()


async def test_a_list_beside_the_base_url_is_asked_for_there() -> None:
    body = json.dumps(LISTS[Cloudflare][0]).encode()
    answer = head(content_type="application/json", content_length=len(body)) + body
    with Upstream([answer]) as upstream:
        base = f"{upstream.url}/accounts/a1/ai/v1"
        models = await CloudflareProvider(base_url=base, api_key="sk-test").list_models()
        assert [model.id for model in models] == ["@cf/a/b"]
        connection = await soon(upstream.asked())
        line = connection.requests[0].partition(b"\r\n")[0]
        assert line == b"GET /accounts/a1/ai/models/search?task=Text%20Generation HTTP/1.1"
