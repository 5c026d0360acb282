"""Azure OpenAI. https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle (read
2026-11-21)

Dated versions, which its v1 API does without, ask each deployment at an address of its own:
https://learn.microsoft.com/azure/ai-foundry/openai/reference
"""

from urllib.parse import quote

from penstock import variables
from penstock.accounts.azure import AzureAccount
from penstock.http_provider import HTTPProvider
from penstock.protocols.embeddings.openai import OPENAIS_OWN
from penstock.protocols.openai_chat import OpenAIChat

_DATED = "AZURE_OPENAI_API_VERSION|OPENAI_API_VERSION"


class Azure(HTTPProvider):
    """Azure OpenAI: models are one's own deployments; a dated version where
    ``AZURE_OPENAI_API_VERSION`` or the base URL's query names one."""

    url = "https://ai.azure.com"
    base_url = "{AZURE_OPENAI_ENDPOINT}"
    api_key_env = "AZURE_OPENAI_API_KEY"
    key_header = "api-key"
    account = AzureAccount()
    protocol = OpenAIChat(newer=True)
    default_model, small_model = "gpt-5.4-mini", "gpt-5.4-nano"
    embedding_model = "text-embedding-3-small"
    embeddings = OPENAIS_OWN
    answers_unasked = False  # deployments have whatever names their owner gave them

    def home(self) -> str:
        endpoint = super().home().removesuffix("/v1").removesuffix("/openai")
        version = variables.first(_DATED)
        if not version or not _is_day(version):  # "preview" is a version of the undated interface
            end = f"/openai/v1?api-version={quote(version)}" if version else "/openai/v1"
        else:
            end = f"/openai?api-version={quote(version)}"
        return endpoint and endpoint + end

    def is_home(self, url: str) -> bool:
        return bool(url) and url == self.home()

    def at(self, path: str, model: str = "") -> str:
        dated = model and _is_day(self._target.base_url.partition("api-version=")[2])
        return super().at(f"/deployments/{quote(model, safe='')}{path}" if dated else path)


def _is_day(version: str) -> bool:
    return version[:4].isdigit()
