"""What dialects share: what is left out is what is declared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest

from penstock.errors import StreamFailed
from penstock.protocols.openai_chat import OpenAIChat, dialects
from penstock.protocols.openai_chat.dialects.deepseek import DeepSeek
from penstock.protocols.openai_chat.dialects.dialect import Dialect
from penstock.protocols.openai_chat.dialects.groq import Groq
from penstock.protocols.openai_chat.dialects.llamacpp import LlamaCpp
from penstock.protocols.openai_chat.dialects.mistral import Mistral
from penstock.protocols.openai_chat.dialects.vllm import VLLM
from penstock.types import (
    CACHE,
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
)
from protocols.reading import read


def _dialects() -> Iterator[type[Dialect]]:
    for module in iter_modules(dialects.__path__):
        for value in vars(import_module(f"{dialects.__name__}.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, Dialect) and value is not Dialect:
                yield value


DIALECTS = sorted(set(_dialects()), key=lambda dialect: dialect.name)
MARK = "MARKER"
USER = Message("user", (TextPart("Hi"),))
TOOL = Tool("t", parameters={"type": "object"})


def said_by(*parts: Part) -> dict[str, Any]:
    return {"messages": (USER, Message("assistant", parts), USER)}


def asked_with(part: Part) -> dict[str, Any]:
    return {"messages": (Message("user", (TextPart("Hi"), part)),)}


FEATURES: dict[str, tuple[dict[str, Any], str]] = {
    "temperature": ({"temperature": 0.4321}, "0.4321"),
    "top_p": ({"top_p": 0.4321}, "0.4321"),
    "top_k": ({"top_k": 4321}, "4321"),
    "presence_penalty": ({"presence_penalty": 0.4321}, "0.4321"),
    "frequency_penalty": ({"frequency_penalty": 0.4321}, "0.4321"),
    "max_tokens": ({"max_tokens": 4321}, "4321"),
    "stop": ({"stop": (MARK,)}, MARK),
    "seed": ({"seed": 4321}, "4321"),
    "tools": ({"tools": (Tool(MARK, parameters={"type": "object"}),)}, MARK),
    "tool_choice.none": ({"tools": (TOOL,), "tool_choice": "none"}, '"none"'),
    "tool_choice.name": ({"tools": (TOOL,), "tool_choice": {"name": MARK}}, MARK),
    "parallel_tool_calls": (
        {"tools": (TOOL,), "parallel_tool_calls": False},
        "parallel_tool_calls",
    ),
    "tool_choice without tools": ({"tool_choice": "required"}, "tool_choice"),
    "parallel_tool_calls without tools": ({"parallel_tool_calls": False}, "parallel_tool_calls"),
    "image.url": (asked_with(ImagePart("https://a.b/MARKER")), MARK),
    "image.data": (asked_with(ImagePart(data=MARK, media_type="image/png")), MARK),
    "audio": (asked_with(AudioPart(MARK, "wav")), MARK),
    "file.data": (asked_with(FilePart(MARK, "application/pdf")), MARK),
    "file.url": (asked_with(FilePart(url="https://a.b/MARKER")), MARK),
    "file.id": (asked_with(FilePart(id=MARK)), MARK),
    "reasoning": (said_by(ReasoningPart(MARK, "s")), MARK),
    "reasoning.unsigned": (said_by(ReasoningPart(MARK)), MARK),
    "reasoning.signature": (said_by(ReasoningPart("So", MARK)), MARK),
    "response_format.json_object": ({"response_format": {"type": "json_object"}}, "json_object"),
    "response_format.json_schema": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": MARK, "schema": {}}}},
        MARK,
    ),
    "reasoning_effort": ({"reasoning_effort": "marker"}, "marker"),
    "reasoning_budget": ({"reasoning_budget": 4321}, "4321"),
    "cache": (asked_with(TextPart("Ho", {CACHE: {"type": "ephemeral", "ttl": MARK}})), MARK),
}
"""A feature -> a request that says it, and what is found in the body that says it too."""


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("protocol", ["", "openai_chat", "anthropic_messages"])
def test_what_is_left_out_is_what_is_declared(
    dialect: type[Dialect], feature: str, protocol: str
) -> None:
    fields, mark = FEATURES[feature]
    request = ChatRequest(**{"model": "m", "messages": (USER,), "protocol": protocol, **fields})
    service = dialect()
    body = json.dumps(service.encode_request(request))
    lost = {"tool_choice": "tool_choice.required"}.get(feature.split()[0], feature.split()[0])
    assert (mark in body) is (lost not in service.loss(request)), body


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dialect_has_a_name_of_its_own_and_the_words_of_its_family(
    dialect: type[Dialect],
) -> None:
    assert dialect.name != OpenAIChat.name
    assert dialect.family == OpenAIChat.name
    assert dialect.__module__.rpartition(".")[2] + "_chat" == dialect.name


def test_no_two_dialects_share_a_name() -> None:
    assert len({dialect.name for dialect in DIALECTS}) == len(DIALECTS)


# DeepSeek


CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}


def deepseek(message: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body = {"messages": [{"role": "user", "content": "Hi"}, message], **fields}
    return DeepSeek().encode_request(DeepSeek().decode_request(body))


def test_deepseek_is_told_not_to_think_in_its_own_words() -> None:
    body = deepseek(CALLED, reasoning_effort="none")
    assert body["thinking"] == {"type": "disabled"}
    assert "reasoning_effort" not in body
    assert "reasoning_content" not in body["messages"][1]


def test_deepseek_is_given_back_what_it_thought_before_it_called_a_tool() -> None:
    thought = {**CALLED, "reasoning_content": "So"}
    assert deepseek(thought)["messages"][1] == thought
    assert deepseek(CALLED)["messages"][1] == {**CALLED, "reasoning_content": ""}
    spoken = {"role": "assistant", "content": "Ho"}
    assert deepseek(spoken)["messages"][1] == spoken


def test_deepseek_is_told_the_longest_answer_in_the_older_word() -> None:
    body = deepseek(CALLED, max_completion_tokens=9)
    assert body["max_tokens"] == 9
    assert "max_completion_tokens" not in body


def test_an_answer_that_deepseek_breaks_off_has_failed() -> None:
    reason = "insufficient_system_resource"
    choice = {"index": 0, "delta": {"content": "A"}, "finish_reason": reason}
    body = json.dumps({"id": "a", "choices": [choice]})
    outcome = read(DeepSeek(), f"data: {body}\n\ndata: [DONE]\n\n".encode())
    assert outcome.reply.text == "A"
    assert outcome.error is StreamFailed


@pytest.mark.parametrize("dialect", DIALECTS)
def test_instructions_have_a_role_that_the_service_knows(dialect: type[Dialect]) -> None:
    messages = (Message("developer", (TextPart("Be kind"),)), USER)
    body = dialect().encode_request(ChatRequest(messages=messages, protocol="openai_responses"))
    known = "developer" if dialect.name == "openrouter_chat" else "system"
    assert body["messages"][0] == {"role": known, "content": "Be kind"}


# Engines


@pytest.mark.parametrize("service", [VLLM(), LlamaCpp()])
def test_an_engines_own_words_pass_through(service: Dialect) -> None:
    body = {
        "messages": [{"role": "user", "content": "Hi"}],
        "top_k": 5,
        "min_p": 0.1,
        "guided_json": {"type": "object"},
        "chat_template_kwargs": {"enable_thinking": False},
    }
    assert service.encode_request(service.decode_request(body)) == body


# Groq


def test_groq_is_told_reasoning_under_the_name_it_knows() -> None:
    said = {"role": "assistant", "content": "Ho", "reasoning_content": "So"}
    body = {"messages": [{"role": "user", "content": "Hi"}, said]}
    written = Groq().encode_request(Groq().decode_request(body))["messages"][1]
    assert written == {"role": "assistant", "content": "Ho", "reasoning": "So"}
    details = [{"type": "reasoning.encrypted", "data": "x"}]
    sealed = {"role": "assistant", "content": "Ho", "reasoning_details": details}
    request = Groq().decode_request({"messages": [sealed]})
    assert "reasoning_details" not in Groq().encode_request(request)["messages"][0]
    assert Groq().loss(request) == ("reasoning.reasoning_details",)


def test_groq_is_not_told_what_it_refuses() -> None:
    body = {
        "messages": [{"role": "user", "content": "Hi", "name": "Bob"}],
        "n": 3,
        "logprobs": True,
    }
    request = Groq().decode_request(body)
    assert Groq().encode_request(request) == {"messages": [{"role": "user", "content": "Hi"}]}
    assert Groq().loss(request) == ("extra.logprobs", "extra.n", "messages.name")
    one = {"messages": [{"role": "user", "content": "Hi"}], "n": 1}
    assert Groq().encode_request(Groq().decode_request(one)) == one


def test_a_key_that_a_service_refuses_is_no_loss_where_it_says_nothing() -> None:
    request = ChatRequest(messages=(USER,), extra={"user": None, "logit_bias": {"1": 2}})
    assert Mistral().loss(request) == ("extra.logit_bias",)
    foreign = ChatRequest(messages=(USER,), extra={"user": "x"}, protocol="anthropic_messages")
    assert Mistral().loss(foreign) == ("extra.user",)
