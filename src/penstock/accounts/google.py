"""Google: a service account's key file, a person's (gcloud), or the machine's own account.

https://cloud.google.com/docs/authentication/application-default-credentials
https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Hashable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from penstock.accounts.tokens import Grant, TokenAccount
from penstock.errors import ConfigError, MissingExtra
from penstock.protocols import json
from penstock.types import Secret

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_HOUR = 3600
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class GoogleAccount(TokenAccount):
    """The account of ``GOOGLE_APPLICATION_CREDENTIALS``, else the one that ``gcloud auth
    application-default login`` left, else the machine's own where ``GCE_METADATA_HOST`` is set."""

    how = (
        "or set GOOGLE_APPLICATION_CREDENTIALS to an account's key file, or run "
        "`gcloud auth application-default login`"
    )

    def identity(self) -> Hashable:
        if path := _file():
            return str(path), path.stat().st_mtime_ns
        return os.environ.get("GCE_METADATA_HOST") or None

    def secrets(self) -> tuple[str, ...]:
        said = _read() if _file() else {}
        named = (said.get(name) for name in ("refresh_token", "client_secret"))
        return (*super().secrets(), *(value for value in named if isinstance(value, str)))

    def grant(self) -> Grant:
        if not _file():
            host = os.environ.get("GCE_METADATA_HOST", "")
            path = "/computeMetadata/v1/instance/service-accounts/default/token"
            return Grant(f"http://{host}{path}", headers={"Metadata-Flavor": "Google"})
        said = _read()
        match said.get("type"):
            case "service_account":
                form = {"grant_type": _JWT, "assertion": _assertion(said)}
                return Grant(_token_uri(said), form)
            case "authorized_user":
                form = {name: _text(said, name) for name in _PERSON}
                return Grant(_token_uri(said), {"grant_type": "refresh_token", **form})
            case other:
                raise ConfigError(
                    f"{_file()}: the type {other!r} is not known here; use a service account's key "
                    "file or `gcloud auth application-default login`"
                )


_PERSON = ("client_id", "client_secret", "refresh_token")


def project() -> str:
    """The project that the account's file names, or empty."""
    said = _read() if _file() else {}
    found = said.get("project_id") or said.get("quota_project_id") or ""
    return found if isinstance(found, str) else ""


def _file() -> Path | None:
    if said := os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        path = Path(said).expanduser()
        if not path.is_file():
            raise ConfigError(f"GOOGLE_APPLICATION_CREDENTIALS: there is no file {path}")
        return path
    folder = os.environ.get("CLOUDSDK_CONFIG") or "~/.config/gcloud"
    usual = Path(folder).expanduser() / "application_default_credentials.json"
    return usual if usual.is_file() else None


def _read() -> dict[str, Any]:
    path = _file()
    try:
        said = json.loads(path.read_bytes()) if path else None
    except (OSError, *json.UNREADABLE):
        said = None
    if not isinstance(said, dict):
        raise ConfigError(f"{path} is not an account's key file")
    return said


def _token_uri(said: dict[str, Any]) -> str:
    """Where tokens come from: Google, whatever address a file would have them asked at."""
    url = str(said.get("token_uri") or TOKEN_URI)
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_google = parts.scheme == "https" and f".{host}".endswith(".googleapis.com")
    if is_google or host in _LOOPBACK:
        return url
    raise ConfigError(f"{_file()}: token_uri is not Google's")


def _assertion(said: dict[str, Any]) -> Secret:
    """The signed claim that a token is given for (RFC 7523)."""
    now = int(time.time())
    head = {"alg": "RS256", "typ": "JWT", "kid": said.get("private_key_id", "")}
    claim = {
        "iss": _text(said, "client_email"),
        "scope": SCOPE,
        "aud": _token_uri(said),
        "iat": now,
        "exp": now + _HOUR,
    }
    signed = b".".join(_base64(json.encode(part)) for part in (head, claim))
    signature = _signature(_text(said, "private_key"), signed)
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
        raise ConfigError(f"{_file()}: private_key is not an RSA key")
    return key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _text(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{_file()}: {name} is missing")
    return value
