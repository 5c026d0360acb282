"""What a person at a terminal is told when a service refuses: who said it, and what to do."""

from __future__ import annotations

import pytest

from penstock.cli.wording import told
from penstock.errors import (
    PenstockError,
    RateLimited,
    ServiceError,
    Unauthorized,
    UnknownModel,
)


def test_a_services_words_are_given_to_it() -> None:
    assert told(ServiceError("overloaded", provider="openai", status=503)) == "openai: overloaded"
    ours = "openai redirects to https://elsewhere.invalid"
    assert told(ServiceError(ours, provider="openai", status=302)) == ours


@pytest.mark.parametrize(
    ("error", "step"),
    [
        (Unauthorized("wrong", provider="openai", status=401), "penstock providers openai` says"),
        (UnknownModel("no m", provider="groq", status=404), "penstock models groq` lists"),
        (
            RateLimited("slow down", provider="x", status=429, retry_after=7.0),
            "; try again in 7 s",
        ),
    ],
)
def test_the_next_step_follows(error: PenstockError, step: str) -> None:
    assert step in told(error)


def test_what_we_say_ourselves_stands_alone() -> None:
    assert told(Unauthorized("openai needs a key: set OPENAI_API_KEY or pass api_key=")) == (
        "openai needs a key: set OPENAI_API_KEY"
    )


def test_a_command_is_named_as_it_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [".venv/bin/penstock"])
    monkeypatch.setenv("PATH", "")
    said = told(UnknownModel("no model 'x'; `penstock models` lists them"))
    assert said == "no model 'x'; `.venv/bin/penstock models` lists them"
