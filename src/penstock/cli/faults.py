"""``penstock faults``: a service that fails on purpose, until it is told to stop."""

from __future__ import annotations

import asyncio
import json
import logging
import shlex
import signal
import ssl
from argparse import Namespace
from contextlib import suppress

from penstock.cli import running
from penstock.cli.terminal import command, note
from penstock.errors import ConfigError
from penstock.faults import listing
from penstock.faults.server import serve

_EXAMPLE = "cut-40"


def run(args: Namespace) -> None:
    """Serve until SIGINT or SIGTERM, or list the faults. Raises ``ConfigError`` where it cannot
    listen."""
    if args.list:
        print(listing.text(), end="")
        return
    logging.basicConfig(
        level=logging.INFO if args.verbose else logging.WARNING,
        format="%(asctime)s %(message)s",
    )
    with running.runner() as runner:
        runner.run(_serve(args))


async def _serve(args: Namespace) -> None:
    tls = _context(*args.tls) if args.tls else None
    _end_on_sigterm()
    async with serve(port=args.port, tls=tls, pace=args.pace / 1000, keep=False) as server:
        _introduce(server.url)
        with suppress(asyncio.CancelledError):  # Ctrl-C, see asyncio.Runner
            await asyncio.Event().wait()
        note("penstock: stopping")


def _context(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except OSError:  # an SSLError is one
        message = f"{certificate} and {key} are not a certificate and its key, in PEM"
        raise ConfigError(message) from None
    return context


def _end_on_sigterm() -> None:
    """As Ctrl-C does."""
    task = asyncio.current_task()
    if task is not None:
        with suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _introduce(url: str) -> None:
    messages = [{"role": "user", "content": "Say sixty words."}]
    body = json.dumps({"model": _EXAMPLE, "stream": True, "messages": messages})
    insecure = "-k " if url.startswith("https") else ""
    print(f"penstock faults listens on {url}")
    print("The model's name says what goes wrong; these are the names:")
    print(f"  {command()} faults --list")
    print("\nTry it:")
    print(f"  curl -N {insecure}{url}/v1/chat/completions -H 'Content-Type: application/json' \\")
    print(f"    -d {shlex.quote(body)}")
    print("Ctrl-C stops.", flush=True)
