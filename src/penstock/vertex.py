"""Vertex AI: one address and one account for all the models that Google Cloud serves."""

from __future__ import annotations

import re

from penstock import variables
from penstock.accounts.google import GoogleAccount, project
from penstock.errors import ConfigError
from penstock.http_provider import HTTPProvider

PROJECT = "GOOGLE_CLOUD_PROJECT|GOOGLE_VERTEX_PROJECT|VERTEXAI_PROJECT"
LOCATION = "GOOGLE_CLOUD_LOCATION|GOOGLE_VERTEX_LOCATION|VERTEXAI_LOCATION"

_ACCOUNT = GoogleAccount()
_HOME = re.compile(
    r"https://(?:[a-z0-9-]+-)?aiplatform(?:\.(?:us|eu)\.rep)?\.googleapis\.com(/.*)?"
)
_PART = re.compile(r"[A-Za-z0-9.:_-]+")


class VertexProvider(HTTPProvider):
    """Asks in the project and location that the environment names (``GOOGLE_CLOUD_PROJECT``,
    ``GOOGLE_CLOUD_LOCATION``; else the project of the account's file, and ``global``); without any
    project, with a key of express mode.

    https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations
    """

    api_key_env = "GOOGLE_VERTEX_API_KEY"
    account = _ACCOUNT
    answers_unasked = False

    def home(self) -> str:
        within = variables.first(PROJECT) or project()
        if not within:
            express = "https://aiplatform.googleapis.com/v1"
            return express if variables.first(self.api_key_env) or self.settings.api_key else ""
        location = variables.first(LOCATION) or "global"
        for part in (within, location):
            if not _PART.fullmatch(part):
                raise ConfigError(f"{part!r} is no name of a project or a location of Google Cloud")
        return f"https://{_host(location)}/v1/projects/{within}/locations/{location}"

    def is_home(self, url: str) -> bool:
        return _HOME.fullmatch(url) is not None

    def _address_needed(self) -> str:
        return f"a project: set {PROJECT.partition('|')[0]}, or pass base_url="


def _host(location: str) -> str:
    match location:
        case "global":
            return "aiplatform.googleapis.com"
        case "us" | "eu":
            return f"aiplatform.{location}.rep.googleapis.com"
        case _:
            return f"{location}-aiplatform.googleapis.com"
