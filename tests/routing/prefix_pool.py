"""A pool of targets that keep what they have read, as services do, and conversations that grow.

A cache keeps the prefixes of conversations, message by message, up to so many tokens, and forgets
those that were not read for the longest time. What of a question it has is not read again.
"""

from __future__ import annotations

import heapq
import random
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from penstock.events import Event
from penstock.provider import Call, Provider
from penstock.routing.balance import Balance
from penstock.types import ChatRequest, Message, TextPart

Choose: TypeAlias = Callable[["Pool", ChatRequest], int]


class Named(Provider):
    """A target that only has a name; nobody asks it anything."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def stream(self, request: ChatRequest) -> AsyncGenerator[Event]:
        raise NotImplementedError


def call_of(request: ChatRequest) -> Call[Event]:
    def ask(provider: Provider, model: str) -> AsyncGenerator[Event]:
        return provider.stream(request)

    return Call(ask, lambda: request, request.model)


class PrefixCache:
    """What one target has read, ``most`` tokens of it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[int, int] = OrderedDict()
        self._size = 0

    def known(self, request: ChatRequest) -> int:
        """How many tokens of the question are there."""
        found = 0
        for prefix, tokens in _prefixes(request):
            if prefix not in self._kept:
                break
            found += tokens
        return found

    def read(self, request: ChatRequest) -> int:
        """Read the question, and keep it; how many tokens of it were there already."""
        known, prefixes = self.known(request), list(_prefixes(request))
        for prefix, tokens in reversed(prefixes):  # so that the end of a branch goes first
            self._size += tokens if prefix not in self._kept else 0
            self._kept[prefix] = tokens
            self._kept.move_to_end(prefix)
        while self._size > self._most:
            self._size -= self._kept.popitem(last=False)[1]
        return known


def _prefixes(request: ChatRequest) -> Iterator[tuple[int, int]]:
    prefix = 0
    for message in request.messages:
        prefix = hash((prefix, message.role, message.text))
        yield prefix, tokens_of(message)


def tokens_of(message: Message) -> int:
    return len(message.text) // 4


@dataclass
class Conversation:
    """One that grows by an answer and a question each turn."""

    messages: list[Message]
    turns: int
    number: int

    def request(self) -> ChatRequest:
        return ChatRequest(model="m", messages=tuple(self.messages))

    def go_on(self, rng: random.Random) -> None:
        self.messages.append(_message("assistant", rng, f"answer {self.number}", 200, 600))
        self.messages.append(_message("user", rng, f"question {self.number}", 20, 200))


def conversations(rng: random.Random, count: int = 200) -> list[Conversation]:
    """Two in three begin with one of eight system prompts, the others with one of their own."""
    shared = [_message("system", rng, f"system {n}", 400, 3000) for n in range(8)]
    own = [_message("system", rng, f"own {n}", 50, 400) for n in range(count)]
    return [
        Conversation(
            [
                rng.choice(shared) if rng.random() < 2 / 3 else own[n],
                _message("user", rng, f"first {n}", 20, 400),
            ],
            turns=rng.choice((2, 4, 8, 16, 32)),
            number=n,
        )
        for n in range(count)
    ]


def _message(role: str, rng: random.Random, name: str, least: int, most: int) -> Message:
    tokens = rng.randint(least, most)
    text = f"{name} {rng.random()} ".ljust(4 * tokens, ".")
    return Message(role, (TextPart(text),))  # type: ignore[arg-type]


@dataclass
class Pool:
    """Targets with a cache each, asked over a real ``Balance`` that knows what is under way."""

    balance: Balance
    caches: list[PrefixCache]
    read: int = 0
    hit: int = 0
    asked: list[int] = field(default_factory=list)
    fullest: float = 0.0

    @property
    def rate(self) -> float:
        """Tokens of all questions that were cached, as a share of them."""
        return self.hit / self.read

    def under_way(self) -> list[int]:
        return [target.load.under_way for target in self.balance.targets]

    def begin(self, index: int, request: ChatRequest) -> None:
        self.asked.append(index)
        self.read += sum(map(tokens_of, request.messages))
        self.hit += self.caches[index].read(request)
        self.balance.targets[index].load.under_way += 1

    def end(self, index: int) -> None:
        self.balance.targets[index].load.under_way -= 1


def pool(count: int = 4, cache: int = 300_000) -> Pool:
    targets = [Named(f"replica {n}") for n in range(count)]
    return Pool(Balance(*targets), [PrefixCache(cache) for _ in targets])


def play(pool: Pool, choose: Choose, seed: int = 1, at_once: int = 12) -> Pool:
    """Have 200 conversations, ``at_once`` questions under way, whose turn it is by chance."""
    rng = random.Random(seed)
    waiting, running = conversations(rng), list[tuple[float, int, int, Conversation]]()
    now = 0.0
    while waiting or running:
        while waiting and len(running) < at_once:
            one = waiting.pop(rng.randrange(len(waiting)))
            index = choose(pool, one.request())
            pool.begin(index, one.request())
            heapq.heappush(running, (now + rng.expovariate(1.0), one.number, index, one))
        now, _, index, one = heapq.heappop(running)
        pool.end(index)
        one.turns -= 1
        if one.turns:
            one.go_on(rng)
            waiting.append(one)
    return pool


def by_balance(pool: Pool, request: ChatRequest) -> int:
    """As the balance has it."""
    first = pool.balance.order(call_of(request))[0]
    return [target is first for target in pool.balance.targets].index(True)


def by_turns(pool: Pool, request: ChatRequest) -> int:
    """One after the other."""
    return len(pool.asked) % len(pool.caches)


def by_knowledge(pool: Pool, request: ChatRequest) -> int:
    """Whoever knows most of the question, within the same bound: nobody can know that outside."""
    busy = pool.under_way()
    limit = 1.25 * (sum(busy) + 1) / len(busy) + 1
    free = [index for index, n in enumerate(busy) if n <= limit]
    return max(free, key=lambda index: (pool.caches[index].known(request), -busy[index]))


def spread(numbers: Sequence[int], count: int) -> list[int]:
    """How often each of ``count`` was chosen."""
    return [numbers.count(index) for index in range(count)]
