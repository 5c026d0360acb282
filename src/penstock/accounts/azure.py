"""Microsoft: a token of Entra ID, given by the environment or asked for by a service principal.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from __future__ import annotations

import os
from collections.abc import Hashable
from urllib.parse import quote

from msgspec.structs import replace

from penstock import variables
from penstock.accounts import Send
from penstock.accounts.tokens import Grant, TokenAccount
from penstock.transport import Request

TOKEN = "AZURE_OPENAI_AD_TOKEN"  # noqa: S105 - a variable's name
SCOPE = "https://cognitiveservices.azure.com/.default"
_PRINCIPAL = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")


class AzureAccount(TokenAccount):
    """The token of ``AZURE_OPENAI_AD_TOKEN``, else one for the service principal of
    ``AZURE_TENANT_ID``, ``AZURE_CLIENT_ID`` and ``AZURE_CLIENT_SECRET``."""

    how = f"or set {TOKEN}, or {', '.join(_PRINCIPAL[:2])} and {_PRINCIPAL[2]}"

    def identity(self) -> Hashable:
        if token := os.environ.get(TOKEN):
            return token
        said = tuple(os.environ.get(name, "") for name in _PRINCIPAL)
        return (*said, _authority()) if all(said) else None

    async def prove(self, request: Request, send: Send) -> Request:
        if token := os.environ.get(TOKEN):
            bearer = {"Authorization": f"Bearer {token}"}
            return replace(request, headers={**request.headers, **bearer})
        return await super().prove(request, send)

    def grant(self) -> Grant:
        tenant, client, secret = (os.environ.get(name, "") for name in _PRINCIPAL)
        form = {
            "grant_type": "client_credentials",
            "client_id": client,
            "client_secret": secret,
            "scope": SCOPE,
        }
        path = f"{quote(tenant, safe='')}/oauth2/v2.0/token"
        return Grant(f"{_authority()}/{path}", form)


def _authority() -> str:
    """Where tokens come from; a cloud of one's own has an address of its own."""
    return variables.fill("{AZURE_AUTHORITY_HOST:https://login.microsoftonline.com}")
