"""Bedrock says on the wire what AWS asks for, and its secrets to AWS alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest

from penstock import MockResponse, MockTransport
from penstock.accounts import aws as accounts
from penstock.errors import ConfigError, PenstockError, RateLimited, Unauthorized
from penstock.events import Event, Finish, Start, TextDelta
from penstock.protocols.bedrock_converse import BedrockConverse
from penstock.providers.bedrock import Bedrock
from penstock.transport import Request
from penstock.types import ChatRequest, Usage
from raw import Upstream, assert_no_secret, head

HELLO = [{"role": "user", "content": "Привет! 🙂"}]
MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
KEYS = ("AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
OTHERS = (
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
)
SAID: tuple[Event, ...] = (
    Start(),
    TextDelta("Hi "),
    TextDelta("there 🙂"),
    Finish("stop", "end_turn", Usage(3, 4, 7, cached_apart=True)),
)
BODY = '{"messages":[{"role":"user","content":[{"text":"Привет! 🙂"}]}]}'

# What botocore 1.44.5 signs for this body, at this time, with these credentials.
AT = "20261121T140506Z"
SIGNED_STREAM = "05534af4eb00f46517e5e98aafa104e4088325e67515ca19d150660e7486d7e4"
SIGNED_WHOLE = "c6813bdc197ccd3f8c861f1cbb0aadd45eb77c6acc4885ab24d113dc75f5c593"
SIGNED_WIRE = "67283ece44afa8ded03fc39b6705df3fcc0ffd98e5954d7457e74f423a238670"


class _Clock(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> _Clock:
        return cls(2026, 11, 21, 14, 5, 6, tzinfo=tz)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*KEYS, *OTHERS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(accounts, "datetime", _Clock)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret/canary+x")


@pytest.fixture
def bearer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-canary")


def streamed() -> bytes:
    encoder = BedrockConverse().encoder(ChatRequest())
    return b"".join(map(encoder.encode, SAID)) + encoder.close()


def transport() -> MockTransport:
    headers = {"content-type": "application/vnd.amazon.eventstream"}
    return MockTransport(lambda _: MockResponse(200, headers, [streamed()]))


async def asked(**given: Any) -> Request:
    """The request that a question becomes."""
    service = transport()
    provider = Bedrock(transport=service, **given)
    assert await provider.create_async(MODEL, HELLO) == "Hi there 🙂"
    (request,) = service.requests
    return request


def authorization(signature: str, region: str = "us-east-1", token: bool = False) -> str:
    names = "content-type;host;x-amz-date" + ";x-amz-security-token" * token
    return (
        f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/{region}/bedrock/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


class Seen:
    """One captured request."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        self.line, *fields = head.decode().split("\r\n")
        pairs = (field.split(": ", 1) for field in fields)
        self.headers = {name.lower(): value for name, value in pairs}


@pytest.fixture
def aws() -> Iterator[Upstream]:
    """Stands where a proxy would, so that hosts and ports are the same in each run."""
    body = streamed()
    answer = head(content_type="application/vnd.amazon.eventstream", content_length=len(body))
    with Upstream([answer + body]) as upstream:
        yield upstream


