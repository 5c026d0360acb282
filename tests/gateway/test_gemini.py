"""Google's own SDK at the gateway, at the addresses that it asks by itself."""

from __future__ import annotations

import asyncio

import pytest
from google import genai
from google.genai import types

from gateway.test_translation import gateway


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_googles_sdk_is_answered_at_either_version_of_its_interface(version: str) -> None:
    """``google-genai`` 3 asks at v1, the ones before it at v1beta."""

    def ask(url: str) -> tuple[str | None, str]:
        options = types.HttpOptions(base_url=url, api_version=version)
        with genai.Client(api_key="none", http_options=options) as sdk:
            whole = sdk.models.generate_content(model="builtin/echo", contents="a b")
            parts = sdk.models.generate_content_stream(model="builtin/echo", contents="a b")
            return whole.text, "".join(part.text or "" for part in parts)

    async with gateway() as url:
        assert await asyncio.to_thread(ask, url) == ("a b", "a b")
