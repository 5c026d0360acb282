"""TLS: who has no certificate for the name he answers to gets no key."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
from pathlib import Path

import pytest

from penstock import errors
from penstock.errors import Timeout
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.transport.http import HTTPTransport
from programs import run_script
from raw import FIN, RST, STAY, Script, Upstream, assert_no_secret, soon, spoken
from transport.asking import ask, authority_and_context, failure, trusting


async def test_a_certificate_of_a_trusted_authority_is_accepted() -> None:
    authority, context = authority_and_context("127.0.0.1")
    with Upstream(spoken("Hello"), tls=context) as upstream:
        said = await ask(OpenAICompatible, upstream.url, transport=trusting(authority))
    assert said == ["Hello"]


@pytest.mark.parametrize(
    ("name", "expires", "trusted", "says"),
    [
        ("127.0.0.1", None, False, "unable to get local issuer certificate"),
        ("other.example", None, True, "is not valid for '127.0.0.1'"),
        ("127.0.0.1", datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), True, "has expired"),
    ],
    ids=["unknown authority", "another name", "expired"],
)
async def test_a_bad_certificate_ends_the_call_before_the_key_is_sent(
    name: str, expires: datetime.datetime | None, trusted: bool, says: str
) -> None:
    authority, context = authority_and_context(name, expires=expires)
    transport = trusting(authority) if trusted else HTTPTransport()
    with Upstream(spoken("Hello"), tls=context) as upstream:
        settings = {"transport": transport, "api_key": "canary-key"}
        error = await failure(OpenAICompatible, upstream.url, **settings)
        assert not any(connection.requests for connection in upstream.connections)
    assert type(error) is errors.CertificateRejected
    assert not error.retryable
    assert says in error.message
    assert_no_secret(error)


async def test_tls_with_a_service_that_speaks_none_fails_plainly() -> None:
    with Upstream([b"HTTP/1.1 400 Bad Request\r\n\r\n", FIN], deaf=True) as upstream:
        url = upstream.url.replace("http:", "https:")
        error = await failure(OpenAICompatible, url, api_key="canary-key")
    assert type(error) is errors.ConnectionFailed
    assert error.message.startswith(f"TLS with {url} failed")
    assert_no_secret(error)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ([FIN], "TLS with {} failed: it was cut short"),
        ([RST], "no connection to {}: connection reset by peer"),
        ([b"\x16\x03\x01\x00\x05hello", STAY], "TLS with {} failed: UNEXPECTED_MESSAGE"),
    ],
    ids=["FIN", "RST", "garbage"],
)
async def test_a_handshake_that_fails_says_so(script: Script, says: str) -> None:
    with Upstream(script, deaf=True) as upstream:
        url = upstream.url.replace("http:", "https:")
        error = await failure(OpenAICompatible, url, api_key="canary-key")
    assert type(error) is errors.ConnectionFailed
    assert error.message == says.format(url)
    assert_no_secret(error)


async def test_a_handshake_that_never_ends_is_given_up_with_connect() -> None:
    with Upstream([STAY], deaf=True) as upstream:
        url = upstream.url.replace("http:", "https:")
        error = await failure(OpenAICompatible, url, api_key="canary-k", timeouts={"connect": 0.1})
        upstream.connections[0].listen()
        await soon(upstream.connections[0].closed)
    assert type(error) is Timeout
    assert error.message == f"no connection to {url} within 0.1 s (connect)"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_an_old_protocol_is_refused() -> None:
    authority, context = authority_and_context("127.0.0.1")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with Upstream(spoken("Hello"), tls=context) as upstream:
        settings = {"transport": trusting(authority), "api_key": "canary-key"}
        error = await failure(OpenAICompatible, upstream.url, **settings)
        assert not any(connection.requests for connection in upstream.connections)
    assert type(error) is errors.ConnectionFailed
    assert error.message.startswith(f"TLS with {upstream.url} failed")
    assert_no_secret(error)


async def test_a_name_that_leads_elsewhere_gets_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever poisons the name has no certificate for it, though a good one for his own."""
    authority, context = authority_and_context("elsewhere.example")
    with Upstream(spoken("stolen"), tls=context) as upstream:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", upstream.port))]

        async def poisoned(*_: object, **__: object) -> object:
            return found

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", poisoned)
        url = f"https://api.example:{upstream.port}"
        settings = {"transport": trusting(authority), "api_key": "canary-key"}
        error = await failure(OpenAICompatible, url, **settings)
        assert not any(connection.requests for connection in upstream.connections)
    assert type(error) is errors.CertificateRejected
    assert "is not valid for 'api.example'" in error.message
    assert_no_secret(error)


def test_verification_cannot_be_switched_off() -> None:
    lax = ssl.create_default_context()
    lax.check_hostname = False
    with pytest.raises(errors.ConfigError, match="does not verify"):
        HTTPTransport(ssl_context=lax)
    lax.verify_mode = ssl.CERT_NONE
    with pytest.raises(errors.ConfigError, match="does not verify"):
        HTTPTransport(ssl_context=lax)


async def test_ssl_cert_file_names_further_authorities(tmp_path: Path) -> None:
    authority, context = authority_and_context("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with Upstream(spoken("Hello"), tls=context) as upstream:
        code = f"""
        from penstock.providers.openai_compatible import OpenAICompatible
        print(*OpenAICompatible(base_url={upstream.url!r}).create_completion("m", "Hi"))
        """
        assert run_script(code, SSL_CERT_FILE=str(tmp_path / "ca.pem")) == "Hello\n"
