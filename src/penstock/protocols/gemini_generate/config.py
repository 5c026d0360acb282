"""Gemini's generation config: sampling, the form of the answer, thinking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from penstock.protocols.effort import budget_for
from penstock.protocols.gemini_generate.schema import to_json_schema
from penstock.protocols.gemini_generate.words import NAME, in_camel
from penstock.protocols.kept import rest
from penstock.types import ChatRequest


class Thinking(Struct, rename="camel"):
    """How to think, with types."""

    thinking_budget: int | None = None
    thinking_level: str | None = None


class Config(Struct, rename="camel"):
    """The fields that are understood, with their types."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    max_output_tokens: int | None = None
    stop_sequences: list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    thinking_config: Thinking | None = None


_SAME = ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty")
_PLACES = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_JSON = "application/json"
_SCHEMAS = ("responseJsonSchema", "responseSchema")
_USUAL: dict[str, Any] = {"responseModalities": ["TEXT"], "candidateCount": 1}
"""What asks for nothing that is not so anyway; some callers say it always."""
_LEVELS = {word: word.upper() for word in ("minimal", "low", "medium", "high")}
_MOST = {"xhigh": "HIGH", "max": "HIGH"}
"""Words for more than Gemini has a word for."""


def spelled(config: Mapping[str, Any]) -> dict[str, Any]:
    """A generation config with all of its own names in camel case."""
    value = in_camel(config)
    if isinstance(thinking := value.get("thinkingConfig"), Mapping):
        value["thinkingConfig"] = in_camel(thinking)
    return value


def decode_config(
    known: Config, config: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a config (``known``: the same with types) says in fields of ``ChatRequest``, and the
    rest of it."""
    said: dict[str, Any] = {name: getattr(known, name) for name in _SAME}
    said["max_tokens"] = known.max_output_tokens
    if known.stop_sequences is not None:
        said["stop"] = tuple(known.stop_sequences)
    used = [*_PLACES.values(), "stopSequences", "thinkingConfig"]
    if known.top_k is not None and known.top_k.is_integer():
        said["top_k"] = int(known.top_k)
    elif known.top_k is not None:
        used.remove("topK")
    form, of_form = _decode_format(config)
    said["response_format"] = form
    others = rest(config, *used, *of_form, *(k for k, v in _USUAL.items() if config.get(k) == v))
    if known.thinking_config is not None:
        thinking = known.thinking_config
        said["reasoning_budget"] = thinking.thinking_budget
        said["reasoning_effort"] = thinking.thinking_level and thinking.thinking_level.lower()
        if more := rest(config["thinkingConfig"], "thinkingBudget", "thinkingLevel"):
            others["thinkingConfig"] = more
    return said, others


def _decode_format(config: Mapping[str, Any]) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """The form of the answer, and the keys that say it."""
    if config.get("responseMimeType") != _JSON:
        return None, ()
    key = next((key for key in _SCHEMAS if config.get(key)), "")
    schema = config.get(key)
    if not key:
        return {"type": "json_object"}, ("responseMimeType",)
    if key == "responseSchema":
        schema = to_json_schema(schema)
    return {"type": "json_schema", "json_schema": {"schema": schema}}, ("responseMimeType", key)


def encode_config(request: ChatRequest) -> dict[str, Any]:
    """The config that asks for what the request's fields say."""
    said = {key: getattr(request, name) for name, key in _PLACES.items()}
    config = {key: value for key, value in said.items() if value is not None}
    if request.stop is not None:
        config["stopSequences"] = list(request.stop)
    config |= _encode_format(request.response_format or {})
    if thinking := _encode_thinking(request):
        config["thinkingConfig"] = thinking
    return config


def _encode_format(form: Mapping[str, Any]) -> dict[str, Any]:
    match form:
        case {"type": "json_schema", "json_schema": {"schema": {} as schema}}:
            return {"responseMimeType": _JSON, "responseJsonSchema": schema}
        case {"type": "json_schema" | "json_object"}:
            return {"responseMimeType": _JSON}
        case _:
            return {}


def knows_levels(model: str) -> bool:
    """Whether a model takes a word for how hard to think; Gemini 2 knows tokens only
    (https://ai.google.dev/gemini-api/docs/thinking)."""
    return "gemini-2" not in model


def says_effort(request: ChatRequest) -> bool:
    """Whether the word for how hard to think is said, and means what it means."""
    word = request.reasoning_effort
    if word is None or request.protocol == NAME:
        return True
    return not _is_by_number(request) and knows_levels(request.model) and word in ("none", *_LEVELS)


def _is_by_number(request: ChatRequest) -> bool:
    """Whether tokens say how hard to think. A negative number leaves it to the model, so that a
    word beside it says more."""
    budget = request.reasoning_budget
    return budget is not None and (budget >= 0 or request.reasoning_effort is None)


def _encode_thinking(request: ChatRequest) -> dict[str, Any]:
    """How to think. What was thought is asked for too where the caller could not say it."""
    own, budget = request.protocol == NAME, request.reasoning_budget
    effort = request.reasoning_effort
    if budget is not None and (own or _is_by_number(request)):
        value: dict[str, Any] = {"thinkingBudget": budget}
    elif effort is not None:
        value = _encode_effort(effort, own, own or knows_levels(request.model))
    else:
        return {}
    if value and not own and value.get("thinkingBudget") != 0:
        value["includeThoughts"] = True
    return value


def _encode_effort(effort: str, own: bool, by_word: bool) -> dict[str, Any]:
    """A word as Gemini takes it; empty where it is nobody's."""
    if effort == "none" or not by_word:
        budget = budget_for(effort)
        return {} if budget is None else {"thinkingBudget": budget}
    if own:
        return {"thinkingLevel": effort.upper()}
    level = (_LEVELS | _MOST).get(effort)
    return {} if level is None else {"thinkingLevel": level}
