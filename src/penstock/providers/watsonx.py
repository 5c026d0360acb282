"""IBM's watsonx.ai. https://cloud.ibm.com/apidocs/watsonx-ai#text-chat (read 2026-11-21)"""

from typing import Any

from penstock import variables
from penstock.accounts.ibm import IBMAccount
from penstock.errors import ConfigError
from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects import watsonx as dialect
from penstock.types import ChatRequest

_PLACES = {"project_id": "WATSONX_PROJECT_ID", "space_id": "WATSONX_SPACE_ID"}


class Watsonx(HTTPProvider):
    """IBM's watsonx.ai, in the project of ``WATSONX_PROJECT_ID`` or the space of
    ``WATSONX_SPACE_ID``; a key that is given in the call is a token already."""

    url = "https://www.ibm.com/products/watsonx-ai"
    base_url = "{WATSONX_URL|WATSONX_API_BASE:https://us-south.ml.cloud.ibm.com}"
    api_key_env = "WATSONX_TOKEN"
    account = IBMAccount()
    protocol = dialect.Watsonx()
    default_model, small_model = "ibm/granite-4-h-small", "ibm/granite-3-8b-instruct"
    answers_unasked = False

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        body = super().encode_request(request)
        found = {key: value for key, name in _PLACES.items() if (value := variables.first(name))}
        if self._at_home and not found and not _PLACES.keys() & body.keys():
            raise ConfigError(f"{self.name} needs a project: set {' or '.join(_PLACES.values())}")
        return {**found, **body}
