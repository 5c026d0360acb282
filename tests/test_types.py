"""What is said to a model: keys are not shown, and estimates say so."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.types import (
    ChatRequest,
    ImagePart,
    Message,
    RefusalPart,
    Secret,
    TextPart,
    Usage,
    estimate_usage,
)


def test_a_secret_is_not_shown_but_is_the_text_it_holds() -> None:
    secret = Secret("sk-123")
    request = ChatRequest(api_key=secret)
    for shown in (repr(secret), repr(request), f"{secret!r}", repr([secret]), repr({"k": secret})):
        assert "sk-123" not in shown
    assert f"Bearer {secret}" == "Bearer sk-123"
    assert repr(Secret("")) == "Secret('')"
    assert type(str(secret)) is str


@given(st.text(min_size=1))
def test_a_secret_never_shows_in_a_repr(key: str) -> None:
    assert repr(Secret(key)) == "Secret('…')"


def test_a_message_s_text_is_its_text_parts() -> None:
    parts = (TextPart("a"), ImagePart("https://a.example"), RefusalPart("no"), TextPart("b"))
    assert Message("user", parts).text == "ab"
    assert Message("user").text == ""


@given(st.integers(0, 10**9), st.none() | st.integers(0, 10**9))
def test_an_estimate_says_so_and_is_never_less_than_was_said(
    output: int, input: int | None
) -> None:
    usage = estimate_usage(output, input)
    assert usage.provenance == "estimated"
    assert usage.output is not None
    assert output <= 4 * usage.output < output + 4
    if input is None:
        assert usage == Usage(output=usage.output, provenance="estimated")
    else:
        assert usage.input is not None
        assert input <= 4 * usage.input < input + 4
        assert usage.total == usage.input + usage.output


def test_values_are_frozen() -> None:
    with pytest.raises(AttributeError):
        ChatRequest().model = "m"  # type: ignore[misc]
    changed = msgspec.structs.replace(ChatRequest(model="a"), model="b")
    assert changed == ChatRequest(model="b")
