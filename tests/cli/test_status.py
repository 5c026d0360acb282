"""What is working, as a person at a terminal is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import TypeAlias

import pytest

from raw import Script, Upstream, head, spoken
from shell import Terminal, run

BROKEN = [head("500 Internal Server Error", content_length=0)]
Penstock: TypeAlias = Callable[..., CompletedProcess[bytes]]


@contextmanager
def services(folder: Path, **scripts: Script) -> Iterator[Penstock]:
    """The program, with a config of services that answer with these scripts and hold one model
    each."""
    config = folder / "penstock.toml"
    with ExitStack() as stack:
        urls = {name: stack.enter_context(Upstream(said)).url for name, said in scripts.items()}
        config.write_text("".join(_table(name, url) for name, url in urls.items()))
        status = str(folder / "status.json")
        yield partial(run, PENSTOCK_CONFIG=str(config), PENSTOCK_STATUS=status)


def _table(name: str, url: str) -> str:
    return (
        f"[providers.{name}]\ntype = 'openai-compatible'\nbase_url = '{url}'\n"
        "models = ['m']\ndefault_model = 'm'\n"
    )


def told(done: CompletedProcess[bytes]) -> dict[str, list[str]]:
    """The cells of each row below the titles, by the model's name."""
    lines = done.stdout.decode().splitlines()[1:]
    rows = [re.split(r"\s{2,}", line) for line in lines]
    return {row[0]: row[1:] for row in rows}


def test_what_was_never_asked_is_unknown_and_nobody_is_asked(tmp_path: Path) -> None:
    with services(tmp_path, lab=spoken("OK.")) as penstock:
        done = penstock("status")
    assert done.returncode == 0
    assert done.stdout.decode().splitlines()[0].split() == [
        "MODEL", "STATE", "AGE", "ERROR", "FIRST", "WHOLE", "TRIED",
    ]  # fmt: skip
    assert told(done) == {
        "builtin/eliza": ["unknown", "-", "-", "-", "-", "-"],
        "lab/m": ["unknown", "-", "-", "-", "-", "-"],
    }
    assert b"penstock status --probe" in done.stderr
    assert not (tmp_path / "status.json").exists()


def test_a_probe_asks_each_and_tells_as_it_comes_and_remembers(tmp_path: Path) -> None:
    with services(tmp_path, good=spoken("OK."), bad=BROKEN) as penstock:
        done = penstock("status", "--probe")
    assert done.returncode == 1
    assert b"asking 3 models: each question costs a few tokens" in done.stderr
    assert b"1 of 3 failed; `penstock chat -m bad/m hello` says why" in done.stderr.replace(
        b"python -m ", b""
    )
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.decode().splitlines()}
    assert rows["good/m"][:2] == ["stream", "worked"]
    assert rows["bad/m"][:2] == ["stream", "failed"]
    assert rows["bad/m"][-1] == "Unavailable"
    later = told(penstock("status"))
    assert later["good/m"][0] == "working"
    assert re.fullmatch(r"\d+ s ago", later["good/m"][1])
    assert re.fullmatch(r"\d+\.\d\d/\d+\.\d\d s", later["good/m"][3])
    assert (later["good/m"][2], later["good/m"][5]) == ("-", "stream")
    assert later["bad/m"][0] == "failing"
    assert later["bad/m"][2:] == ["Unavailable", "-", "-", "stream failed"]


def test_those_that_are_named_are_asked_and_no_others(tmp_path: Path) -> None:
    with services(tmp_path, good=spoken("OK."), bad=BROKEN) as penstock:
        by_name, by_model = (
            penstock("status", "--probe", "good"),
            penstock("status", "--probe", "good/another"),
        )
        assert (by_name.returncode, by_model.returncode) == (0, 0)
        assert by_name.stdout.split()[0] == b"good/m"
        assert by_model.stdout.split()[0] == b"good/another"
        assert set(told(penstock("status", "good"))) == {"good/m", "good/another"}
        assert set(told(penstock("status", "good/m", "bad"))) == {"good/m", "bad/m"}


def test_a_thorough_one_tries_five_things(tmp_path: Path) -> None:
    with services(tmp_path) as penstock:
        done = penstock("status", "--thorough", "builtin/eliza")
    assert done.returncode == 0
    rows = {line.split()[1]: line.split()[2] for line in done.stdout.decode().splitlines()}
    assert rows == {
        "chat": "worked",
        "stream": "worked",
        "tools": "unsupported",
        "json": "unsupported",
        "cancel": "worked",
    }


