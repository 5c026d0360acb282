"""AWS Bedrock. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"""

import os
import re
from datetime import UTC, datetime
from functools import cached_property
from urllib.parse import urlsplit

from msgspec.structs import replace

from penstock import settings
from penstock.aws_sigv4 import Credentials, sign
from penstock.errors import Unauthorized
from penstock.http_provider import Exchange, HTTPProvider, _Target
from penstock.protocols.bedrock_converse import BedrockConverse
from penstock.transport import Request
from penstock.types import Secret

# Bedrock's own hosts (plain, FIPS, dual-stack, in a VPC), and the region that each is in.
_HOME = re.compile(
    r"https://(?:[\w.-]+\.)?bedrock-runtime(?:-fips)?\.([a-z0-9-]+)"
    r"\.(?:(?:vpce\.)?amazonaws\.com(?:\.cn)?|api\.aws)(?::443)?(?:/.*)?"
)


class Bedrock(HTTPProvider):
    """AWS Bedrock, by its Converse API, in the region that ``AWS_REGION`` names; with a key of
    Bedrock's own, or else with the account of ``AWS_ACCESS_KEY_ID``, which only signs."""

    url = "https://aws.amazon.com/bedrock"
    base_url = "https://bedrock-runtime.us-east-1.amazonaws.com"
    api_key_env = "AWS_BEARER_TOKEN_BEDROCK"
    protocol = BedrockConverse()
    default_model = "amazon.nova-lite-v1:0"

    @cached_property
    def _target(self) -> _Target:
        target, region = super()._target, _region()
        if not (self.settings.base_url or settings.from_environment(self.name, "base_url")):
            base = f"https://bedrock-runtime.{region}.amazonaws.com"
            target = replace(target, base_url=base + ".cn" * region.startswith("cn-"))
        usual = os.environ.get(self.api_key_env, "") if _HOME.fullmatch(target.base_url) else ""
        return replace(target, key=target.key or Secret(usual))

    @property
    def _at_home(self) -> bool:
        return _HOME.fullmatch(self._target.base_url) is not None

    def is_configured(self) -> bool:
        return super().is_configured() or _credentials() is not None

    def open(self, body: bytes, *, model: str = "", stream: bool, key: str = "") -> Exchange:
        accept = self.protocol.stream_type if stream else "*/*"
        url = self._target.base_url + self.protocol.locate(model, stream)
        return _Exchange(self, "POST", url, body, accept, key or self.api_key)

    async def request(self, method: str, url: str, body: bytes, accept: str, key: str) -> Request:
        home = _HOME.fullmatch(url)
        trusted = home or urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
        who = _credentials() if trusted and not key else None
        if home and not key and who is None:
            raise Unauthorized(
                f"{self.name} needs a key: set {self.api_key_env} or pass api_key=; or set "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        asked = await super().request(method, url, body, accept, "replaced" if who else key)
        if who is None:
            return asked
        of = {"region": home[1] if home else _region(), "service": "bedrock"}
        kind = {"Content-Type": asked.headers["Content-Type"]}
        signed = sign(method, url, kind, body, credentials=who, at=datetime.now(UTC), **of)
        return replace(asked, headers={**asked.headers, **signed})


class _Exchange(Exchange):
    """An exchange whose errors do not show the account's secrets either: AWS says back the headers
    that it could not verify."""

    __slots__ = ()

    def _secrets(self) -> list[str]:
        who = _credentials()
        ours = (who.session_token, who.secret_key) if who else ()
        return sorted({*super()._secrets(), *filter(None, ours)}, key=len, reverse=True)


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _credentials() -> Credentials | None:
    """The account that the environment names; ``None``: none."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    access, secret, token = (os.environ.get(name, "") for name in names)
    return Credentials(access, Secret(secret), Secret(token)) if access and secret else None
