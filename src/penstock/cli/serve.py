"""``penstock serve``: the gateway, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import shlex
import signal
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from penstock import __version__, config
from penstock.catalog import Catalog
from penstock.cli import default, running
from penstock.cli.hello import QUESTION, hello
from penstock.cli.terminal import command, note
from penstock.gateway.handler import Gateway
from penstock.gateway.listener import listen
from penstock.health import file
from penstock.health.prober import Prober
from penstock.health.probes import Target

_KEPT_EVERY = 60.0
"""Seconds from one writing of what was measured to the next but one."""
_ENDING = 60.0
"""Seconds for answers that are read on to end; aiohttp gives the others as many."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(args: Namespace) -> None:
    """Serve until SIGINT or SIGTERM. Raises ``ConfigError`` where it cannot listen."""
    logging.basicConfig(
        level=logging.INFO if args.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    with running.runner() as runner:
        runner.run(_serve(args))


async def _serve(args: Namespace) -> None:
    said = config.load(args.config)
    catalog = Catalog(said)
    await catalog.discover()
    model = catalog.default()
    host = said.gateway.host if args.host is None else args.host
    port = said.gateway.port if args.port is None else args.port
    stop = _stop_on_signals()
    serving = listen(Gateway(catalog), host, port)
    async with _measured(catalog), _read_on(catalog), serving as address:
        url = _url(*address)
        _introduce(url, catalog, model)
        _settle()
        greeting = asyncio.ensure_future(hello(url, model) if args.hello else asyncio.sleep(0))
        await stop.wait()
        greeting.cancel()
        await asyncio.gather(greeting, return_exceptions=True)
        note("penstock: stopping; answers under way may end; once more stops at once")


@asynccontextmanager
async def _measured(catalog: Catalog) -> AsyncIterator[None]:
    """What works is known from one run to the next, and tried in the background where the config
    says so."""
    every = catalog.config.status.probe
    probed = catalog.routes.targets() if catalog.config.routes else []
    targets = [Target(provider, model) for provider, model in probed] if every else []
    keeping = file.kept_up(min(every or _KEPT_EVERY, _KEPT_EVERY) / 2)
    async with keeping, Prober(targets, every or _KEPT_EVERY):
        yield


@asynccontextmanager
async def _read_on(catalog: Catalog) -> AsyncIterator[None]:
    """Answers that a route reads on without their callers may end, too."""
    yield
    if catalog.config.routes:
        from penstock.routing.drain import drained  # routes are loaded where there are any

        with suppress(TimeoutError):
            async with asyncio.timeout(_ENDING):
                await drained()


def _settle() -> None:
    """What is loaded by now stays; what a request leaves behind is hardly ever cyclic, so the
    collector need not look for it every 700 objects (a tenth of a call's time)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _stop_on_signals() -> asyncio.Event:
    """Set by the first signal; the second does what signals do to programs that ignore them."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def first() -> None:
        stop.set()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    try:
        for number in _SIGNALS:
            loop.add_signal_handler(number, first)
    except NotImplementedError:  # Windows: Ctrl-C cancels the task, see asyncio.Runner
        pass
    return stop


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _introduce(url: str, catalog: Catalog, model: str) -> None:
    messages = [{"role": "user", "content": QUESTION}]
    body = json.dumps({"model": model, "stream": True, "messages": messages})
    print(f"penstock {__version__} listens on {url}")
    print(default.explain(catalog))
    print("\nTry it:")
    print(f"  curl -N {url}/v1/chat/completions -H 'Content-Type: application/json' \\")
    print(f"    -d {shlex.quote(body)}")
    print(f"Or chat, in another terminal: {command()} chat\nCtrl-C stops.", flush=True)
