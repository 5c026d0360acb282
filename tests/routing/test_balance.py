"""The order is always all of the targets; who comes first is a matter of ``by``, of the
conversation, and of what is under way."""

from __future__ import annotations

import asyncio
import itertools
import random
from contextlib import aclosing
from functools import partial
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import CallerError, ConfigError, InvalidRequest, StreamTruncated, Unavailable
from penstock.events import Start, TextDelta
from penstock.provider import Provider
from penstock.routing.balance import Balance, By
from penstock.routing.choice import Candidate, least_busy, ranked
from penstock.routing.expected_cost import asked_first
from penstock.routing.fallback import Fallback
from penstock.routing.target import Target
from penstock.types import ChatRequest, Message, TextPart
from routing.played import Clock, Played, read, said
from routing.prefix_pool import Named, call_of

WAYS: tuple[By, ...] = get_args(By)
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        turn=st.floats(0, 10),
        weight=st.floats(0.1, 10),
        under_way=st.integers(0, 20),
        failing=st.booleans(),
        standing=st.one_of(st.floats(0, 10), st.just(float("inf"))),
    ),
    min_size=1,
    max_size=6,
)


def asking(text: str = "Hi", model: str = "") -> ChatRequest:
    return ChatRequest(model=model, messages=(Message("user", (TextPart(text),)),))


def named(count: int = 4) -> list[Named]:
    return [Named(f"replica {n}") for n in range(count)]


def names(balance: Balance, request: ChatRequest) -> list[str]:
    return [target.name for target in balance.order(call_of(request))]


@given(CANDIDATES, st.sampled_from([None, 1.01, 1.5]), st.booleans())
def test_a_ranking_has_everybody_once_and_those_that_fail_last(
    candidates: list[Candidate], within: float | None, settled: bool
) -> None:
    for order in (
        ranked(candidates, within=within, bound=1.25, settled=settled),
        least_busy(candidates, bound=1.25, settled=settled),
    ):
        assert sorted(order) == list(range(len(candidates)))
        failing = [candidates[index].failing for index in order]
        assert failing == sorted(failing)


@given(CANDIDATES, st.sampled_from([1.01, 1.5]), st.booleans())
def test_nobody_is_asked_that_is_worse_than_need_be(
    candidates: list[Candidate], within: float, settled: bool
) -> None:
    first = candidates[ranked(candidates, within=within, bound=1.25, settled=settled)[0]]
    able = [c for c in candidates if not c.failing] or candidates
    assert first.standing <= within * min(c.standing for c in able)


@given(CANDIDATES)
def test_whose_turn_it_is_comes_first_unless_it_is_full(candidates: list[Candidate]) -> None:
    able = [c for c in candidates if not c.failing] or candidates
    first = candidates[ranked(candidates, within=None, bound=1.25, settled=True)[0]]
    home = min(able, key=lambda c: c.turn)
    fair = (sum(c.under_way for c in able) + 1) * home.weight / sum(c.weight for c in able)
    if home.under_way <= 1.2 * fair + 1:
        assert first.turn == home.turn
    elif home.under_way > 1.3 * fair + 1:
        assert first is not home


@settings(deadline=None)
@given(st.sampled_from(WAYS), st.booleans(), st.integers(1, 6), st.text(), st.integers(0, 99))
def test_an_order_is_all_of_the_targets(
    by: By, affinity: bool, count: int, text: str, seed: int
) -> None:
    balance = Balance(*named(count), by=by, affinity=affinity, rng=random.Random(seed))
    order = balance.order(call_of(asking(text)))
    assert sorted(map(id, order)) == sorted(map(id, balance.targets))


@pytest.mark.parametrize("by", WAYS)
def test_a_conversation_stays_where_it_began(by: By) -> None:
    balance = Balance(*named(), by=by)
    for n in range(20):
        opening = asking(f"question {n}").messages
        grown = (*opening, Message("assistant", (TextPart("Yes."),)), *asking("More").messages)
        before = names(balance, ChatRequest(messages=opening))
        assert names(balance, ChatRequest(messages=grown)) == before


def test_what_is_no_conversation_is_spread_over_all() -> None:
    balance = Balance(*named(), rng=random.Random(1))
    assert len({names(balance, ChatRequest(model="m"))[0] for _ in range(60)}) == 4


def test_conversations_are_spread_over_all() -> None:
    balance = Balance(*named())
    firsts = [names(balance, asking(f"question {n}"))[0] for n in range(400)]
    assert all(firsts.count(target.name) > 60 for target in balance.targets)


