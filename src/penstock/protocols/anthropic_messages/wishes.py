"""What Anthropic is asked beside the conversation: how long, how hard to think, in which form."""

from __future__ import annotations

from collections.abc import Mapping
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
_LEAST_ANSWER = 1024
"""What is left of the limit for the answer itself, where the limit allows for it."""
_DISABLED = {"type": "disabled"}


def encode_wishes(request: ChatRequest) -> dict[str, Any]:
    """``max_tokens``, ``thinking`` and ``output_config``, as they were said or as they must be."""
    raw: dict[str, Any] = kept_for(NAME, request.metadata).get(RAW, {})
    if "thinking" in raw or "output_config" in raw or "output_format" in raw:
        most = DEFAULT_MAX_TOKENS if request.max_tokens is None else request.max_tokens
        return {"max_tokens": most, **raw}
    most, thinking = _thinking(request)
    wishes: dict[str, Any] = {"max_tokens": most}
    if thinking:
        wishes["thinking"] = dict(thinking)
    if form := form_of(request):
        wishes["output_config"] = {"format": form}
    return wishes


def thinks(request: ChatRequest) -> bool:
    """Whether thinking is turned on."""
    thinking = _thinking(request)[1]
    return thinking is not None and thinking != _DISABLED


def _thinking(request: ChatRequest) -> tuple[int, dict[str, Any] | None]:
    """The limit of the answer, thoughts included, and the thinking that fits below it."""
    said, budget = request.max_tokens, request.reasoning_budget
    most = DEFAULT_MAX_TOKENS if said is None else said
    if request.reasoning_effort == "none" or budget == 0:
        return most, _DISABLED
    wished = _wished(request)
    if wished is None:
        return most, None
    if wished < 0:
        return most, {"type": "adaptive"}
    wished = max(wished, _LEAST_BUDGET)
    if said is None:
        return most + wished, {"type": "enabled", "budget_tokens": wished}
    fits = most // 2 if budget is None else max(most - _LEAST_ANSWER, _LEAST_BUDGET)
    wished = min(wished, fits)
    enabled = {"type": "enabled", "budget_tokens": wished}
    return most, enabled if _LEAST_BUDGET <= wished < most else None


def _wished(request: ChatRequest) -> int | None:
    """The tokens to think for, as a number or by the word for them."""
    if request.reasoning_budget is not None or request.reasoning_effort is None:
        return request.reasoning_budget
    return effort.budget_for(request.reasoning_effort)


def lost_thinking(request: ChatRequest) -> frozenset[str]:
    """What is not said of how hard to think: an effort is no number, and a number may not fit."""
    _, thinking = _thinking(request)
    if thinking == _DISABLED:
        return frozenset()
    effort = {"reasoning_effort"} if request.reasoning_effort is not None else set()
    said = (thinking or {}).get("budget_tokens", -1 if thinking else None)
    budget = {"reasoning_budget"} if request.reasoning_budget not in (None, said) else set()
    return frozenset(effort | budget)


def form_of(request: ChatRequest) -> dict[str, Any] | None:
    """The form of the answer in Anthropic's words; it has one for schemas alone."""
    match request.response_format:
        case {"type": "json_schema", "json_schema": {"schema": Mapping() as schema}}:
            return {"type": "json_schema", "schema": schema}
        case _:
            return None
