"""Google: a service account's key file, a person's (gcloud), or the machine's own account.

https://cloud.google.com/docs/authentication/application-default-credentials
https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from collections.abc import Hashable
from typing import Any
from urllib.parse import urlsplit

from penstock.accounts.files import read_file, read_usual
from penstock.accounts.tokens import Grant, TokenAccount
from penstock.errors import ConfigError, MissingExtra
from penstock.protocols import json
from penstock.transport import is_loopback
from penstock.types import Secret

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_HOUR = 3600
_METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"
_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
_WHOSE = f"the account's file ({_VARIABLE}, or gcloud's)"


class GoogleAccount(TokenAccount):
    """The account of ``GOOGLE_APPLICATION_CREDENTIALS``, else the one that ``gcloud auth
    application-default login`` left, else the machine's own where ``GCE_METADATA_HOST`` is set."""

    how = (
        "or set GOOGLE_APPLICATION_CREDENTIALS to an account's key file, or run "
        "`gcloud auth application-default login`"
    )

    def identity(self) -> Hashable:
        if (text := _text()) is not None:
            return hashlib.sha256(text.encode()).hexdigest()
        return os.environ.get("GCE_METADATA_HOST") or None

    def grant(self) -> Grant:
        if (text := _text()) is None:
            host = os.environ.get("GCE_METADATA_HOST", "")
            url = f"http://{host}{_METADATA}"
            return Grant(url, headers={"Metadata-Flavor": "Google"}, directly=True)
        said = _read(text)
        match said.get("type"):
            case "service_account":
                form = {"grant_type": _JWT, "assertion": _assertion(said)}
                return Grant(_token_uri(said), form)
            case "authorized_user":
                form = {name: _part(said, name) for name in _PERSON}
                return Grant(_token_uri(said), {"grant_type": "refresh_token", **form})
            case other:
                raise ConfigError(
                    f"{_WHOSE} has the type {str(other)[:40]!r}, which is not known here; use a "
                    "service account's key file or `gcloud auth application-default login`"
                )


_PERSON = ("client_id", "client_secret", "refresh_token")


def project() -> str:
    """The project that the account's file names, or empty. Raises ``ConfigError`` for a file that
    is named and is none."""
    text = _text()
    said = {} if text is None else _read(text)
    found = said.get("project_id") or said.get("quota_project_id") or ""
    return found if isinstance(found, str) else ""


def _text() -> str | None:
    """The account's file, if there is one."""
    if said := os.environ.get(_VARIABLE):
        return read_file(said, _VARIABLE)
    folder = os.environ.get("CLOUDSDK_CONFIG") or "~/.config/gcloud"
    return read_usual(f"{folder}/application_default_credentials.json")


def _read(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text.encode())
    except json.UNREADABLE:
        said = None
    if not isinstance(said, dict):
        raise ConfigError(f"{_WHOSE} is not JSON; download it anew")
    return said


def _token_uri(said: dict[str, Any]) -> str:
    """Where tokens come from: Google, whatever address a file would have them asked at."""
    url = str(said.get("token_uri") or TOKEN_URI)
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_google = parts.scheme == "https" and f".{host}".endswith(".googleapis.com")
    if is_google or is_loopback(url):
        return url
    raise ConfigError(f"{_WHOSE} has a token_uri that is not Google's")


def _assertion(said: dict[str, Any]) -> Secret:
    """The signed claim that a token is given for (RFC 7523)."""
    now = int(time.time())
    head = {"alg": "RS256", "typ": "JWT", "kid": said.get("private_key_id", "")}
    claim = {
        "iss": _part(said, "client_email"),
        "scope": SCOPE,
        "aud": _token_uri(said),
        "iat": now,
        "exp": now + _HOUR,
    }
    signed = b".".join(_base64(json.encode(part)) for part in (head, claim))
    signature = _signature(_part(said, "private_key"), signed)
    return Secret((signed + b"." + _base64(signature)).decode())


def _signature(pem: str, text: bytes) -> bytes:
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
    except ModuleNotFoundError:
        raise MissingExtra(
            "a service account's key file needs `pip install penstock[vertex]`"
        ) from None
    try:
        key = serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigError(f"{_WHOSE} has a private_key that is no RSA key")
    return key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _part(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{_WHOSE} lacks {name}")
    return value
