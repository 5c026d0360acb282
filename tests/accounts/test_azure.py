"""Microsoft's tokens: a given one goes as it is, a service principal asks for its own."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from penstock.accounts.azure import AzureAccount
from penstock.transport import Request
from penstock.transport.http import HTTPTransport
from raw import Upstream, head

ASKED = Request("POST", "https://mine.openai.azure.com/openai/v1/chat/completions")
NAMES = (
    "AZURE_OPENAI_AD_TOKEN",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_AUTHORITY_HOST",
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


async def test_a_given_token_goes_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    account = AzureAccount()
    assert not account.is_there()
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "eyJ.given")
    request = await account.prove(ASKED, HTTPTransport().send)
    assert request.headers["Authorization"] == "Bearer eyJ.given"


async def test_a_service_principal_asks_for_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps({"access_token": "eyJ.got", "expires_in": 3599}).encode()
    answer = head(content_type="application/json", content_length=len(body)) + body
    with Upstream([answer]) as upstream:
        monkeypatch.setenv("AZURE_TENANT_ID", "tenant/../x")
        monkeypatch.setenv("AZURE_CLIENT_ID", "client")
        account = AzureAccount()
        assert not account.is_there()
        monkeypatch.setenv("AZURE_CLIENT_SECRET", "secret")
        assert account.is_there()
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"{upstream.url}/")
        request = await account.prove(ASKED, HTTPTransport().send)
        assert request.headers["Authorization"] == "Bearer eyJ.got"
        asked, _, form = upstream.asked().result(5).requests[0].partition(b"\r\n\r\n")
        assert asked.startswith(b"POST /tenant%2F..%2Fx/oauth2/v2.0/token HTTP/1.1\r\n")
        assert parse_qs(form.decode()) == {
            "grant_type": ["client_credentials"],
            "client_id": ["client"],
            "client_secret": ["secret"],
            "scope": ["https://cognitiveservices.azure.com/.default"],
        }