def test_replicas_that_know_the_same_targets_in_another_order_choose_alike() -> None:
    targets = named()
    one, other = Balance(*targets), Balance(*reversed(targets))
    for n in range(50):
        assert names(one, asking(str(n))) == names(other, asking(str(n)))


def test_targets_of_one_name_are_told_apart() -> None:
    balance = Balance(Named("same"), Named("same"), Named("same 2"))
    firsts = {id(balance.order(call_of(asking(str(n))))[0]) for n in range(50)}
    assert len(firsts) == 3


@pytest.mark.parametrize("affinity", [True, False])
def test_weights_are_kept(affinity: bool) -> None:
    balance = Balance(*named(2), weights=[3, 1], affinity=affinity, rng=random.Random(1))
    firsts = [names(balance, asking(str(n)))[0] for n in range(800)]
    assert 0.70 < firsts.count("replica 0") / 800 < 0.80


def test_who_is_full_is_passed_over_for_the_next_in_the_conversations_order() -> None:
    balance = Balance(*named())
    before = names(balance, asking())
    home = balance.order(call_of(asking()))[0]
    full = next(target for target in balance.targets if target is home)
    full.load.under_way = 1
    assert names(balance, asking()) == before, "one beside it is no reason to move"
    full.load.under_way = 2
    assert names(balance, asking()) == [*before[1:], before[0]]


def test_busy_asks_the_least_busy_where_home_is_full() -> None:
    balance = Balance(*named(), by="busy")
    home = names(balance, asking())[0]
    others = [target for target in balance.targets if target.name != home]
    for target in balance.targets:
        target.load.under_way = 9 if target.name == home else 3
    others[1].load.under_way = 1
    assert names(balance, asking())[0] == others[1].name
    assert names(balance, asking())[-1] == home


def test_without_affinity_the_least_busy_for_its_weight_is_asked() -> None:
    balance = Balance(*named(3), by="busy", weights=[4, 1, 1], affinity=False)
    for target, under_way in zip(balance.targets, (4, 2, 3), strict=True):
        target.load.under_way = under_way
    assert names(balance, asking()) == ["replica 0", "replica 1", "replica 2"]


def spoke(balance: Balance, times: list[float], now: float = 1000.0, count: int = 5) -> None:
    for target, seconds in zip(balance.targets, times, strict=True):
        for _ in range(count):
            target.load.times["", True].add(seconds, now)


def test_conversations_are_shared_by_those_who_are_nearly_the_quickest() -> None:
    clock = Clock()
    balance = Balance(*named(), by="latency", clock=clock)
    spoke(balance, [1.0, 1.4, 1.6, 9.0])
    orders = [names(balance, asking(str(n))) for n in range(60)]
    assert {order[0] for order in orders} == {"replica 0", "replica 1"}
    assert {tuple(order[2:]) for order in orders} == {("replica 2", "replica 3")}
    clock.now += 301
    assert len({names(balance, asking(str(n)))[0] for n in range(60)}) == 4


def test_the_quickest_is_asked_and_another_now_and_then() -> None:
    balance = Balance(*named(), by="latency", affinity=False, rng=random.Random(1), clock=Clock())
    spoke(balance, [1.2, 1.0, 1.1, 3.0])
    firsts = [names(balance, asking())[0] for _ in range(1000)]
    assert 940 < firsts.count("replica 1") < 990
    assert len(set(firsts)) == 4


def test_a_few_times_tell_nothing() -> None:
    balance = Balance(*named(2), by="latency", clock=Clock())
    spoke(balance, [9.0, 1.0], count=4)
    assert len({names(balance, asking(str(n)))[0] for n in range(30)}) == 2


def priced(*models: str, by: By = "cost", **options: Any) -> Balance:
    return Balance(*(Target(Named("openai"), model) for model in models), by=by, **options)


def test_the_cheapest_is_asked_and_what_has_no_price_last() -> None:
    balance = priced("gpt-5", "gpt-5-mini", "no-such-model", "gpt-5-nano", affinity=False)
    cheap, dear = ["openai/gpt-5-nano", "openai/gpt-5-mini"], ["openai/gpt-5"]
    assert names(balance, asking()) == [*cheap, *dear, "openai/no-such-model"]
    assert names(balance, asking("long " * 50_000))[0] == "openai/gpt-5-nano"


def test_conversations_are_shared_by_those_who_cost_the_same() -> None:
    balance = priced("gpt-5-nano", "gpt-5", "gpt-5-nano")
    orders = [names(balance, asking(str(n))) for n in range(40)]
    assert {order[-1] for order in orders} == {"openai/gpt-5"}
    firsts = {id(balance.order(call_of(asking(str(n))))[0]) for n in range(40)}
    assert len(firsts) == 2


