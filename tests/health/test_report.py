"""What ``penstock.status`` says of a provider, its class or its name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from health.told import result, store
from penstock import Aura, OpenAI
from penstock.health import here
from penstock.health.report import Status, Times, ago, of, status


@pytest.fixture(autouse=True)
def no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_STATUS", "off")


class Mended(Aura):
    """Works again, whatever its author wrote."""

    name = "mended-of-this-test"


def test_a_class_an_instance_and_a_name_are_asked_alike() -> None:
    here.probed(Mended.name, "a/b", "stream", "worked", first=0.2, took=1.5)
    by_class, by_instance, by_name = status(Mended), status(Mended()), status(Mended.name)
    assert (by_class.state, by_class.declared) == ("working", False)
    assert (by_instance.state, by_instance.declared) == ("working", False)
    assert (by_name.state, by_name.declared) == ("working", None)
    assert Mended.working is False
    assert status(f"{Mended.name}/a/b").state == status(Mended, "a/b").state == "working"
    assert status(Mended, "another").state == "unknown"


class Unasked(OpenAI):
    """A provider that no other test asks."""


def test_what_nobody_tried_is_unknown_and_so_is_what_nobody_knows() -> None:
    assert status(Unasked) == Status(provider="unasked", declared=True)
    assert str(status("nobody")) == "nobody: unknown; nothing was tried lately"
    assert (status("nobody").age, status("nobody").error) == (None, "")


def test_a_status_reads_aloud() -> None:
    made = store()
    made.add("p", "m", result(120, first=0.25, took=1.0), result(60, first=0.5, took=2.0))
    made.add("p", "m", result(3, "unsupported", "tools", error="InvalidRequest", probe=True))
    said = of(made, "p", "m", declared=False)
    assert str(said).splitlines() == [
        "p/m: working, declared as not working",
        "  stream: worked 1 min ago, first word after 0.25/0.50 s, whole after 1.00/2.00 s",
        "  tools: unsupported (InvalidRequest) 3 s ago",
    ]
    assert (said.age, said.error) == (3.0, "")


def test_the_error_is_that_of_the_last_answer() -> None:
    made = store()
    made.add("p", "m", result(9, "failed", error="Timeout"), result(5, what="chat"))
    assert of(made, "p").error == ""
    made.add("p", "m", result(1, "limited", error="RateLimited"))
    made.add("p", "m", result(0, "failed", "tools", error="UnexpectedAnswer"))
    assert of(made, "p").error == "RateLimited"


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        ([], "unknown"),
        (["failed", "worked"], "working"),
        (["failed"], "failing"),
        (["failed", "unclear"], "failing"),
        (["unclear"], "unknown"),
    ],
)
def test_a_provider_works_where_one_of_its_models_does(states: list[str], whole: str) -> None:
    made = store()
    for number, verdict in enumerate(states):
        made.add("p", str(number), result(0, verdict, probe=True))  # type: ignore[arg-type]
    assert of(made, "p").state == whole


@given(st.lists(st.floats(0, 100), min_size=1, max_size=31))
def test_half_of_the_tries_took_no_longer_than_p50_and_nineteen_of_twenty_than_p95(
    seconds: list[float],
) -> None:
    made = store()
    made.add("p", "m", *(result(i, took=took) for i, took in enumerate(seconds)))
    made.add("p", "m", result(0.5, "failed", took=1000.0))
    (stream,) = of(made, "p", "m").tried
    assert isinstance(stream.took, Times)
    for share, time in ((0.5, stream.took.p50), (0.95, stream.took.p95)):
        assert time in seconds
        assert sum(one <= time for one in seconds) >= share * len(seconds)
        assert sum(one < time for one in seconds) < share * len(seconds)
    assert stream.first is None


def test_an_age_is_never_below_nothing() -> None:
    made = store()
    made.add("p", "m", result(-30))
    assert of(made, "p").age == 0.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s ago"),
        (59.4, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (7200, "2 h ago"),
        (90000, "1 d ago"),
    ],
)
def test_an_age_in_words(seconds: float, words: str) -> None:
    assert ago(seconds) == words
