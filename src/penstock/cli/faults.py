"""``penstock faults``: a service that fails on purpose, until it is told to stop."""

from __future__ import annotations

import asyncio
import json
import logging
import shlex
import shutil
import signal
import ssl
import sys
from argparse import Namespace
from contextlib import suppress
from pathlib import Path

from penstock.cli import running
from penstock.cli.terminal import command, note
from penstock.errors import ConfigError
from penstock.faults import listing
from penstock.faults.server import serve

_EXAMPLE = "cut-40"
_NEW_PAIR = (
    "`openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem "
    "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1` makes both"
)


def run(args: Namespace) -> None:
    """Serve until SIGINT or SIGTERM, or list the faults. Raises ``ConfigError`` where it cannot
    listen."""
    if args.list:
        print(_listed(), end="")
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


def _listed() -> str:
    """A line for each, for programs; a person at a terminal gets what fits it."""
    if not sys.stdout.isatty():
        return listing.text()
    return listing.paragraphs(shutil.get_terminal_size().columns - 1)


def _context(certificate: str, key: str) -> ssl.SSLContext:
    """What speaks TLS with these files. Raises ``ConfigError``; never asks for a password."""

    def refuse() -> str:
        name = shlex.quote(key)
        raise ConfigError(f"{key} is encrypted: `openssl pkey -in {name}` writes it without")

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key, password=refuse)
    except OSError as error:  # an SSLError is one
        raise ConfigError(_wrong(certificate, key, error)) from None
    return context


def _wrong(certificate: str, key: str, error: OSError) -> str:
    """Which of the files is wrong, and the next step."""
    for name in (certificate, key):
        try:
            Path(name).open("rb").close()
        except FileNotFoundError:
            return f"no file {name}; {_NEW_PAIR}"
        except OSError as why:
            return f"{name} cannot be read: {(why.strerror or 'it failed').lower()}"
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return f"{key} is not the key of {certificate}: give the one that it was made with"
    return f"{certificate} and {key} are not a certificate and its key, in PEM; {_NEW_PAIR}"


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
