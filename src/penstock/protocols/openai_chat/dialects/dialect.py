"""What dialects share: what a service refuses is left out, and said to be lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from penstock.protocols.kept import kept_for, rest
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.dialects.unsaid import without_unsaid
from penstock.protocols.openai_chat.request_decode import SAYS_NOTHING
from penstock.types import ChatRequest, ReasoningPart


class Dialect(OpenAIChat):
    """OpenAI chat as another service speaks it.

    ``refuses``: keys of OpenAI's that the service answers with an error, beside ``messages`` and
    in each message; they are left out. ``knows_developer``: OpenAI's newer role for instructions is
    known too, which DeepSeek refuses (https://github.com/earendil-works/pi/issues/1048), and xAI
    (https://github.com/openclaw/openclaw/pull/24333), and models that engines run
    (https://github.com/0xku/kon/issues/5).
    """

    refuses: ClassVar[frozenset[str]] = frozenset()
    refuses_in_messages: ClassVar[frozenset[str]] = frozenset()
    knows_developer: ClassVar[bool] = False

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        return super().encode_request(without_unsaid(request, self.can_ask(request)))

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        body = {key: value for key, value in body.items() if not self._refuses(key, value)}
        messages = (rest(said, *self.refuses_in_messages) for said in body["messages"])
        body["messages"] = [self._instructing(message) for message in messages]
        return body

    def check_response(self, body: bytes, delimited: bool = True) -> None:
        for _ in self.decode_response(body, delimited):  # which may know of more failures
            pass

    def _instructing(self, message: dict[str, Any]) -> dict[str, Any]:
        is_new = message["role"] == "developer" and not self.knows_developer
        return {**message, "role": "system"} if is_new else message

    def _refuses(self, key: str, value: Any) -> bool:
        says_nothing = key in SAYS_NOTHING and value == SAYS_NOTHING[key]
        return key in self.refuses and not says_nothing

    def _unsaid(self, request: ChatRequest) -> Iterator[str]:
        yield from super()._unsaid(without_unsaid(request, self.can_ask(request)))
        if request.protocol in ("", self.family):
            yield from self._refused(request)

    def _refused(self, request: ChatRequest) -> Iterator[str]:
        """What the service refuses of OpenAI's own words."""
        for key, value in request.extra.items():
            if self._refuses(key, value) and value is not None:
                yield f"extra.{key}"
        for message in request.messages:
            kept = kept_for(self.family, message.metadata)
            yield from (f"messages.{key}" for key in self.refuses_in_messages & kept.keys())
            for part in message.content:
                if isinstance(part, ReasoningPart):
                    kept = kept_for(self.family, part.metadata)
                    yield from (
                        f"reasoning.{key}" for key in self.refuses_in_messages & kept.keys()
                    )


def in_older_words(body: dict[str, Any]) -> dict[str, Any]:
    """With ``max_tokens`` where a service has not heard of ``max_completion_tokens``."""
    longest = body.get("max_completion_tokens")
    body = rest(body, "max_completion_tokens")
    return body if longest is None else {**body, "max_tokens": longest}


def named_reasoning(body: dict[str, Any]) -> dict[str, Any]:
    """With earlier reasoning called ``reasoning``, as its answers call it."""
    return {**body, "messages": [_named_reasoning(message) for message in body["messages"]]}


def _named_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    said = message.get("reasoning_content")
    message = rest(message, "reasoning_content")
    return {**message, "reasoning": said} if said and not message.get("reasoning") else message
