"""What the TypeScript SDKs read: they are installed once, and asked in one process of node."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from programs import find
from served import clean_environment

_HERE = Path(__file__).parent
_LOCK = _HERE / "package-lock.json"
_INSTALLED = _HERE / "node_modules" / ".installed"
_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")
_PATIENCE = 60


class Job(Struct, frozen=True):
    """One question. ``url``: the service; ``mode``: ``whole``, ``stream``, or ``helper``, the
    SDK's own collector; ``tools``: names that the answer may call; ``extra``: what the request
    says beside what the SDK says."""

    url: str
    mode: str
    tools: tuple[str, ...] = ()
    extra: Mapping[str, Any] = {}


class Call(Struct, frozen=True):
    """A tool call; ``arguments`` are text where they are no JSON."""

    id: str
    name: str
    arguments: Any


class Said(Struct, frozen=True):
    """What an SDK read; ``finish`` and ``usage`` are in its own words."""

    text: str
    reasoning: str
    refusal: str
    calls: tuple[Call, ...]
    finish: str | None = None
    usage: dict[str, Any] | None = None


class Judgement(Struct, frozen=True):
    """What an SDK made of an answer; where there is an ``error``, what it read until then."""

    said: Said
    error: str | None = None


def judge(sdk: str, jobs: Sequence[Job]) -> list[Judgement]:
    """What that SDK makes of the answer to each job."""
    node = find("node")
    install()
    done = subprocess.run(
        [node, str(_HERE / "judge.mjs")],
        input=msgspec.json.encode({"sdk": sdk, "jobs": jobs}),
        capture_output=True,
        timeout=_PATIENCE,
        check=False,
        env={**clean_environment(), "NO_PROXY": "127.0.0.1"},
    )
    assert done.stderr == b"", done.stderr.decode()
    assert done.returncode == 0
    judged = [msgspec.json.decode(line, type=Judgement) for line in done.stdout.splitlines()]
    assert len(judged) == len(jobs)
    return judged


def install() -> Path:
    """The packages that ``package-lock.json`` names, in the folder that this gives; one process at
    a time."""
    with _LOCK.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = hashlib.sha256(lock.read()).hexdigest()
        if not _INSTALLED.exists() or _INSTALLED.read_text() != wanted:
            _npm(*_INSTALL)
            _INSTALLED.write_text(wanted)
    return _INSTALLED.parent


def _npm(*arguments: str) -> None:
    done = subprocess.run(
        [find("npm"), *arguments], cwd=_HERE, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return
    reason = f"NO TYPESCRIPT SDK HAS READ ANYTHING: npm {arguments[0]} failed: {done.stderr}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
