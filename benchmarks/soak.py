"""What is left behind by many calls, a fifth of them cut by the service and some left half way.

Asks a service in another process over loopback, many at a time, streamed and whole by turns. After
a first tenth, and again at the end, it counts resident memory, open sockets and tasks; they may not
grow. Run: python benchmarks/soak.py [CALLS=100000]
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections import Counter
from contextlib import aclosing
from pathlib import Path

from msgspec import Struct

from penstock import Fallback, OpenAICompatible, PenstockError, Target, observe
from penstock.faults import FIN, Answer, Script, serve
from penstock.outcomes import Outcome
from penstock.provider import Provider, question
from penstock.transport import sessions

AT_ONCE = 50
GROWTH = 0.05
"""How much more memory there may be in the end."""
WORDS = ("one ", "two ", "three ")


class Held(Struct):
    """What the process holds; ``sockets`` without those that wait in the pool for another call, of
    which there are now more and now fewer."""

    memory: int
    sockets: int
    tasks: int


async def _held() -> Held:
    await asyncio.sleep(0.1)  # connections that were cut are closed by the loop
    gc.collect()
    statm = Path("/proc/self/statm").read_text("ascii")
    memory = int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")
    sockets = 0
    for fd in Path("/proc/self/fd").iterdir():
        try:
            sockets += str(fd.readlink()).startswith("socket:")
        except FileNotFoundError:  # the folder's own
            continue
    return Held(memory, sockets - _idle(), len(asyncio.all_tasks()))


def _idle() -> int:
    connectors = (session.connector for session, _ in sessions.alive.values())
    pools = (connector._conns.values() for connector in connectors if connector is not None)
    return sum(len(waiting) for pool in pools for waiting in pool)


def _play(answer: Answer) -> Script:
    """Three words; where the question asks for a cut, two of them."""
    said = answer.saying(WORDS)
    if answer.request.model == "cut":
        return [said.head(), *said.carried(said.upto(2)), FIN]
    return [said.head(), *said.carried(said.upto(3)), *said.carried(said.ending), said.last]


async def _serve() -> None:
    async with serve(_play, pace=0) as server:
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def _call(provider: Provider, number: int) -> str:
    cut, leave, stream = number % 5 == 0, number % 20 == 1, number % 2 == 0
    asked = question("cut" if cut else "ok", "Count.", {"stream": stream})
    try:
        async with aclosing(provider.stream(asked)) as events:
            async for event in events:
                if leave and str(event):
                    return "left"
    except PenstockError as error:
        return type(error).__name__
    return "complete"


async def _calls(providers: list[Provider], numbers: range) -> Counter[str]:
    ends: Counter[str] = Counter()
    waiting = iter(numbers)

    async def work() -> None:
        for number in waiting:
            ends[await _call(providers[number % len(providers)], number)] += 1

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return ends


async def _soak(url: str, calls: int) -> bool:
    told: Counter[str] = Counter()
    observe(lambda outcome: _count(told, outcome))
    plain = OpenAICompatible(base_url=f"{url}/v1", api_key="none")
    providers: list[Provider] = [plain, Fallback(Target(plain))]
    await _calls(providers, range(calls // 10))
    before, began = await _held(), time.monotonic()
    ends = await _calls(providers, range(calls))
    took, after = time.monotonic() - began, await _held()
    grown = after.memory / before.memory - 1
    print(f"{calls} calls in {took:.0f} s: {dict(ends)}")
    print(f"outcomes, with the first tenth: {dict(told)}")
    print(f"memory  {before.memory / 2**20:.1f} -> {after.memory / 2**20:.1f} MiB ({grown:+.1%})")
    print(f"sockets {before.sockets} -> {after.sockets}, tasks {before.tasks} -> {after.tasks}")
    once = sum(told.values()) == calls + calls // 10
    kept = after.sockets <= before.sockets and after.tasks <= before.tasks
    return once and kept and grown <= GROWTH


def _count(told: Counter[str], outcome: Outcome) -> None:
    told[outcome.state] += 1


async def main(calls: int) -> int:
    """Serve, ask, count; 0 if nothing was left behind."""
    service = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "serve"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert service.stdout is not None
    try:
        url = (await service.stdout.readline()).decode().strip()
        right = await _soak(url, calls)
    finally:
        service.terminate()
        await service.wait()
    print("nothing is left behind" if right else "SOMETHING IS LEFT BEHIND")
    return 0 if right else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(_serve())
    else:
        sys.exit(asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 100_000)))
