"""IBM Cloud: an API key is exchanged for a token of an hour.

https://cloud.ibm.com/apidocs/iam-identity-token-api#gettoken-apikey
"""

from __future__ import annotations

from collections.abc import Hashable

from penstock import variables
from penstock.accounts.tokens import Grant, TokenAccount

KEY = "WATSONX_APIKEY|WATSONX_API_KEY|IBM_CLOUD_API_KEY"
IDENTITY = "{IBM_CLOUD_IAM_URL:https://iam.cloud.ibm.com}/identity/token"
"""Where tokens come from; a cloud of one's own has an address of its own."""


class IBMAccount(TokenAccount):
    """The owner of the API key in ``WATSONX_APIKEY``."""

    how = "or set WATSONX_APIKEY to an API key of IBM Cloud"

    def identity(self) -> Hashable:
        key = variables.first(KEY)
        return (key, variables.fill(IDENTITY)) if key else None

    def grant(self) -> Grant:
        kind = "urn:ibm:params:oauth:grant-type:apikey"
        form = {"grant_type": kind, "apikey": variables.first(KEY)}
        return Grant(variables.fill(IDENTITY), form)
