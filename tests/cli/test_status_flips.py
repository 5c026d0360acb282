"""A service that breaks under a running gateway: `penstock status`, in a process of its own, says
so within a period of the probes, nobody is sent there any more, and all that until it is mended."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from penstock.faults import Server, serve
from shell import Started, run

EVERY = 1.0
"""Seconds from one probe to the next."""
SLACK = 2.0
"""Seconds by which a probe may come later on a machine that has much to do."""
WORDS = "Say sixty words."


@dataclass
class Lab:
    """A gateway over two services, as its user sees it."""

    url: str
    first: Server
    second: Server
    status: Path
    config: Path

    async def ask(self) -> int:
        body = {"model": "smart", "messages": [{"role": "user", "content": WORDS}]}
        async with aiohttp.ClientSession() as http:
            async with http.post(self.url + "/v1/chat/completions", json=body) as answer:
                await answer.read()
                return answer.status

    async def state(self, name: str) -> str:
        """What the command says."""
        penstock = partial(run, PENSTOCK_CONFIG=str(self.config), PENSTOCK_STATUS=str(self.status))
        done = await asyncio.to_thread(penstock, "status", "--json", f"{name}/m")
        (said,) = json.loads(done.stdout)
        return str(said["state"])

    async def until(self, name: str, state: str) -> None:
        async with asyncio.timeout(20):
            while await self.state(name) != state:
                pass

    def found(self, name: str, verdict: str, since: float) -> float:
        """Seconds from ``since`` to the first probe that came to that."""
        models = json.loads(self.status.read_bytes())["models"]
        (kept,) = [each["results"] for each in models if each["provider"] == name]
        came: list[float] = [one["at"] - since for one in kept if one["verdict"] == verdict]
        return min(seconds for seconds in came if seconds > 0)


def questions(server: Server) -> int:
    """How many came that were no probes."""
    return sum(WORDS.encode() in request.body for request in server.requests)


def config(way: str, first: Server, second: Server) -> str:
    def provider(name: str, server: Server) -> str:
        return (
            f"[providers.{name}]\ntype = 'openai-compatible'\nbase_url = '{server.url}/v1'\n"
            "models = ['m']\n"
        )

    return (
        provider("one", first)
        + provider("other", second)
        + f"[routes.smart]\n{way} = ['one/m', 'other/m']\nretries = 0\n"
        + ("affinity = false\n" if way == "balance" else "")
        + f"[status]\nprobe = {EVERY}\n"
    )


@asynccontextmanager
async def lab(folder: Path, way: str) -> AsyncIterator[Lab]:
    file, status = folder / "penstock.toml", folder / "status.json"
    async with serve("ok", pace=0) as first, serve("ok", pace=0) as second:
        file.write_text(config(way, first, second))
        command = ("serve", "--port", "0", "--config", str(file))
        with Started(*command, PENSTOCK_STATUS=str(status)) as started:
            await asyncio.to_thread(started.expect, b"listens on ")
            url = (await asyncio.to_thread(started.expect, b"\n")).decode()
            yield Lab(url, first, second, status, file)
            started.signal(signal.SIGTERM)
            code, _, _ = await asyncio.to_thread(started.end)
            assert code == 0


async def served(lab: Lab, times: int = 8) -> tuple[int, int]:
    """How many of so many questions went to each; all have to be answered."""
    before = questions(lab.first), questions(lab.second)
    for _ in range(times):
        assert await lab.ask() == 200
    return questions(lab.first) - before[0], questions(lab.second) - before[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "fault"), [("fallback", "500"), ("fallback", "cut-0"), ("balance", "500")]
)
async def test_who_breaks_is_told_and_left_alone_until_it_is_mended(
    tmp_path: Path, way: str, fault: str
) -> None:
    async with lab(tmp_path, way) as all_of_it:
        await all_of_it.until("one", "working")
        await all_of_it.until("other", "working")
        first, second = await served(all_of_it, 32)
        assert first > 0
        assert (second == 0) == (way == "fallback")

        broke = time.time()
        all_of_it.first.follow(fault)
        await all_of_it.until("one", "failing")
        assert all_of_it.found("one", "failed", broke) < EVERY + SLACK
        assert await served(all_of_it) == (0, 8)
        assert await all_of_it.state("other") == "working"

        mended = time.time()
        all_of_it.first.follow("ok")
        await all_of_it.until("one", "working")
        assert all_of_it.found("one", "worked", mended) < EVERY + SLACK
        first, second = await served(all_of_it, 32)
        assert first > 0
        assert (second == 0) == (way == "fallback")
