"""Google gives a token for what a key file signs, and nothing of the file goes anywhere else."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from msgspec.structs import replace

from penstock.accounts import google
from penstock.accounts.google import GoogleAccount
from penstock.errors import (
    ConfigError,
    PenstockError,
    RateLimited,
    Redirected,
    ServiceError,
    Unauthorized,
    UnexpectedAnswer,
)
from penstock.transport import Request, Response
from penstock.transport.http import HTTPTransport
from raw import STAY, Script, Upstream, assert_no_secret, head, soon

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()
ASKED = Request("POST", "https://aiplatform.googleapis.com/v1/x", {"Accept": "*/*"}, b"{}")


def answer(body: bytes, status: str = "200 OK") -> Script:
    return [head(status, "application/json", content_length=len(body)) + body]


def token(text: str, expires_in: Any = 3599) -> Script:
    said = {"access_token": text, "expires_in": expires_in, "token_type": "Bearer"}
    return answer(json.dumps(said).encode())


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.delenv("GCE_METADATA_HOST", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(token("ya29.one")) as upstream:
        yield upstream


def service_account(folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Path:
    said = {
        "type": "service_account",
        "project_id": "canal-7",
        "private_key_id": "k1",
        "private_key": PEM,
        "client_email": "bot@canal-7.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
        **changes,
    }
    path = folder / "key.json"
    path.write_text(json.dumps({name: value for name, value in said.items() if value is not None}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    return path


async def proved(account: GoogleAccount) -> str:
    async def send(request: Request) -> Response:
        return await HTTPTransport().send(request)

    request = await account.prove(ASKED, send)
    assert request.url == ASKED.url
    assert request.body == ASKED.body
    assert request.headers["Accept"] == "*/*"
    return request.headers["Authorization"]


def part(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_service_account_signs_for_its_token(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service_account(tmp_path, monkeypatch, token_uri=f"{upstream.url}/token")
    account = GoogleAccount()
    assert account.is_there()
    assert google.project() == "canal-7"
    assert await proved(account) == "Bearer ya29.one"
    raw = upstream.asked().result(5).requests[0]
    asked, _, body = raw.partition(b"\r\n\r\n")
    assert asked.startswith(b"POST /token HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/x-www-form-urlencoded\r\n" in asked
    form = parse_qs(body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    signed, _, signature = form["assertion"][0].rpartition(".")
    public = KEY.public_key()
    public.verify(part(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    first, second = (json.loads(part(text)) for text in signed.split("."))
    assert first == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert second["iss"] == "bot@canal-7.iam.gserviceaccount.com"
    assert second["aud"] == f"{upstream.url}/token"
    assert second["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    assert second["exp"] - second["iat"] == 3600


async def test_a_token_is_kept_until_shortly_before_it_runs_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Upstream(token("ya29.one"), token("ya29.two", 30), token("ya29.three")) as upstream:
        path = service_account(tmp_path, monkeypatch, token_uri=upstream.url)
        account = GoogleAccount()
        assert [await proved(account) for _ in range(2)] == ["Bearer ya29.one"] * 2
        path.write_text(path.read_text() + " ")  # another file: another account
        said = [await proved(account) for _ in range(2)]  # the second token is as good as gone
        assert said == ["Bearer ya29.two", "Bearer ya29.three"]


async def test_a_persons_account_asks_with_its_refresh_token(
    upstream: Upstream, tmp_path: Path
) -> None:
    said = {
        "type": "authorized_user",
        "client_id": "id",
        "client_secret": "canary-secret",
        "refresh_token": "canary-refresh",
        "quota_project_id": "quay-2",
        "token_uri": upstream.url,
    }
    (tmp_path / "gcloud").mkdir()
    path = tmp_path / "gcloud" / "application_default_credentials.json"
    path.write_text(json.dumps(said))
    account = GoogleAccount()
    assert google.project() == "quay-2"
    assert await proved(account) == "Bearer ya29.one"
    body = upstream.asked().result(5).requests[0].partition(b"\r\n\r\n")[2]
    assert parse_qs(body.decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["id"],
        "client_secret": ["canary-secret"],
        "refresh_token": ["canary-refresh"],
    }


async def test_a_machine_of_googles_has_an_account_of_its_own(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not GoogleAccount().is_there()
    monkeypatch.setenv("GCE_METADATA_HOST", upstream.url.removeprefix("http://"))
    assert await proved(GoogleAccount()) == "Bearer ya29.one"
    asked = upstream.asked().result(5).requests[0]
    path = b"/computeMetadata/v1/instance/service-accounts/default/token"
    assert asked.startswith(b"GET " + path + b" HTTP/1.1\r\n")
    assert b"\r\nMetadata-Flavor: Google\r\n" in asked


REFUSED = b'{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}'


@pytest.mark.parametrize(
    ("script", "kind", "why"),
    [
        (answer(REFUSED, "400 Bad Request"), Unauthorized, "invalid_grant: Invalid JWT Signature"),
        (answer(b"<html>", "403 Forbidden"), Unauthorized, "status 403"),
        (answer(b"", "503 Service Unavailable"), ServiceError, "gives no token now"),
        (answer(b"", "429 Too Many Requests"), RateLimited, "gives no token now"),
        (answer(b"", "302 Found"), Redirected, "redirects where a token was asked"),
        (token(""), UnexpectedAnswer, "something else than a token"),
        (token("a\r\nX: b"), UnexpectedAnswer, "something else than a token"),
        (answer(b"<html>"), UnexpectedAnswer, "something else than a token"),
        (answer(b'{"id_token": "x"}'), UnexpectedAnswer, "something else than a token"),
        (answer(b" " * 70_000), UnexpectedAnswer, "longer than"),
    ],
)
async def test_no_token_is_an_error_of_its_own(
    script: Script,
    kind: type[PenstockError],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Upstream(script) as upstream:
        service_account(tmp_path, monkeypatch, token_uri=upstream.url)
        with pytest.raises(kind, match=why) as raised:
            await proved(GoogleAccount())
        assert_no_secret(raised.value)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"token_uri": "https://evil.invalid/token"}, "token_uri that is not Google's"),
        ({"token_uri": "http://oauth2.googleapis.com/token"}, "token_uri that is not Google's"),
        (
            {"token_uri": "https://oauth2.googleapis.com.evil.invalid/"},
            "token_uri that is not Google's",
        ),
        ({"private_key": "canary"}, "no RSA key"),
        ({"private_key": None}, "lacks private_key"),
        ({"client_email": 7}, "lacks client_email"),
        ({"type": "external_account"}, "'external_account', which is not known"),
    ],
)
async def test_a_file_that_cannot_be_used_says_why_and_asks_nobody(
    changes: dict[str, Any], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service_account(tmp_path, monkeypatch, **changes)
    with pytest.raises(ConfigError, match=why) as raised:
        await proved(GoogleAccount())
    assert_no_secret(raised.value)


SAID_INSTEAD = [
    "/nowhere/key.json",
    "~nobody-of-that-name/key.json",
    '{"type": "service_account", "private_key": "canary"}',
    '{"private_key": "canary"}' * 300,
    "canary\0",
]


@pytest.mark.parametrize("said", SAID_INSTEAD, ids=range(len(SAID_INSTEAD)))
def test_what_names_no_file_is_not_shown(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """People put the key itself there."""
    monkeypatch.setattr(os, "environ", {"GOOGLE_APPLICATION_CREDENTIALS": said})
    with pytest.raises(ConfigError, match="names no file that can be read") as raised:
        GoogleAccount().is_there()
    assert_no_secret(raised.value)


def test_a_file_that_holds_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key.json"
    path.write_text("[]")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(ConfigError, match="is not JSON"):
        google.project()


def test_a_usual_place_that_is_none_is_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSDK_CONFIG", "~nobody-of-that-name/gcloud")
    assert not GoogleAccount().is_there()


async def test_many_who_ask_at_once_share_one_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Upstream(token("ya29.one"), token("ya29.two")) as upstream:
        service_account(tmp_path, monkeypatch, token_uri=upstream.url)
        account = GoogleAccount()
        asking = [asyncio.ensure_future(proved(account)) for _ in range(20)]
        await asyncio.sleep(0)
        asking[0].cancel()  # who leaves takes nothing from the others
        assert await asyncio.gather(*asking[1:]) == ["Bearer ya29.one"] * 19


async def test_when_all_have_left_the_question_for_a_token_is_left_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Upstream([STAY], token("ya29.two")) as upstream:
        service_account(tmp_path, monkeypatch, token_uri=upstream.url)
        account = GoogleAccount()
        asking = [asyncio.ensure_future(proved(account)) for _ in range(3)]
        connection = await soon(upstream.asked())
        for one in asking:
            one.cancel()
        await soon(connection.closed)
        left = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in left)
        assert await proved(account) == "Bearer ya29.two"


async def test_a_token_that_was_refused_is_asked_for_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Upstream(token("ya29.one"), token("ya29.two")) as upstream:
        service_account(tmp_path, monkeypatch, token_uri=upstream.url)
        account = GoogleAccount()
        assert await proved(account) == "Bearer ya29.one"
        account.refused(replace(ASKED, headers={"Authorization": "Bearer ya29.older"}))
        assert await proved(account) == "Bearer ya29.one"
        account.refused(replace(ASKED, headers={"Authorization": "Bearer ya29.one"}))
        assert await proved(account) == "Bearer ya29.two"


async def test_the_machines_own_account_is_not_asked_through_a_proxy(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who hears the answer has the token."""
    monkeypatch.setenv("GCE_METADATA_HOST", upstream.url.removeprefix("http://"))
    proxied = replace(ASKED, proxy="http://127.0.0.1:9")
    request = await GoogleAccount().prove(proxied, HTTPTransport().send)
    assert request.headers["Authorization"] == "Bearer ya29.one"
    assert request.proxy == "http://127.0.0.1:9"
