"""How much of 200 growing conversations is found in the prompt caches of four targets: by
``Balance``, by turns, and by one who sees into the caches.

    python benchmarks/affinity.py

The targets are simulated (tests/routing/prefix_pool.py), the choice is the real one. Cached tokens
as a share of all, the median of several seeds; then the time of one choice.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

CACHES = (1_000_000, 300_000, 150_000, 75_000)


def rates(cache: int, seeds: range, at_once: int) -> list[tuple[float, float, float]]:
    """For each seed: by one who knows, by ``Balance``, by turns."""
    from routing.prefix_pool import by_balance, by_knowledge, by_turns, play, pool

    ways = (by_knowledge, by_balance, by_turns)
    found = [[play(pool(cache=cache), way, seed, at_once).rate for way in ways] for seed in seeds]
    return [(best, balance, turns) for best, balance, turns in found]


def micros_per_choice(messages: int, by: str = "weight") -> float:
    """The time of one ``order`` over eight targets."""
    from penstock.routing.balance import Balance
    from penstock.types import ChatRequest, Message, TextPart, Tool
    from routing.prefix_pool import Named, call_of

    said = [Message("system", (TextPart("You are helpful. " * 500),))]
    said += [Message("user", (TextPart(f"Question {n} " * 30),)) for n in range(messages)]
    tools = tuple(Tool(f"tool_{n}", "A tool." * 20, {"type": "object"}) for n in range(20))
    request = ChatRequest(model="openai/gpt-5-mini", messages=tuple(said), tools=tools)
    balance = Balance(*(Named(f"target {n}") for n in range(8)), by=by)  # type: ignore[arg-type]
    call = call_of(request)
    laps = []
    for _ in range(2000):
        began = time.perf_counter()
        balance.order(call)
        laps.append(time.perf_counter() - began)
    return statistics.median(laps) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--at-once", type=int, nargs="*", default=[1, 12, 48])
    args = parser.parse_args()
    print("cache each   at once   one who knows   Balance   of that   least of that   by turns")
    for cache in CACHES:
        for at_once in args.at_once:
            found = rates(cache, range(1, args.seeds + 1), at_once)
            best, balance, turns = (
                statistics.median(column) for column in zip(*found, strict=True)
            )
            parts = [ours / knows for knows, ours, _ in found]
            print(
                f"{cache:>10,}   {at_once:>7}   {best:>13.1%}   {balance:>7.1%}   "
                f"{statistics.median(parts):>7.1%}   {min(parts):>13.1%}   {turns:>8.1%}"
            )
    for by in ("weight", "busy", "latency", "cost"):
        micros = [f"{micros_per_choice(messages, by):.0f}" for messages in (1, 50, 500)]
        print(f"one choice by {by}: {', '.join(micros)} us for 1, 50, 500 messages, 20 tools")


if __name__ == "__main__":
    main()
