"""AWS Signature Version 4: the headers that prove who asks. Pure: no clock, no I/O.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import posixpath
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import SplitResult, quote, unquote_plus, urlsplit

from msgspec import Struct

from penstock.types import Secret

_ALGORITHM = "AWS4-HMAC-SHA256"
_PORTS = {"http": 80, "https": 443}


class Credentials(Struct, frozen=True):
    """Who asks; ``session_token`` where the two others are temporary."""

    access_key: str
    secret_key: Secret
    session_token: Secret = Secret("")


def sign(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    region: str,
    service: str,
    at: datetime,
) -> dict[str, str]:
    """The headers to add to a request: ``Authorization``, ``X-Amz-Date`` and, for temporary
    credentials, ``X-Amz-Security-Token``. Every one of ``headers`` is signed, and ``host``;
    ``url`` must be as it goes over the wire, but its path's dots and double slashes."""
    parts = urlsplit(url)
    time = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"X-Amz-Date": time}
    if credentials.session_token:
        added["X-Amz-Security-Token"] = credentials.session_token
    signed = _canonical_headers({"host": _host(parts), **headers, **added})
    names = ";".join(signed)
    request = "\n".join(
        (
            method,
            _canonical_path(parts.path),
            _canonical_query(parts.query),
            *(f"{name}:{value}" for name, value in signed.items()),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{time[:8]}/{region}/{service}/aws4_request"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    text = f"{_ALGORITHM}\n{time}\n{scope}\n{hashed}"
    signature = _hmac(_signing_key(credentials.secret_key, scope), text).hex()
    who = f"Credential={credentials.access_key}/{scope}"
    said = f"{_ALGORITHM} {who}, SignedHeaders={names}, Signature={signature}"
    return {**added, "Authorization": said}


def _host(parts: SplitResult) -> str:
    """The ``Host`` header that goes with a URL."""
    host, port = parts.hostname or "", parts.port
    host = f"[{host}]" if ":" in host else host
    return host if port in (None, _PORTS.get(parts.scheme)) else f"{host}:{port}"


def _canonical_path(path: str) -> str:
    """Without dots and double slashes, every byte but the unreserved ones escaped once more."""
    normal = posixpath.normpath("/" + path.lstrip("/"))
    if normal != "/" and path.endswith("/"):
        normal += "/"
    return quote(normal, safe="/~")


def _canonical_query(query: str) -> str:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    escaped = sorted((_escape(name), _escape(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in escaped)


def _escape(text: str) -> str:
    return quote(unquote_plus(text), safe="~")


def _canonical_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Lower case, in order, with each run of spaces made one."""
    lower = {name.lower().strip(): " ".join(value.split()) for name, value in headers.items()}
    return dict(sorted(lower.items()))


def _signing_key(secret: str, scope: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for step in scope.split("/"):
        key = _hmac(key, step)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
