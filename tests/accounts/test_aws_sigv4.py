"""Signatures are what AWS's published test suite and its own library say they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from penstock.accounts.aws_sigv4 import Credentials, sign
from penstock.types import Secret

AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
EXAMPLE = Credentials("AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

# AWS's own suite, aws-sig-v4-test-suite: name, method, target, headers, body, signature.
SUITE: list[tuple[str, str, str, dict[str, str], bytes, str]] = [
    (
        "get-vanilla",
        "GET",
        "/",
        {},
        b"",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    (
        "get-vanilla-query-order-key-case",
        "GET",
        "/?Param2=value2&Param1=value1",
        {},
        b"",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "get-vanilla-empty-query-key",
        "GET",
        "/?Param1=value1",
        {},
        b"",
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    ),
    (
        "get-vanilla-utf8-query",
        "GET",
        "/?ሴ=bar",
        {},
        b"",
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    (
        "get-utf8",
        "GET",
        "/ሴ",
        {},
        b"",
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    (
        "get-unreserved",
        "GET",
        "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        {},
        b"",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    (
        "get-relative",
        "GET",
        "/example/..",
        {},
        b"",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    (
        "get-slash-dot-slash",
        "GET",
        "/./",
        {},
        b"",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    (
        "get-space",
        "GET",
        "/example space/",
        {},
        b"",
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    ),
    (
        "post-vanilla",
        "POST",
        "/",
        {},
        b"",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    (
        "post-x-www-form-urlencoded",
        "POST",
        "/",
        FORM,
        b"Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
]


def signature(said: dict[str, str]) -> str:
    return said["Authorization"].rpartition("Signature=")[2]


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "expected"),
    [case[1:] for case in SUITE],
    ids=[case[0] for case in SUITE],
)
def test_awss_own_examples_are_signed_as_aws_signs_them(
    method: str, target: str, headers: dict[str, str], body: bytes, expected: str
) -> None:
    said = sign(
        method,
        "https://example.amazonaws.com" + target,
        headers,
        body,
        credentials=EXAMPLE,
        region="us-east-1",
        service="service",
        at=AT,
    )
    assert signature(said) == expected


def test_the_headers_are_those_that_aws_reads() -> None:
    said = sign(
        "GET",
        "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
        b"",
        credentials=EXAMPLE,
        region="us-east-1",
        service="iam",
        at=AT,
    )
    assert said == {
        "X-Amz-Date": "20150830T123600Z",
        "Authorization": (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date, Signature="
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        ),
    }


# What botocore 1.44.5 signs: method, URL, headers, body, session token, region, signature.
HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"
PROFILE = "/model/arn:aws:bedrock:us-east-1:123456789012:inference-profile%2Fx/converse"
JSON = {"Content-Type": "application/json"}
NOW = datetime(2026, 11, 21, 14, 5, 6, tzinfo=UTC)
OWN = Secret("secret/KEY+x")
BOTOCORE: list[tuple[str, str, dict[str, str], bytes, str, str, str]] = [
    (
        "POST",
        HOST + "/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/converse",
        JSON,
        b'{"messages":[]}',
        "",
        "us-east-1",
        "1a2885a9c9fe8099a738072620e68e6d5458ed821d0188461ca7f13a213b5930",
    ),
    (
        "POST",
        HOST + "/model/us.amazon.nova-2-lite-v1%3A0/converse-stream",
        JSON,
        "я🙂".encode(),
        "tok/en+==",
        "us-east-1",
        "47269740fe5fa8819c9198328bfaf288abc0247624296d955d6907913b22f969",
    ),
    (
        "POST",
        "https://bedrock-runtime.cn-north-1.amazonaws.com.cn" + PROFILE,
        JSON,
        b"{}",
        "",
        "cn-north-1",
        "742dc09584c6f9c7692a095423ca3c30a18cfa302da94909961316ac440bed1d",
    ),
    (
        "POST",
        "http://127.0.0.1:8080/model/a%20b/converse",
        {"content-type": "  a   b "},
        b"",
        "",
        "eu-west-3",
        "ef88a836779b009d9ff201f4eacb8fb864ccb62a301ad86212120b8aec9e2de7",
    ),
    (
        "GET",
        HOST + "/x/../y//z/?b=2&a=1&a=0&c&d=%2F~%20",
        {"X-B": "2", "x-a": "1"},
        b"",
        "t",
        "us-east-1",
        "540f53ed04393a93c47a4b48fc5600dd1d8769808f3d33701e5c5147f4e18ec2",
    ),
]


@pytest.mark.parametrize("case", BOTOCORE, ids=[case[1].rpartition(".com")[2] for case in BOTOCORE])
@pytest.mark.parametrize("at", [NOW, NOW.astimezone(timezone(timedelta(hours=5)))])
def test_a_signature_is_the_one_that_awss_library_makes(
    case: tuple[str, str, dict[str, str], bytes, str, str, str], at: datetime
) -> None:
    method, url, headers, body, token, region, expected = case
    who = Credentials("AKIDEXAMPLE", OWN, Secret(token))
    said = sign(
        method, url, headers, body, credentials=who, region=region, service="bedrock", at=at
    )
    assert signature(said) == expected
    assert said.get("X-Amz-Security-Token", "") == token
    assert said["X-Amz-Date"] == "20261121T140506Z"


def test_credentials_do_not_show_their_secrets() -> None:
    assert "KEY" not in repr(Credentials("AKID", OWN, Secret("KEYTOKEN")))