def test_being_full_makes_no_question_dearer() -> None:
    balance = priced("gpt-5-nano", "gpt-5")
    balance.targets[0].load.under_way = 50
    assert names(balance, asking())[0] == "openai/gpt-5-nano"


def test_where_nobody_knows_a_price_all_are_alike() -> None:
    balance = priced("none-1", "none-2")
    assert len({names(balance, asking(str(n)))[0] for n in range(30)}) == 2


def test_a_route_costs_what_it_asks_first() -> None:
    nano = Target(Named("openai"), "gpt-5-nano")
    assert asked_first(Fallback(nano, Named("other")), "any") == "openai/gpt-5-nano"
    assert asked_first(Target(Named("openai")), "any") == "openai/any"


class Failing(Played):
    def is_failing(self, model: str) -> bool:
        return True


@pytest.mark.parametrize("by", WAYS)
def test_who_is_known_not_to_work_comes_last(by: By) -> None:
    balance = Balance(Failing(said("no"), name="bad"), Played(said("yes"), name="good"), by=by)
    assert {names(balance, asking(str(n)))[0] for n in range(20)} == {"good"}


async def test_the_next_is_asked_where_the_first_fails() -> None:
    good, bad = Played(said("Hello"), name="good"), Played([Unavailable], name="bad")
    balance = Balance(good, bad)
    for n in range(10):
        assert await read(balance, asking(str(n))) == "Hello"
    assert good.asked == 10
    assert 0 < bad.asked < 10


async def test_a_cut_answer_goes_on_elsewhere_where_that_is_wanted() -> None:
    begun = Start("1", "m"), TextDelta("begun ")
    cut = (Played([*begun, StreamTruncated], name=name) for name in "ab")
    targets = [*cut, Played(said("end"), name="c")]
    balance = Balance(*targets, continues=True)
    for n in range(8):
        assert (await read(balance, asking(str(n)))).endswith("end")
    assert [target.load.under_way for target in balance.targets] == [0, 0, 0]


async def test_what_is_under_way_is_counted_however_it_ends() -> None:
    waits = asyncio.Event()
    balance = Balance(Played([*said("a")[:2], waits.wait, *said("a")[2:]], name="one"))
    load = balance.targets[0].load
    async with aclosing(balance.stream(asking())) as left:
        await anext(left)
        assert load.under_way == 1
    assert load.under_way == 0
    task = asyncio.create_task(read(balance, asking()))
    while not load.under_way:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert load.under_way == 0
    failing = Balance(Played([InvalidRequest]))
    with pytest.raises(CallerError):
        await read(failing, asking())
    assert failing.targets[0].load.under_way == 0


async def test_times_to_the_first_word_are_measured_for_each_model() -> None:
    clock = Clock()
    slow, quick = (
        Played([partial(clock.sleep, s), *said("Hello")], name=name)
        for name, s in (("slow", 3.0), ("quick", 1.0))
    )
    balance = Balance(slow, quick, by="latency", affinity=False, clock=clock, rng=random.Random(3))
    for _ in range(40):
        await read(balance, asking(model="m"))
    assert names(balance, asking(model="m"))[0] == "quick"
    usual = [target.usual(call_of(asking(model="m"))) for target in balance.targets]
    assert usual == [3.0, 1.0]
    assert balance.targets[0].usual(call_of(asking(model="other"))) is None


def test_copies_share_what_was_measured() -> None:
    balance = Balance(*named(2))
    copy = balance.configured(proxy="http://127.0.0.1:1")
    assert copy.targets[0].targets[0].settings.proxy == "http://127.0.0.1:1"
    copy.targets[0].load.under_way = 3
    assert balance.targets[0].load.under_way == 3


@pytest.mark.parametrize(
    "wrong",
    [{"by": "luck"}, {"weights": [1]}, {"weights": [1, 0]}, {"weights": [1, float("nan")]}],
)
def test_what_is_no_balance_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"by is|weights"):
        Balance(*named(2), **wrong)


def test_a_balance_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="Balance needs a provider"):
        Balance()


def test_a_choice_takes_no_time_to_speak_of() -> None:
    """Less than 100 microseconds on an idle machine; here the quickest of many, with much room."""
    import time

    long = "word " * 20_000
    request = ChatRequest(messages=(Message("system", (TextPart(long),)), *asking(long).messages))
    balance, call = Balance(*named()), call_of(request)
    laps = []
    for _ in itertools.repeat(None, 300):
        began = time.perf_counter()
        balance.order(call)
        laps.append(time.perf_counter() - began)
    assert min(laps) < 500e-6


def test_providers_are_what_comes_out() -> None:
    assert all(isinstance(target, Provider) for target in Balance(*named()).targets)
