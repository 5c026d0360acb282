"""A sample of the recorded answers: of each protocol, some with each thing an answer may hold."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from penstock.events import Event
from penstock.protocols import Protocol, shelf
from penstock.protocols.openai_chat import OpenAIChat
from protocols import recorded
from protocols.reading import outcome_of, read

PROTOCOLS = (
    "openai_chat",
    "openai_responses",
    "anthropic_messages",
    "gemini_generate",
    "mistral_chat",
    "cohere_v2_chat",
    "ollama_chat",
    "bedrock_converse",
)
FEATURES = (
    "tool_calls",
    "parallel_tool_calls",
    "tool_call_without_arguments",
    "truncated_tool_arguments",
    "legacy_function_call",
    "reasoning",
    "reasoning_signature",
    "redacted_thinking",
    "refusal",
    "citations",
    "server_tools",
    "logprobs",
    "several_choices",
    "content_filter",
    "finish:length",
    "finish:stop_sequence",
    "empty_text",
    "usage:cached",
    "usage:cache_write",
    "usage:reasoning",
    "no_usage",
    "non_ascii",
)


class Recorded(Struct, frozen=True):
    """A recorded answer, as events; ``id`` is its case's."""

    id: str
    events: tuple[Event, ...]


def chosen() -> list[recorded.Case]:
    """The first case of each protocol with each feature; of streams, where there are any."""
    return [case for name in PROTOCOLS for case in _chosen(name)]


def _chosen(name: str) -> Iterator[recorded.Case]:
    wanted = set(FEATURES)
    for case in sorted(recorded.answers(name), key=lambda case: not case["stream"]):
        found = wanted.intersection(case["features"])
        if found and case["expected"]["outcome"] == "message":
            wanted -= found
            yield case


def decoded(case: recorded.Case) -> Recorded:
    """What we read of it."""
    protocol, body = _protocol(case), recorded.body(case)
    outcome = read(protocol, body) if case["stream"] else outcome_of(protocol.decode_response(body))
    assert outcome.finish, (case["id"], outcome.failure)
    return Recorded(case["id"], outcome.events)


def _protocol(case: recorded.Case) -> Protocol:
    """The protocol that was spoken, in the dialect of whoever spoke it."""
    kinds = shelf.find()
    kind, dialect = kinds[case["protocol"]], kinds.get(case["provider"] + "_chat")
    is_apt = kind is OpenAIChat and dialect is not None and issubclass(dialect, OpenAIChat)
    return dialect() if dialect is not None and is_apt else kind()