def test_json_is_for_programs(tmp_path: Path) -> None:
    with services(tmp_path, good=spoken("OK.")) as penstock:
        probed = json.loads(penstock("status", "good", "--probe", "--json").stdout)
        (known,) = json.loads(penstock("status", "good", "--json").stdout)
    assert [one["state"] for one in probed] == ["working"]
    assert (known["provider"], known["model"], known["state"]) == ("good", "m", "working")
    (stream,) = known["tried"]
    assert (stream["what"], stream["verdict"], stream["probe"]) == ("stream", "worked", True)
    assert known["age"] == stream["age"] == round(stream["age"], 1)
    assert 0 <= stream["first"]["p50"] <= stream["took"]["p95"]


def test_what_came_of_a_chat_is_remembered(tmp_path: Path) -> None:
    with services(tmp_path, good=spoken("OK."), bad=BROKEN) as penstock:
        assert penstock("chat", "-m", "good", "hello").returncode == 0
        for _ in range(3):
            assert penstock("chat", "-m", "bad", "hello").returncode == 1
        rows = told(penstock("status"))
    assert rows["good/m"][0] == "working"
    assert rows["bad/m"][0] == "failing"
    text = (tmp_path / "status.json").read_text()
    assert "hello" not in text
    assert "OK." not in text


@pytest.mark.parametrize("more", [[], ["--probe"]])
def test_a_name_that_nobody_has_is_a_wrong_one(tmp_path: Path, more: list[str]) -> None:
    with services(tmp_path, lab=spoken("OK.")) as penstock:
        for name in ("gorq", "gorq/m"):
            done = penstock("status", name, *more)
            assert (done.returncode, done.stdout) == (2, b"")
            assert b"gorq" in done.stderr


def test_a_provider_that_names_no_model_is_told_how_to_be_asked(tmp_path: Path) -> None:
    with services(tmp_path, lab=spoken("OK.")) as penstock:
        config = tmp_path / "penstock.toml"
        lines = config.read_text().splitlines()
        config.write_text("\n".join(line for line in lines if "model" not in line))
        every, one = penstock("status", "--probe"), penstock("status", "--probe", "lab")
    assert (every.returncode, one.returncode) == (0, 2)
    assert b"lab names no model: say lab/MODEL to have it asked" in every.stderr
    assert b"lab names no model: say lab/MODEL" in one.stderr


def test_a_place_that_cannot_be_written_is_told_of_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with services(tmp_path, good=spoken("OK.")) as penstock:
        nowhere = str(tmp_path / "file" / "status.json")
        done = penstock("chat", "-m", "good/m", "hi", PENSTOCK_STATUS=nowhere)
    assert (done.returncode, done.stdout) == (0, b"OK.\n")
    assert done.stderr.count(b"\n") == 1
    assert b"cannot be written" in done.stderr


def test_a_file_of_the_user_s_is_told_of_once_and_left_alone(tmp_path: Path) -> None:
    with services(tmp_path, good=spoken("OK.")) as penstock:
        config = str(tmp_path / "penstock.toml")
        before = Path(config).read_bytes()
        done = penstock("chat", "-m", "good/m", "hi", PENSTOCK_STATUS=config)
        assert (done.returncode, done.stdout) == (0, b"OK.\n")
        assert done.stderr.startswith(b"penstock: ")
        assert done.stderr.count(b"\n") == 1
        assert Path(config).read_bytes() == before


def test_a_route_is_its_targets_each_once(tmp_path: Path) -> None:
    with services(tmp_path, good=spoken("OK."), bad=BROKEN) as penstock:
        with (tmp_path / "penstock.toml").open("a") as config:
            config.write("[routes.smart]\nfallback = ['bad/x', 'pool']\n")
            config.write("[routes.pool]\nbalance = ['good/y', 'bad/x']\n")
        unknown = penstock("status", "smart")
        probed = penstock("status", "--probe", "smart")
        known = told(penstock("status", "smart", "bad/x"))
    assert list(told(unknown)) == ["bad/x", "good/y"]
    assert b"penstock status --probe smart" in unknown.stderr
    assert probed.returncode == 1
    assert sorted(line.split()[0] for line in probed.stdout.splitlines()) == [b"bad/x", b"good/y"]
    assert {name: cells[0] for name, cells in known.items()} == {
        "bad/x": "failing",
        "good/y": "working",
    }


def test_a_name_of_ours_that_is_wrong_is_told_and_not_noted(tmp_path: Path) -> None:
    with services(tmp_path) as penstock:
        done = penstock("status", "--probe", "builtin/nonsense", "mistral")
        rows = told(penstock("status"))
    assert done.returncode == 1
    assert b"UnknownModel" in done.stdout
    assert b"Unauthorized" in done.stdout
    assert list(rows) == ["builtin/eliza"]


def test_a_table_fits_a_terminal(tmp_path: Path) -> None:
    with Terminal("status", folder=tmp_path) as terminal:
        _, shown = terminal.end()
    assert max(map(len, shown.splitlines())) <= 80
    assert "builtin/eliza" in shown
