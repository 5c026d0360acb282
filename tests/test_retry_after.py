"""How long a service asks to wait: every form, and whatever else may stand in a header."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.retry_after import LONGEST, seconds

NOW = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC).timestamp()

numbers = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(width=64).map(str),
    st.sampled_from(["", "0", "-0", "NaN", "inf", "-inf", "1e9", "0x7", "٣", "5, 10", "7;7", "+7"]),
)
durations = st.lists(
    st.tuples(numbers, st.sampled_from(["ns", "us", "µs", "ms", "s", "m", "h", "d", "y", " "])),
    max_size=4,
).map(lambda parts: "".join(number + unit for number, unit in parts))
dates = st.datetimes().map(lambda moment: format_datetime(moment.replace(tzinfo=UTC), usegmt=True))
stamps = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
values = st.one_of(numbers, durations, dates, stamps, st.text(max_size=40))
names = st.sampled_from(
    [
        *("retry-after", "Retry-After", "retry-after-ms", "x-ms-retry-after-ms", "date"),
        *("x-ratelimit-reset-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset"),
        *("x-ratelimit-remaining", "anthropic-ratelimit-tokens-reset", "ratelimit-reset"),
        *("anthropic-ratelimit-tokens-remaining", "x-ratelimit-resetreset"),
    ]
)


@given(st.dictionaries(names, values, max_size=6), st.floats(0, 4e9), st.sampled_from([429, 500]))
def test_whatever_headers_hold_a_wait_is_a_number_that_can_be_waited_for(
    headers: dict[str, str], now: float, status: int
) -> None:
    wait = seconds(headers, now, status)
    assert wait is None or (math.isfinite(wait) and 0 <= wait <= LONGEST)


@given(st.integers(0, int(LONGEST)))
def test_every_form_of_the_same_wait_is_the_same_wait(wait: int) -> None:
    then = datetime.fromtimestamp(NOW + wait, UTC)
    ways = [
        {"retry-after": str(wait)},
        {"retry-after": f"{wait}.0"},
        {"retry-after-ms": str(1000 * wait)},
        {"retry-after": format_datetime(then, usegmt=True)},
        {"retry-after": then.strftime("%A, %d-%b-%y %H:%M:%S GMT")},
        {"retry-after": then.ctime()},
        {"x-ratelimit-reset": str(int(NOW) + wait)},
        {"x-ratelimit-reset": str(1000 * (int(NOW) + wait))},
        {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": f"{wait}s"},
        {
            "anthropic-ratelimit-tokens-remaining": "0",
            "anthropic-ratelimit-tokens-reset": then.isoformat().replace("+00:00", "Z"),
        },
    ]
    assert [seconds(headers, NOW) for headers in ways] == [wait] * len(ways)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("7", 7),
        ("7.5", 7.5),
        (" 7 ", 7),
        ("0", 0),
        ("6m0s", 360),
        ("2m59.56s", 179.56),
        ("120ms", 0.12),
        ("12.5µs", 1.25e-05),
        ("1h2m3s", 3723),
        ("Sat, 21 Nov 2026 10:00:07 GMT", 7),
        ("Saturday, 21-Nov-26 10:00:07 GMT", 7),
        ("Sat Nov 21 10:00:07 2026", 7),
        ("Sat, 21 Nov 2026 12:00:07 +0200", 7),
        ("Sat, 21 Nov 2026 09:59:00 GMT", 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("2026-11-21T10:00:07.5Z", 7.5),
        ("2026-11-21T10:00:07", 7),
        ("1795255207", 7),
        ("1795255207000", 7),
        ("1", 1),
        ("604800", 604800),
        ("2678400", 2678400),
        ("2678401", None),
        ("315360000", None),
        ("Sat, 21 Nov 2036 10:00:00 GMT", None),
        ("99999999999999999999", None),
        ("-7", None),
        ("NaN", None),
        ("inf", None),
        ("1e3", None),
        ("5, 10", None),
        ("soon", None),
        ("", None),
        ("7 s", None),
        ("Sat, 41 Nov 2026 10:00:07 GMT", None),
        ("Sat, 21 Nov 99999 10:00:07 GMT", None),
    ],
)
def test_examples_of_retry_after(value: str, wait: float | None) -> None:
    found = seconds({"retry-after": value}, NOW)
    assert found is None if wait is None else found == pytest.approx(wait)


def test_a_date_is_counted_from_the_answers_own() -> None:
    """The service's clock may be wrong; both dates are by it."""
    said = {"Date": "Sat, 21 Nov 2026 09:00:00 GMT", "Retry-After": "Sat, 21 Nov 2026 09:00:07 GMT"}
    assert seconds(said, NOW) == 7
    assert seconds({**said, "Date": "yesterday"}, NOW) == 0


OPENAI = {
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "59",
    "x-ratelimit-reset-requests": "1s",
    "x-ratelimit-limit-tokens": "150000",
    "x-ratelimit-remaining-tokens": "0",
    "x-ratelimit-reset-tokens": "6m0s",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": "2026-11-21T10:00:05Z",
    "anthropic-ratelimit-tokens-remaining": "0",
    "anthropic-ratelimit-tokens-reset": "2026-11-21T10:00:30Z",
}


def test_a_reset_counts_where_nothing_is_left() -> None:
    assert seconds(OPENAI, NOW) == 360
    assert seconds(ANTHROPIC, NOW) == 30
    assert seconds(OPENAI | {"x-ratelimit-remaining-tokens": "500"}, NOW) is None
    assert seconds(OPENAI | {"x-ratelimit-remaining-tokens": "-1"}, NOW) is None  # Azure: unknown
    assert seconds(OPENAI | {"x-ratelimit-reset-tokens": "NaN"}, NOW) is None


def test_a_reset_alone_counts_two_do_not() -> None:
    assert seconds({"x-ratelimit-reset": "30"}, NOW) == 30
    assert seconds({"x-ratelimit-reset": "30", "x-ratelimit-reset-day": "3000"}, NOW) is None


def test_a_reset_explains_no_other_failure() -> None:
    assert seconds(OPENAI, NOW, 400) is None
    assert seconds(OPENAI, NOW, 529) == 360
    assert seconds(OPENAI | {"retry-after": "2"}, NOW, 500) == 2


def test_what_is_asked_for_goes_before_what_can_be_concluded() -> None:
    assert seconds(OPENAI | {"retry-after": "2"}, NOW) == 2
    assert seconds({"retry-after": "2", "retry-after-ms": "1500"}, NOW) == 1.5
    assert seconds({"retry-after": "2", "retry-after-ms": "-1"}, NOW) == 2
    assert seconds(OPENAI | {"retry-after": "soon"}, NOW) == 360


def test_nothing_is_said_where_nothing_is() -> None:
    assert seconds({}, NOW) is None
    assert seconds({"date": "Sat, 21 Nov 2026 09:00:00 GMT"}, NOW) is None
