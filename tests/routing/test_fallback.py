"""Fallback: who is asked next, when, and what is told when nobody answered."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import errors
from penstock.errors import (
    ConfigError,
    ContentFiltered,
    InvalidRequest,
    PenstockError,
    StreamTruncated,
    Unauthorized,
    Unavailable,
)
from penstock.events import Event, Finish, Start, TextDelta
from penstock.routing.fallback import Fallback
from penstock.routing.target import Target
from penstock.types import Usage
from routing.played import HI, Played, Script, read, said

HELLO = said("Hel", "lo")


class Failing(Played):
    """It is known not to work."""

    def is_failing(self, model: str) -> bool:
        return True


def tree(root: type[PenstockError]) -> list[type[PenstockError]]:
    return [root, *(leaf for child in root.__subclasses__() for leaf in tree(child))]


@pytest.mark.parametrize("kind", tree(PenstockError))
async def test_another_is_asked_exactly_where_another_may_help(kind: type[PenstockError]) -> None:
    first, second = Played([Start(), kind]), Played(HELLO)
    if kind.elsewhere:
        assert await read(Fallback(first, second)) == "Hello"
    else:
        with pytest.raises(kind):
            await read(Fallback(first, second))
    assert second.asked == kind.elsewhere


scripts = st.sampled_from(["whole", "down", "empty", "cut", "wrong"])
SCRIPTS: dict[str, Script] = {
    "whole": HELLO,
    "down": [Unavailable("down")],
    "empty": [Start("0", "other")],
    "cut": [*HELLO[:2], StreamTruncated("cut")],
    "wrong": [InvalidRequest("no such field")],
}


@given(st.lists(scripts, min_size=1, max_size=5))
def test_the_first_that_speaks_is_the_answer_and_there_is_one_start(kinds: list[str]) -> None:
    targets = [Played(SCRIPTS[kind]) for kind in kinds]
    seen: list[Event] = []

    async def main() -> PenstockError | None:
        try:
            async for event in Fallback(*targets).stream(HI):
                seen.append(event)  # noqa: PERF401 - what came before the error counts
        except PenstockError as error:
            return error
        return None

    error = asyncio.run(main())
    silent = list(itertools.takewhile(lambda kind: kind in ("down", "empty"), kinds))
    decisive = kinds[len(silent)] if len(silent) < len(kinds) else ""
    asked = [target.asked for target in targets]
    assert asked == [1] * min(len(silent) + 1, len(kinds)) + [0] * (len(kinds) - len(silent) - 1)
    assert [event for event in seen if isinstance(event, Start)] == HELLO[:1] * bool(seen)
    assert (error is None) is (decisive == "whole")
    assert any(isinstance(event, Finish) for event in seen) is (decisive == "whole")
    if decisive == "cut":
        assert isinstance(error, StreamTruncated)
        assert seen == HELLO[:2]


async def test_what_is_known_not_to_work_comes_last_but_comes() -> None:
    broken, well = Failing(said("broken")), Played(said("well"))
    assert await read(Fallback(broken, well)) == "well"
    assert broken.asked == 0
    assert await read(Fallback(broken, Played([Unavailable]))) == "broken"


async def test_who_was_asked_in_vain_is_told_with_what_it_spent() -> None:
    wrong = Unavailable("down", provider="a")
    wrong.model, wrong.usage = "m-1", Usage(input=7)
    *_, finish = [event async for event in Fallback(Played([wrong]), Played(HELLO)).stream(HI)]
    assert isinstance(finish, Finish)
    (attempt,) = finish.attempts
    assert (attempt.target, attempt.error, attempt.spoke) == ("a/m-1", "Unavailable", False)
    assert attempt.usage == Usage(input=7)


async def test_nobody_answered_and_the_error_tells_of_all() -> None:
    first = Unauthorized("set A_KEY", provider="a")
    second = Unavailable("b is overloaded", provider="b")
    third = ConfigError("set C_URL", provider="c")
    with pytest.raises(Unavailable) as caught:
        await read(Fallback(Played([first]), Played([second]), Played([third])))
    assert caught.value.others == (first, third)
    assert str(caught.value) == "b is overloaded (asked before: a: set A_KEY; c: set C_URL)"
    assert caught.value.__context__ is None


async def test_where_none_is_configured_the_last_says_what_to_set() -> None:
    first, second = ConfigError("set A_KEY"), ConfigError("set B_KEY")
    with pytest.raises(ConfigError, match=r"^set B_KEY"):
        await read(Fallback(Played([first]), Played([second])))


async def test_a_question_that_is_wrong_is_wrong_everywhere() -> None:
    for kind in (InvalidRequest, ContentFiltered):
        second = Played(HELLO)
        with pytest.raises(kind) as caught:
            await read(Fallback(Played([kind]), second))
        assert caught.value.others == ()
        assert second.asked == 0


async def test_a_whole_answer_that_was_cut_is_asked_for_elsewhere() -> None:
    cut: list[Any] = [Start(), TextDelta("Hel"), StreamTruncated("cut", provider="a")]
    reply = await Fallback(Played(cut), Played(HELLO)).answer(HI)
    assert reply.text == "Hello"
    assert [one.target for one in reply.attempts] == ["a"]


async def test_a_target_is_asked_for_its_own_model() -> None:
    asked: list[str] = []

    class Noting(Played):
        async def stream(self, request: Any) -> Any:
            asked.append(request.model)
            async for event in super().stream(request):
                yield event

    noting = Noting(HELLO)
    noting.default_model = "usual"
    for target in (Target(noting, "own"), Target(noting)):
        await read(Fallback(target))
    assert asked == ["own", "usual"]


async def test_what_is_no_error_of_ours_goes_through_and_leaves_nothing_open() -> None:
    first, second = Played([ZeroDivisionError()]), Played(HELLO)
    with pytest.raises(ZeroDivisionError):
        await read(Fallback(first, second))
    assert second.asked == 0


async def test_fallbacks_nest() -> None:
    down = [Played([errors.ConnectionFailed], name=name) for name in "abc"]
    route = Fallback(Fallback(down[0], down[1]), Fallback(down[2], Played(HELLO)))
    *_, finish = [event async for event in route.stream(HI)]
    assert isinstance(finish, Finish)
    assert [attempt.target for attempt in finish.attempts] == ["a", "b", "c"]


def test_a_route_needs_somebody_to_ask() -> None:
    with pytest.raises(ConfigError, match="needs a provider"):
        Fallback()


async def test_who_raises_the_same_error_again_and_again_is_told_of_each_time() -> None:
    first = Unavailable("a is overloaded", provider="a")
    second = Unavailable("b is overloaded", provider="b")
    for continues in (False, True):
        route = Fallback(Played([first]), Played([second]), continues=continues)
        for _ in range(3):
            with pytest.raises(Unavailable) as caught:
                await read(Fallback(route))
            assert caught.value.others == (first,)
            assert str(caught.value) == "b is overloaded (asked before: a: a is overloaded)"
            reply = await Fallback(route, Played(HELLO)).answer(HI)
            assert [attempt.target for attempt in reply.attempts] == ["a", "b"]
    assert (first.others, second.others, str(second)) == ((), (), "b is overloaded")


async def test_an_error_that_tells_of_the_others_is_else_as_it_was() -> None:
    odd = Unavailable("no", provider="b", status=503)
    odd.args = (503, "of somebody's own")
    odd.__cause__ = cause = KeyError("x")
    with pytest.raises(Unavailable, match=r"^no \(asked before: played: .*\)$") as caught:
        await read(Fallback(Played([Unavailable]), Played([odd])))
    assert (caught.value.status, caught.value.provider) == (503, "b")
    assert caught.value.__cause__ is cause
