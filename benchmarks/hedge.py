"""What ``Hedge`` does to a service whose first word takes ten times as long in 5 % of the calls.

    python benchmarks/hedge.py

Real sockets; the service is a process of its own, which counts its calls, and when a caller whom it
has not answered yet goes. Each way asks as often, a few at once. Milliseconds of the clock to the
first word, with and without; then how many calls more there were at the service, and how long
after the first word of the other it saw that the loser had gone.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from penstock.provider import Provider, question
from penstock.providers.openai_compatible import OpenAICompatible
from penstock.routing.hedge import Hedge
from penstock.types import ChatRequest
from raw import Connection, Script, Step, Upstream, spoken

USUAL, SLOW, SHARE = 0.05, 0.5, 0.05
SAID = re.compile(rb"call number (\d+)")


class Pause(Step):
    """Says nothing for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def play(self, connection: Connection) -> None:
        await asyncio.sleep(self._seconds)


class Told(NamedTuple):
    """What the service says: how often it was asked, and when those left whom it had not answered,
    by the number of the call."""

    calls: int
    left: dict[int, float]


def service(pipe: Pipe, seed: int) -> None:
    """Answer until the pipe says something, and tell then."""
    rng, calls = random.Random(seed), list[int]()
    whole = b"".join(step for step in spoken("Hello") if isinstance(step, bytes))
    left: dict[int, float] = {}

    class Answer(Step):
        def __init__(self, number: int) -> None:
            self._number = number

        async def play(self, connection: Connection) -> None:
            pause = USUAL * rng.lognormvariate(0, 0.15)
            try:
                await asyncio.sleep(pause * (SLOW / USUAL if rng.random() < SHARE else 1))
            except asyncio.CancelledError:
                left[self._number] = time.monotonic()
                raise

    def script(request: bytes) -> Script:
        found = SAID.search(request)
        number = int(found[1]) if found else -1
        calls.append(number)
        return [Answer(number), whole]

    with Upstream(script) as upstream:
        pipe.send(upstream.url)
        pipe.recv()
        pipe.send(Told(len(calls), left))


@contextmanager
def started(seed: int) -> Iterator[tuple[str, Pipe]]:
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=service, args=(there, seed))
    process.start()
    try:
        yield here.recv(), here
    finally:
        process.join()


async def ask(provider: Provider, number: int, firsts: dict[int, tuple[float, float]]) -> None:
    """One call; when its first word was there, and after how many seconds."""
    request: ChatRequest = question("m", f"call number {number}", {})
    began = time.monotonic()
    async with aclosing(provider.stream(request)) as events:
        async for _ in events:
            now = time.monotonic()
            firsts.setdefault(number, (now, now - began))


async def ask_all(provider: Provider, calls: int, at_once: int) -> dict[int, tuple[float, float]]:
    firsts: dict[int, tuple[float, float]] = {}
    numbers = iter(range(calls))

    async def some() -> None:
        for number in numbers:
            await ask(provider, number, firsts)

    await asyncio.gather(*(some() for _ in range(at_once)))
    return firsts


def measure(
    hedged: bool, calls: int, at_once: int, seed: int
) -> tuple[list[float], Told, list[float]]:
    """Seconds to the first word of each call, what the service tells, and how long after the first
    word it saw each loser go."""
    with started(seed) as (url, pipe):
        one = OpenAICompatible(base_url=url, api_key="k")
        firsts = asyncio.run(ask_all(Hedge(one) if hedged else one, calls, at_once))
        time.sleep(0.5)
        pipe.send("enough")
        told: Told = pipe.recv()
    gone = [when - firsts[number][0] for number, when in told.left.items()]
    return [took for _, took in firsts.values()], told, gone


def row(name: str, took: list[float], told: Told) -> str:
    cuts = statistics.quantiles(took, n=1000, method="inclusive")
    shown = "   ".join(f"{1000 * cuts[n - 1]:>6.1f}" for n in (500, 950, 990, 999))
    return f"{name:<10} {shown}   {told.calls:>6,}   {told.calls / len(took) - 1:>6.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    plain, told, _ = measure(False, args.calls, args.at_once, args.seed)
    hedged, told_hedged, gone = measure(True, args.calls, args.at_once, args.seed)
    print("              p50      p95      p99    p99.9    calls     more")
    print(row("alone", plain, told))
    print(row("hedged", hedged, told_hedged))
    p99 = [statistics.quantiles(took, n=100, method="inclusive")[98] for took in (plain, hedged)]
    print(f"p99 is {p99[1] / p99[0]:.2f} of what it was")
    print(
        f"{len(gone)} losers gone {1000 * statistics.median(gone):.1f} ms after the other's first "
        f"word, {1000 * max(gone):.1f} ms at most"
    )


if __name__ == "__main__":
    main()
