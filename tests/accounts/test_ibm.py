"""IBM's keys are never sent to a service: they get a token, and that is."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from penstock.accounts.ibm import IBMAccount
from penstock.transport import Request
from penstock.transport.http import HTTPTransport
from raw import Upstream, head


async def test_a_key_gets_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WATSONX_APIKEY", "WATSONX_API_KEY", "IBM_CLOUD_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    account = IBMAccount()
    assert not account.is_there()
    body = json.dumps({"access_token": "eyJ.got", "expires_in": 3600}).encode()
    with Upstream([head(content_type="application/json", content_length=len(body)) + body]) as iam:
        monkeypatch.setenv("IBM_CLOUD_IAM_URL", iam.url)
        monkeypatch.setenv("WATSONX_APIKEY", "the-key")
        asked = Request("POST", "https://us-south.ml.cloud.ibm.com/ml/v1/text/chat")
        request = await account.prove(asked, HTTPTransport().send)
        head_, _, form = iam.asked().result(5).requests[0].partition(b"\r\n\r\n")
    assert request.headers["Authorization"] == "Bearer eyJ.got"
    assert head_.startswith(b"POST /identity/token HTTP/1.1\r\n")
    assert parse_qs(form.decode()) == {
        "grant_type": ["urn:ibm:params:oauth:grant-type:apikey"],
        "apikey": ["the-key"],
    }
