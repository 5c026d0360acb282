"""How long a service asks us to wait, in all the forms in which services say it.

    retry-after: 7 | 7.5 | a date              RFC 9110, section 10.2.3; decimals are seen too
    retry-after-ms, x-ms-retry-after-ms: 1500  Azure
    x-ratelimit-reset-requests: 6m0s | 120ms   OpenAI, Groq; Azure and Cerebras say bare seconds
    anthropic-ratelimit-tokens-reset: 2026-11-21T10:00:00Z
    x-ratelimit-reset: 1795255200[000]         OpenRouter (milliseconds) and many others (seconds)

A reset counts only for who has nothing left of that limit, as its ``remaining`` says. Pages:
https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota,
https://platform.openai.com/docs/guides/rate-limits, https://console.groq.com/docs/rate-limits,
https://docs.anthropic.com/en/api/rate-limits,
https://inference-docs.cerebras.ai/support/rate-limits,
https://openrouter.ai/docs/api/reference/limits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_tz

LONGEST = 31 * 86400.0
"""Seconds of the longest wait that is believed: no limit is counted over more than a month."""

_LIMITED = (429, 503, 529)
"""Statuses that a spent limit may explain."""
_MILLISECONDS = ("retry-after-ms", "x-ms-retry-after-ms")
_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{0,18})?")
_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
_PART = re.compile(rf"({_NUMBER.pattern})({'|'.join(_UNITS)})")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
_SINCE_EPOCH, _IN_MILLISECONDS = 1e9, 1e11
"""From which numbers on a wait is a moment instead, in seconds or in milliseconds since 1970."""
_NOTHING = re.compile(r"0(?:\.0*)?")


def seconds(headers: Mapping[str, str], now: float, status: int = 429) -> float | None:
    """How long the answer with these headers asks to wait; ``None`` where it does not say so, or
    says what cannot be. Never negative, never more than ``LONGEST``; raises nothing.

    ``now``: seconds since 1970, for answers without a ``Date`` of their own. ``status``: a limit's
    reset says nothing of failures that have another cause.
    """
    said = {name.lower(): value.strip() for name, value in headers.items()}
    moment = _date(said.get("date", ""))
    now = now if moment is None else moment
    for wait in _asked(said, now):
        if wait is not None:
            return wait
    return _reset(said, now) if status in _LIMITED else None


def _asked(said: Mapping[str, str], now: float) -> Iterator[float | None]:
    """What is asked for in so many words, the most exact first."""
    for name in _MILLISECONDS:
        if _NUMBER.fullmatch(said.get(name, "")):
            yield _believed(float(said[name]) / 1000)
    yield wait_in(said.get("retry-after", ""), now)


def _reset(said: Mapping[str, str], now: float) -> float | None:
    """Until all limits of which nothing is left are there again; or the only one that is told
    of, where nothing is said of what is left."""
    spent, unknown = [], []
    for name, text in said.items():
        if "ratelimit" in name and "reset" in name:
            left = said.get(name.replace("reset", "remaining"))
            if left is None:
                unknown.append(wait_in(text, now))
            elif _NOTHING.fullmatch(left):
                spent.append(wait_in(text, now))
    if not spent and len(unknown) == 1:
        return unknown[0]
    return max((wait for wait in spent if wait is not None), default=None)


def wait_in(text: str, now: float) -> float | None:
    """The seconds that one value stands for: a number, a duration, or a moment."""
    if _NUMBER.fullmatch(text):
        return _believed(_from_now(float(text), now))
    if _DURATION.fullmatch(text):
        return _believed(sum(float(n) * _UNITS[unit] for n, unit in _PART.findall(text)))
    moment = _date(text) if text[:1].isalpha() else _timestamp(text)
    return None if moment is None else _believed(moment - now)


def _from_now(number: float, now: float) -> float:
    if number >= _IN_MILLISECONDS:
        return number / 1000 - now
    return number - now if number >= _SINCE_EPOCH else number


def _believed(wait: float) -> float | None:
    """A moment that is over is no wait; one beyond all limits is no statement."""
    return max(wait, 0.0) if wait <= LONGEST else None


def _date(text: str) -> float | None:
    """Any of the three dates of RFC 9110, section 5.6.7; GMT where nothing else is said."""
    try:
        parts = parsedate_tz(text)
        if parts is None:
            return None
        year, month, day, hour, minute, second = parts[:6]
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        return moment.timestamp() - (parts[9] or 0)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def _timestamp(text: str) -> float | None:
    """A moment by RFC 3339."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return None
