"""Mistral.

What differs, by the types of its Python SDK (``mistralai`` 3.7.0, made from the description of
https://docs.mistral.ai/api) and recorded:

- ``random_seed``, and ``any`` for a tool that must be called; keys that it does not know are
  refused ("extra_forbidden"), ``stream_options`` among them
  (https://github.com/openai/openai-agents-python/issues/442); usage comes unasked;
- thinking is a part of the content, in answers and when it is said back
  (https://docs.mistral.ai/capabilities/reasoning), as are documents and references;
- the id of a tool call has nine letters or digits; any other is refused
  (https://github.com/langchain-ai/langchain/pull/24668);
- tool calls come whole;
- a user's message may follow a tool's: what was refused in 2025 ("Unexpected role 'user' after role
  'tool'", https://github.com/BerriAI/litellm/issues/17761, as engines that run its models still do)
  was answered in August 2026 (recorded, twice), so that no words are put into the model's mouth
  between them;
- errors are ``{"detail": text or list}`` or ``{"object": "error", "message": …}``.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from penstock.errors import PenstockError
from penstock.events import Reply
from penstock.protocols import Encoder, json
from penstock.protocols.embeddings.mistral import MistralEmbeddings
from penstock.protocols.error_body import error_from_value
from penstock.protocols.kept import kept_for
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_chat.answer import ChatAnswer
from penstock.protocols.openai_chat.dialects.dialect import Dialect, in_older_words
from penstock.protocols.openai_chat.dialects.mistral_answer import (
    MistralAnswer,
    MistralEncoder,
    encode_response,
)
from penstock.protocols.openai_chat.dialects.mistral_parts import (
    from_mistral,
    message_from_mistral,
    message_to_mistral,
    to_mistral,
)
from penstock.types import SIGNED, ChatRequest, ModelInfo, Part, ReasoningPart

_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")
_DIGITS = string.ascii_letters + string.digits
_NO_PARAMETERS = {"type": "object", "properties": {}}


class Mistral(Dialect):
    """OpenAI chat as Mistral speaks it."""

    name = "mistral_chat"
    cannot_ask = (
        OpenAIChat.cannot_ask - {"file.url", "reasoning", "reasoning.unsigned", "top_k"}
    ) | {
        "refusal"  # said as text
    }
    extensions = frozenset(("reasoning.signature",))
    cannot_answer = frozenset(("citations", "refusal"))
    embeddings = MistralEmbeddings()
    refuses = frozenset(
        (
            "audio",
            "function_call",
            "functions",
            "logit_bias",
            "modalities",
            "prompt_cache_retention",
            "safety_identifier",
            "store",
            "stream_options",
            "user",
            "verbosity",
            "web_search_options",
        )
    )
    refuses_in_messages = frozenset(
        (
            "annotations",
            "audio",
            "function_call",
            "images",
            "reasoning",
            "reasoning_content",
            "reasoning_details",
            "refusal",
        )
    )

    def __init__(self, ask_usage: bool = False) -> None:
        super().__init__(ask_usage)

    def can_ask(self, request: ChatRequest) -> frozenset[str]:
        parts = (part for message in request.messages for part in message.content)
        signed = [part for part in parts if isinstance(part, ReasoningPart) and part.signature]
        are_own = all(self._has_signed(part, request) for part in signed)
        can = super().can_ask(request)
        return can | {"reasoning.signature"} if are_own else can - {"reasoning.signature"}

    def _has_signed(self, part: Part, request: ChatRequest) -> bool:
        """Whether a signature is Mistral's own; where nobody said, whoever speaks to Mistral in
        its own words has it from there."""
        known = (getattr(part, "metadata", None) or {}).get(SIGNED)
        return known == self.name if known else request.protocol in ("", self.family)

    def encode_request(self, request: ChatRequest) -> dict[str, Any]:
        def signs(part: Part) -> bool:
            return self._has_signed(part, request)

        messages = tuple(message_to_mistral(message, signs) for message in request.messages)
        return super().encode_request(replace(request, messages=messages))

    def finish_request(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        body = in_older_words(super().finish_request(body, request))
        if "seed" in body:
            body["random_seed"] = body.pop("seed")
        if body.get("tool_choice") == "required":
            body["tool_choice"] = "any"
        if "tools" in body:
            body["tools"] = [_with_parameters(tool) for tool in body["tools"]]
        body["messages"] = [_to_mistral(message) for message in body["messages"]]
        return body

    def start_request(self, body: Mapping[str, Any]) -> dict[str, Any]:
        body = dict(body)
        if "random_seed" in body:
            body["seed"] = body.pop("random_seed")
        if body.get("tool_choice") == "any":
            body["tool_choice"] = "required"
        if isinstance(messages := body.get("messages"), list):
            body["messages"] = [_from_mistral(message) for message in messages]
        return body

    def _refused(self, request: ChatRequest) -> Iterator[str]:
        yield from super()._refused(request)
        for message in request.messages:
            if message.role != "tool" and "name" in kept_for(self.family, message.metadata):
                yield "messages.name"

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        request = super().decode_request(body)
        return replace(request, messages=tuple(map(message_from_mistral, request.messages)))

    def answer(self) -> ChatAnswer:
        return MistralAnswer()

    def encoder(self, request: ChatRequest) -> Encoder:
        return MistralEncoder(request)

    def encode_response(self, reply: Reply) -> dict[str, Any]:
        return encode_response(reply, super().encode_response(reply))

    def decode_error(
        self, status: int, body: bytes, reason: str = "", headers: Mapping[str, str] | None = None
    ) -> PenstockError:
        wrongs = list(_wrong_fields(body))
        if not wrongs:
            return super().decode_error(status, body, reason, headers)
        said = "; ".join(f"{field}: {what}" if field else what for field, what in wrongs)
        error = error_from_value(status, {"message": said, "type": "invalid_request_error"})
        error.param = wrongs[0][0] or None
        return error

    def encode_models(self, models: Iterable[ModelInfo]) -> dict[str, Any]:
        listed = super().encode_models(models)
        more = {"type": "base", "capabilities": {}}  # Mistral's own client wants them
        return {**listed, "data": [{**model, **more} for model in listed["data"]]}


def _wrong_fields(body: bytes) -> Iterator[tuple[str, str]]:
    """Field and fault of each item in the list of them that a 422 holds, in either shape."""
    try:
        value = json.loads(body)
    except json.UNREADABLE:
        return
    inner = value.get("message") if isinstance(value, Mapping) else None
    holder = inner if isinstance(inner, Mapping) else value
    detail = holder.get("detail") if isinstance(holder, Mapping) else None
    for item in detail if isinstance(detail, list) else ():
        if isinstance(item, Mapping) and isinstance(item.get("msg"), str):
            place = item.get("loc")
            place = place if isinstance(place, list) else []
            yield ".".join(str(step) for step in place if step != "body"), item["msg"]


def _with_parameters(tool: dict[str, Any]) -> dict[str, Any]:
    """Mistral wants to be told that a function takes nothing."""
    function = tool.get("function")
    if not isinstance(function, Mapping) or "parameters" in function:
        return tool
    return {**tool, "function": {**function, "parameters": _NO_PARAMETERS}}


def _to_mistral(message: dict[str, Any]) -> dict[str, Any]:
    message = dict(message)
    if message["role"] != "tool":
        message.pop("name", None)
    if message["role"] == "tool" and message.get("tool_call_id"):
        message["tool_call_id"] = _call_id(message["tool_call_id"])
    if message["role"] == "assistant" and "tool_calls" in message:
        message["tool_calls"] = [{**c, "id": _call_id(c["id"])} for c in message["tool_calls"]]
    if isinstance(content := message.get("content"), list):
        message["content"] = [to_mistral(part) for part in content]
    return message


def _call_id(id: str) -> str:
    """An id as Mistral wants it: its own as it is, any other's always the same nine characters."""
    if not id or _CALL_ID.fullmatch(id):
        return id
    digest = hashlib.blake2b(id.encode(errors="surrogatepass"), digest_size=8).digest()
    number = int.from_bytes(digest, "big")
    digits = []
    for _ in range(9):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(digits)


def _from_mistral(message: Any) -> Any:
    if not isinstance(message, Mapping) or not isinstance(message.get("content"), list):
        return message
    return {**message, "content": [from_mistral(part) for part in message["content"]]}
