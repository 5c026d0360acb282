"""What Anthropic is asked beside the conversation: how long, how hard to think, in which form."""

from __future__ import annotations

from typing import Any

from penstock.protocols import effort
from penstock.protocols.anthropic_messages.citations import NAME
from penstock.protocols.kept import kept_for
from penstock.protocols.loss import RAW
from penstock.types import ChatRequest

DEFAULT_MAX_TOKENS = 4096
"""Anthropic wants a limit in every request; this one holds where the caller said none."""

_LEAST_BUDGET = 1024
"""Anthropic refuses less, and a budget that is not below the limit:
https://platform.claude.com/docs/en/build-with-claude/extended-thinking."""


def encode_wishes(request: ChatRequest) -> dict[str, Any]:
    """``max_tokens``, ``thinking`` and ``output_config``, as they were said or as they must be."""
    raw: dict[str, Any] = kept_for(NAME, request.metadata).get(RAW, {})
    if "thinking" in raw or "output_config" in raw or "output_format" in raw:
        most = DEFAULT_MAX_TOKENS if request.max_tokens is None else request.max_tokens
        return {"max_tokens": most, **raw}
    most, thinking = _thinking(request)
    wishes: dict[str, Any] = {"max_tokens": most}
    if thinking:
        wishes["thinking"] = thinking
    if form := _form(request):
        wishes["output_config"] = {"format": form}
    return wishes


def _thinking(request: ChatRequest) -> tuple[int, dict[str, Any] | None]:
    """The limit of the answer, thoughts included, and the thinking that fits below it."""
    said = request.max_tokens
    most = DEFAULT_MAX_TOKENS if said is None else said
    budget = request.reasoning_budget
    if request.reasoning_effort == "none" or budget == 0:
        return most, {"type": "disabled"}
    if budget is None and request.reasoning_effort is not None:
        budget = effort.budget_for(request.reasoning_effort)
    if budget is None:
        return most, None
    if budget < 0:
        return most, {"type": "adaptive"}
    budget = max(budget, _LEAST_BUDGET)
    if said is None:
        most += budget
    budget = min(budget, most - 1)
    enabled = {"type": "enabled", "budget_tokens": budget}
    return most, enabled if budget >= _LEAST_BUDGET else None


def lost_thinking(request: ChatRequest) -> frozenset[str]:
    """What is not said of how hard to think: an effort is no number, and a number may not fit."""
    _, thinking = _thinking(request)
    if thinking == {"type": "disabled"}:
        return frozenset()
    effort = {"reasoning_effort"} if request.reasoning_effort is not None else set()
    said = (thinking or {}).get("budget_tokens", -1 if thinking else None)
    budget = {"reasoning_budget"} if request.reasoning_budget not in (None, said) else set()
    return frozenset(effort | budget)


def _form(request: ChatRequest) -> dict[str, Any] | None:
    match request.response_format:
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            return {"type": "json_schema", "schema": schema}
        case _:
            return None
