"""The library beside a bare loop over aiohttp's blocks with orjson, by the measuring harness.

    python benchmarks/library.py --bench ../shared/bench --rounds 3

Each runs in a process of its own, pinned to one CPU, against the harness's fake service on another;
they take turns, and the ratio is taken pair by pair. CPU microseconds per streamed chunk.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Stream = Callable[[str, str], Awaitable[list[str]]]
MODELS = {"one chunk per write": "fake-2000-0", "50 chunks per write": "fake-2000-0-0-50"}
BARE = "raw_aiohttp_blocks"


def penstock_text(url: str) -> tuple[Stream, None, None]:
    """``create_async_generator``: text."""
    from penstock import OpenAICompatible

    provider = OpenAICompatible(base_url=url, api_key="sk-upstream")

    async def stream(model: str, text: str) -> list[str]:
        out = []
        async for chunk in provider.create_async_generator(model, messages(text)):
            out.append(chunk)
        return out

    return stream, None, None


def penstock_events(url: str) -> tuple[Stream, None, None]:
    """``stream``: typed events."""
    from penstock import OpenAICompatible, TextDelta
    from penstock.provider import question

    provider = OpenAICompatible(base_url=url, api_key="sk-upstream")

    async def stream(model: str, text: str) -> list[str]:
        out = []
        async for event in provider.stream(question(model, messages(text), {})):
            if type(event) is TextDelta:
                out.append(event.text)
        return out

    return stream, None, None


def messages(text: str) -> list[dict[str, str]]:
    system = {"role": "system", "content": "You are a helpful assistant."}
    return [system, {"role": "user", "content": text}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", type=Path, required=True, help="the harness's folder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=8098)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    args = parser.parse_args()
    sys.path.insert(0, str(args.bench.resolve()))
    if args.one:
        measure_one(args)
        return
    command = [sys.executable, str(args.bench / "upstream.py"), "--port", str(args.port)]
    service = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=on_cpu(1))
    try:
        time.sleep(1)
        for name, model in MODELS.items():
            compare(name, model, args)
    finally:
        service.terminate()
        service.wait()


def compare(name: str, model: str, args: argparse.Namespace) -> None:
    bare: list[float] = []
    ours: dict[str, list[float]] = {"penstock_text": [], "penstock_events": []}
    for _ in range(args.rounds):
        bare.append(cpu(BARE, model, args))
        for library, figures in ours.items():
            figures.append(cpu(library, model, args))
    print(f"{name}: bare aiohttp blocks + orjson {statistics.median(bare):.2f} us/chunk")
    for library, figures in ours.items():
        ratio = statistics.median(a / b for a, b in zip(figures, bare, strict=True))
        print(f"  {library}: {statistics.median(figures):.2f} us/chunk, {ratio:.2f} times")


def cpu(library: str, model: str, args: argparse.Namespace) -> float:
    command = [sys.executable, __file__, "--bench", str(args.bench), "--port", str(args.port)]
    run = subprocess.run(
        [*command, "--one", library, "--model", model],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=on_cpu(0),
    )
    figure: float = json.loads(run.stdout.splitlines()[-1])["cpu_us"]
    return figure


def on_cpu(number: int) -> Callable[[], None]:
    return lambda: os.sched_setaffinity(0, {number})


def measure_one(args: argparse.Namespace) -> None:
    import client_one

    make: Any = {"penstock_text": penstock_text, "penstock_events": penstock_events}.get(args.one)
    make = make or getattr(client_one, args.one)
    url = f"http://127.0.0.1:{args.port}/v1"
    settings = argparse.Namespace(
        url=url, model=args.model, mode="stream", rounds=10, requests=100, uvloop=False
    )
    asyncio.run(client_one.run(settings, make))


if __name__ == "__main__":
    main()
