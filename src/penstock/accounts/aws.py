"""AWS: an account of the environment, or of the shared file, signs each request.

https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import configparser
import os
import re
from datetime import UTC, datetime

from msgspec.structs import replace

from penstock import variables
from penstock.accounts import Account, Send
from penstock.accounts.aws_sigv4 import Credentials, sign
from penstock.accounts.files import read_file, read_usual
from penstock.errors import ConfigError, Unauthorized
from penstock.transport import Request, is_loopback
from penstock.types import Secret

REGION = "AWS_REGION|AWS_DEFAULT_REGION:us-east-1"
"""The region, as a declaration's address names it."""
_USUAL = "~/.aws/credentials"


class AWSAccount(Account):
    """Signs for ``service``, in the region that is the first group of ``hosts``, its addresses."""

    how = "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"

    def __init__(self, service: str, hosts: re.Pattern[str]) -> None:
        self._service = service
        self._hosts = hosts

    def is_there(self) -> bool:
        return _credentials() is not None

    def trusts(self, url: str) -> bool:
        """This machine too: a signature is no secret."""
        return is_loopback(url)

    async def prove(self, request: Request, send: Send) -> Request:
        who = _credentials()
        if who is None:
            raise Unauthorized(f"no account of AWS is set; {self.how}")
        home = self._hosts.fullmatch(request.url)
        of = {"region": home[1] if home else _region(), "service": self._service}
        kind = {"Content-Type": request.headers["Content-Type"]}
        at = datetime.now(UTC)
        signed = sign(request.method, request.url, kind, request.body, credentials=who, at=at, **of)
        return replace(request, headers={**request.headers, **signed})


def _region() -> str:
    return variables.first("AWS_REGION|AWS_DEFAULT_REGION") or "us-east-1"


def _credentials() -> Credentials | None:
    """The account that the environment names, else the shared file's; ``None``: none."""
    env = os.environ
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    return _made(*(env.get(name, "") for name in names)) or _of_file()


def _made(access: str, secret: str, token: str) -> Credentials | None:
    return Credentials(access, Secret(secret), Secret(token)) if access and secret else None


def _of_file() -> Credentials | None:
    """The account of ``AWS_PROFILE`` (``default``) in the shared credentials file."""
    said = os.environ.get("AWS_SHARED_CREDENTIALS_FILE")
    text = read_file(said, "AWS_SHARED_CREDENTIALS_FILE") if said else read_usual(_USUAL)
    if text is None:
        return None
    file = configparser.RawConfigParser()
    try:
        file.read_string(text)
    except configparser.Error:
        named = "AWS_SHARED_CREDENTIALS_FILE" if said else _USUAL
        raise ConfigError(f"{named} is no file of credentials") from None
    profile = os.environ.get("AWS_PROFILE") or "default"
    if not file.has_section(profile):
        return None
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    return _made(*(file.get(profile, name, fallback="") for name in names))
