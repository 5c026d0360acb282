"""Routes at the command line: as models, and as what they are made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import TypeAlias

import pytest

from raw import CHUNKED, FIN, Script, Upstream, chunk, head, say, spoken
from shell import Terminal, run

BROKEN = [head("500 Internal Server Error", content_length=0)]
CUT: Script = [CHUNKED, chunk(say("One two")), FIN]
Penstock: TypeAlias = Callable[..., CompletedProcess[bytes]]


@contextmanager
def route(folder: Path, *scripts: Script) -> Iterator[tuple[Penstock, list[Upstream]]]:
    """The program, with a route over as many services as there are scripts."""
    with upstreams(*scripts) as services:
        names = [f"'lab{n}/m'" for n in range(len(services))]
        text = f"[routes.smart]\nfallback = [{', '.join(names)}]\ncontinue = true\nretries = 0\n"
        for n, service in enumerate(services):
            text += f"[providers.lab{n}]\ntype = 'openai-compatible'\nbase_url = '{service.url}'\n"
        (folder / "penstock.toml").write_text(text)
        status = str(folder / "status.json")
        config = str(folder / "penstock.toml")
        yield partial(run, PENSTOCK_CONFIG=config, PENSTOCK_STATUS=status), services


@contextmanager
def upstreams(*scripts: Script) -> Iterator[list[Upstream]]:
    if not scripts:
        yield []
        return
    with Upstream(scripts[0]) as first, upstreams(*scripts[1:]) as others:
        yield [first, *others]


def test_models_are_the_routes_too_and_those_of_one_what_it_asks(tmp_path: Path) -> None:
    with route(tmp_path, BROKEN, BROKEN) as (penstock, _):
        every, one = penstock("models"), penstock("models", "smart")
        told = json.loads(penstock("models", "--json").stdout)
    assert every.stdout.startswith(b"smart\nbuiltin/eliza\n")
    assert (one.returncode, one.stdout, one.stderr) == (0, b"lab0/m\nlab1/m\n", b"")
    assert (told[0]["id"], told[0]["source"]) == ("smart", "route")


def test_a_route_among_the_providers_is_told_of_with_how_its_targets_stand(tmp_path: Path) -> None:
    with route(tmp_path, BROKEN, spoken("OK.")) as (penstock, _):
        penstock("status", "--probe", "smart")
        lines = penstock("providers", "smart").stdout.decode().splitlines()
        told = json.loads(penstock("providers", "--json").stdout)["providers"]
    assert lines[0] == "smart: Asks lab0/m, lab1/m: one after the other, until one answers."
    assert lines[1].startswith("  lab0/m  failing (Unavailable) ")
    assert lines[2].startswith("  lab1/m  working ")
    assert "penstock status --probe smart" in lines[3]
    (smart,) = [one for one in told if one["name"] == "smart"]
    assert (smart["configured"], smart["how"]) == (True, "route")


@pytest.mark.parametrize(
    "command", [("models", "smart"), ("providers", "smart"), ("status", "smart")]
)
def test_a_route_that_cannot_be_made_says_why(tmp_path: Path, command: tuple[str, ...]) -> None:
    with route(tmp_path) as (penstock, _):
        (tmp_path / "penstock.toml").write_text("[routes.smart]\nfallback = ['gorq/m']\n")
        done = penstock(*command)
    assert done.returncode == 2
    assert b"routes.smart: no provider" in done.stderr


def test_v_says_who_was_asked_in_vain_and_who_was_cut(tmp_path: Path) -> None:
    with route(tmp_path, BROKEN, CUT, spoken(" three.")) as (penstock, _):
        done = penstock("chat", "-v", "-m", "smart", "hi")
    assert done.returncode == 0
    assert done.stderr.decode().splitlines()[1:] == [
        "on the way: lab0/m was asked in vain (Unavailable)",
        "on the way: lab1/m was cut (StreamTruncated); the answer went on elsewhere",
    ]


def test_what_is_known_to_fail_is_asked_last(tmp_path: Path) -> None:
    with route(tmp_path, BROKEN, spoken("OK.")) as (penstock, (first, _)):
        penstock("status", "--probe", "smart")
        first.asked().result(5)
        assert penstock("chat", "-m", "smart", "hi").stdout == b"OK.\n"
        assert len(first.connections) == 1


def test_a_conversation_may_change_to_a_route(tmp_path: Path) -> None:
    with (
        route(tmp_path, BROKEN, spoken("from the second")) as _,
        Terminal(
            *("chat", "-m", "builtin/echo"),
            folder=tmp_path,
            PENSTOCK_CONFIG=str(tmp_path / "penstock.toml"),
        ) as terminal,
    ):
        terminal.prompt()
        assert "smart answers." in terminal.ask("/model smart")
        assert "from the second" in terminal.ask("hello")