@pytest.mark.usefixtures("account")
async def test_the_wire_carries_what_was_signed(
    aws: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token/canary")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    given = {"base_url": "http://127.0.0.1", "proxy": aws.url}
    assert await Bedrock(**given).create_async(MODEL, HELLO) == "Hi there 🙂"
    seen = Seen(aws.asked().result(5).requests[0])
    assert seen.line == f"POST http://127.0.0.1/model/{MODEL}/converse-stream HTTP/1.1"
    assert seen.body == BODY.encode()
    assert seen.headers["host"] == "127.0.0.1"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["accept"] == "application/vnd.amazon.eventstream"
    assert seen.headers["x-amz-date"] == AT
    assert seen.headers["x-amz-security-token"] == "token/canary"
    assert seen.headers["authorization"] == authorization(SIGNED_WIRE, "eu-west-3", token=True)


async def test_a_key_of_bedrocks_own_goes_as_a_bearer_token(aws: Upstream) -> None:
    await Bedrock(base_url=aws.url, api_key="own").create_async(MODEL, HELLO)
    seen = Seen(aws.asked().result(5).requests[0])
    assert seen.line == f"POST /model/{MODEL}/converse-stream HTTP/1.1"
    assert seen.headers["authorization"] == "Bearer own"
    assert not [name for name in seen.headers if name.startswith("x-amz-")]


@pytest.mark.usefixtures("account")
async def test_an_account_signs_what_is_asked_of_aws() -> None:
    request = await asked()
    assert request.url == (
        f"https://bedrock-runtime.us-east-1.amazonaws.com/model/{MODEL}/converse-stream"
    )
    assert request.body == BODY.encode()
    assert request.headers["Authorization"] == authorization(SIGNED_STREAM)
    assert request.headers["X-Amz-Date"] == AT
    assert "X-Amz-Security-Token" not in request.headers


@pytest.mark.usefixtures("account")
async def test_a_whole_answer_is_asked_at_a_path_of_its_own() -> None:
    whole = {"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}}}
    body = json.dumps({**whole, "stopReason": "end_turn"}).encode()
    service = MockTransport(
        lambda _: MockResponse(200, {"content-type": "application/json"}, [body])
    )
    provider = Bedrock(transport=service)
    assert await provider.create_async(MODEL, HELLO, stream=False) == "Hi"
    (request,) = service.requests
    assert request.url.endswith(f"/model/{MODEL}/converse")
    assert request.headers["Authorization"] == authorization(SIGNED_WHOLE)


PROFILES = """
[default]
aws_access_key_id = AKIDOTHER
aws_secret_access_key = other
[work]
aws_access_key_id = AKIDEXAMPLE
aws_secret_access_key = secret/canary+x
"""


async def test_an_account_of_the_shared_file_signs_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(PROFILES)
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert Bedrock().is_configured()
    assert (await asked()).headers["Authorization"] == authorization(SIGNED_STREAM)
    monkeypatch.setenv("AWS_PROFILE", "play")
    assert not Bedrock().is_configured()


@pytest.mark.parametrize("region", ["US-EAST-1", "us_east_1", "us-east-1.evil", "s3"])
@pytest.mark.usefixtures("account", "bearer")
async def test_a_region_that_is_none_is_an_error_and_nothing_is_asked(
    region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    assert not Bedrock().is_configured()
    with pytest.raises(ConfigError, match="no address of bedrock's"):
        await asked()


@pytest.mark.usefixtures("bearer")
async def test_a_broken_account_hides_neither_a_key_nor_the_services_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken").write_text("[default")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "broken"))
    assert Bedrock().is_configured()
    service = MockTransport(lambda _: MockResponse(429, {}, [b'{"message":"Too many"}']))
    with pytest.raises(RateLimited, match="Too many"):
        await Bedrock(transport=service).create_async(MODEL, HELLO)


@pytest.mark.usefixtures("account", "bearer")
async def test_the_bearer_key_goes_before_the_account_and_the_callers_before_both() -> None:
    assert (await asked()).headers["Authorization"] == "Bearer bedrock-canary"
    assert (await asked(api_key="own")).headers["Authorization"] == "Bearer own"


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-3", "bedrock-runtime.eu-west-3.amazonaws.com"),
        ("cn-north-1", "bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "bedrock-runtime.us-gov-west-1.amazonaws.com"),
    ],
)
@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
async def test_the_region_is_the_environments(
    variable: str, region: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, region)
    request = await asked()
    assert request.url.startswith(f"https://{host}/model/")
    assert f"/{region}/bedrock/" in request.headers["Authorization"]
    assert Bedrock().is_configured()


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("base_url", "region"),
    [
        ("https://bedrock-runtime.us-east-1.amazonaws.com", "us-east-1"),
        ("https://bedrock-runtime-fips.us-west-2.amazonaws.com", "us-west-2"),
        ("https://bedrock-runtime.eu-west-1.api.aws", "eu-west-1"),
        ("https://vpce-1a2b.bedrock-runtime.eu-west-1.vpce.amazonaws.com", "eu-west-1"),
        ("http://127.0.0.1:8080", "ap-south-1"),
        ("http://localhost:8080/bedrock", "ap-south-1"),
        ("http://[::1]:8080", "ap-south-1"),
    ],
)
async def test_a_signature_is_for_the_region_of_the_address(
    base_url: str, region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    request = await asked(base_url=base_url)
    assert request.url.startswith(base_url + "/model/")
    assert f"/{region}/bedrock/" in request.headers["Authorization"]


ELSEWHERE = [
    "https://service.invalid",
    "https://bedrock-runtime.us-east-1.amazonaws.com.evil.invalid",
    "https://evil.invalid/bedrock-runtime.us-east-1.amazonaws.com",
    "https://evil.invalid?https://bedrock-runtime.us-east-1.amazonaws.com",
    "https://bedrock-runtime.us-east-1.amazonaws.com@evil.invalid",
    "https://bedrock-runtime.us-east-1.amazonaws.com:8443",
    "https://xbedrock-runtime.us-east-1.amazonaws.com",
    "https://bucket.s3.us-east-1.amazonaws.com",
    "https://127.0.0.1.evil.invalid",
    "http://bedrock-runtime.us-east-1.amazonaws.com",
]


@pytest.mark.usefixtures("account", "bearer")
@pytest.mark.parametrize("base_url", ELSEWHERE)
async def test_no_other_address_sees_what_the_environment_holds_for_aws(base_url: str) -> None:
    request = await asked(base_url=base_url)
    assert "Authorization" not in request.headers
    assert not [name for name in request.headers if name.startswith("X-Amz-")]
    assert (await asked(base_url=base_url, api_key="own")).headers["Authorization"] == "Bearer own"


@pytest.mark.usefixtures("bearer")
@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8080", "http://localhost:8080"])
async def test_a_key_is_no_signature_so_that_this_machine_does_not_see_it(base_url: str) -> None:
    assert "Authorization" not in (await asked(base_url=base_url)).headers


async def test_without_a_key_and_an_account_both_ways_are_named() -> None:
    assert not Bedrock().is_configured()
    with pytest.raises(Unauthorized, match=r"AWS_BEARER_TOKEN_BEDROCK.*AWS_ACCESS_KEY_ID"):
        await asked()


@pytest.mark.usefixtures("account")
async def test_what_aws_says_back_of_a_request_shows_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-canary")
    body = json.dumps({"message": "should have been: x-amz-security-token:token-canary"}).encode()
    headers = {"x-amzn-errortype": "InvalidSignatureException", "x-amzn-requestid": "r1"}
    service = MockTransport(lambda _: MockResponse(403, headers, [body]))
    provider = Bedrock(transport=service)
    with pytest.raises(Unauthorized) as raised:
        await provider.create_async(MODEL, HELLO)
    assert_no_secret(raised.value)
    assert raised.value.type == "InvalidSignatureException"
    assert raised.value.request_id == "r1"
    assert "canary" not in repr((provider, provider.settings, provider._target))
    assert "canary" not in repr(service.requests)


@pytest.mark.usefixtures("bearer")
async def test_a_failed_answer_is_of_its_own_class() -> None:
    headers = {"x-amzn-errortype": "ThrottlingException:http://internal.amazon.com/coral/"}
    body = b'{"message":"Too many requests"}'
    service = MockTransport(lambda _: MockResponse(429, headers, [body]))
    with pytest.raises(RateLimited, match="Too many requests") as raised:
        await Bedrock(transport=service).create_async(MODEL, HELLO)
    assert isinstance(raised.value, PenstockError)
    assert raised.value.type == "ThrottlingException"
