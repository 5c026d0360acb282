"""``LocalEngine``: a program on this machine that runs models, found by what it answers."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self, TypeAlias
from urllib.parse import urlsplit

import msgspec

from penstock import discovery, settings
from penstock.discovery import Ask
from penstock.errors import ConnectionFailed
from penstock.http_provider import HTTPProvider
from penstock.transport import Request, Response, is_loopback, origin

LAST_ANSWER: Mapping[str, str] = {"Connection": "close"}
"""Headers for llama.cpp, which closes a connection after a streamed answer without saying so
before: what is asked right behind it would be lost. A new one costs nothing on this machine."""

Entry: TypeAlias = Mapping[str, Any]
"""A model in an engine's list."""


class LocalEngine(HTTPProvider):
    """A program that runs models, at its usual port of this machine or wherever it is said to be.

        class VLLM(LocalEngine):
            \"\"\"vLLM.\"\"\"

            url = "https://docs.vllm.ai"
            base_url = "http://127.0.0.1:8000/v1"
            owner = "vllm"
            protocol = dialect.VLLM()

    It counts as configured where it was found running, or where somebody said its address or its
    key; it needs no key. What stands at a loopback address is asked directly, whatever the proxy.
    """

    answers_unasked = False  # but where it is found running
    owner: ClassVar[str] = ""
    """What its list of models gives as ``owned_by``, which tells it apart."""
    host_env: ClassVar[str] = ""
    """Its own variable for where it listens."""
    is_running: bool = False
    """Whether it was found at its usual port."""

    def home(self) -> str:
        """Its usual address, or that which its own variable says, if it is loopback."""
        there = discovery.place(self.base_url, os.environ.get(self.host_env, ""))
        return there.url + urlsplit(self.base_url).path if there else self.base_url

    def is_home(self, url: str) -> bool:
        return url == self.home().rstrip("/")

    def is_configured(self) -> bool:
        said = self.settings.base_url or settings.from_environment(self.name, "base_url")
        return self.is_running or bool(said) or bool(self.api_key)

    def running(self, models: Iterable[str]) -> Self:
        """The same engine, known to run, with the first of ``models`` as its default one."""
        found = copy.copy(self)
        found.is_running = True
        found.default_model = next(iter(models), "")
        return found

    async def recognise(self, ask: Ask) -> tuple[str, ...] | None:
        """Its models for chat, the likeliest first, if what answers is this engine."""
        path = urlsplit(self.base_url).path
        listed = entries(await ask(f"{path}/models"), "data")
        own = [model for model in listed if model.get("owned_by") == self.owner]
        return names(filter(_may_chat, own)) if own else None

    def lacks(self) -> str:
        """What to do before it can be asked; empty where it can be."""
        return (
            "" if self.is_configured() else self._step(f"nothing answers at {origin(self.home())}")
        )

    def _step(self, why: str) -> str:
        where = settings.variable(self.name, "base_url")
        return f"{self.name} does not run: {why}; start it, or set {where} to where it is"

    async def request(self, method: str, url: str, body: bytes, accept: str, key: str) -> Request:
        return direct(await super().request(method, url, body, accept, key))

    async def send(self, request: Request) -> Response:
        try:
            return await super().send(request)
        except ConnectionFailed as error:
            if not self._at_home:
                raise
            raise ConnectionFailed(self._step(error.message)) from None


def direct(request: Request) -> Request:
    """The request, past any proxy where it leads to this very machine."""
    return msgspec.structs.replace(request, proxy="") if is_loopback(request.url) else request


def entries(answer: Any, key: str) -> list[Entry]:
    """The objects in the list that stands in an answer under ``key``."""
    listed = answer.get(key) if isinstance(answer, dict) else None
    return (
        [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    )


def names(models: Iterable[Entry], key: str = "id") -> tuple[str, ...]:
    """What the models are called, those that are loaded first."""
    said = [model for model in models if isinstance(model.get(key), str)]
    return tuple(model[key] for model in sorted(said, key=_waits))


def _waits(model: Entry) -> bool:
    """Whether it must be loaded first: LM Studio says so as ``state``, llama.cpp as ``status``."""
    status = model.get("status")
    state = status.get("value") if isinstance(status, dict) else model.get("state")
    return state is not None and state != "loaded"


def _may_chat(model: Entry) -> bool:
    """Whether it is no model for embeddings, by all that its name says."""
    return "embed" not in str(model.get("id")).lower()
