"""What a question will cost at a target, as far as that can be said before it is asked."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterable

from penstock import prices
from penstock.provider import Provider
from penstock.routing.routed import Routed
from penstock.routing.target import Target
from penstock.types import ChatRequest, TextPart, ToolResultPart, estimate_usage

_ANSWER = 2000
"""Characters of an ordinary answer; ``max_tokens`` is a limit, and seldom reached."""
_PER_TOKEN = 4
_DIGITS = 4
"""Binary digits of a question's length that count: prices are looked up for lengths that are at
most an eighth apart, which changes the order of two services hardly ever."""


def expected_costs(targets: Iterable[Provider], model: str, request: ChatRequest) -> list[float]:
    """US dollars at each, by the public prices; infinite where nobody knows a price. A route costs
    what the first that it asks does."""
    answer = min(_ANSWER, _PER_TOKEN * (request.max_tokens or _ANSWER))
    asked, minute = _rounded(_length(request)), int(time.time() // 60)
    return [_cost(asked_first(target, model), asked, answer, minute) for target in targets]


def asked_first(target: Provider, model: str) -> str:
    """``provider/model``, as prices know it, that a question for ``model`` is put to first."""
    while isinstance(target, Routed):
        model = (target.model if isinstance(target, Target) else "") or model
        target = target.targets[0]
    return f"{target.name}/{model or target.default_model}"


@functools.lru_cache(4096)
def _cost(model: str, asked: int, answer: int, minute: int) -> float:
    """``minute``: prices change with the day and its hours."""
    cost = prices.cost(estimate_usage(answer, asked), model)
    return math.inf if cost is None else float(cost.total)


def _length(request: ChatRequest) -> int:
    """Characters of text; pictures and sounds are left out, as they are much alike everywhere."""
    return sum(_said(part) for message in request.messages for part in message.content)


def _said(part: object) -> int:
    match part:
        case TextPart(text):
            return len(text)
        case ToolResultPart(_, content):
            return sum(_said(inner) for inner in content)
    return 0


def _rounded(number: int) -> int:
    spare = max(number.bit_length() - _DIGITS, 0)
    return number >> spare << spare
