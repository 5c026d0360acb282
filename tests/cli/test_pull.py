"""penstock pull as a person meets it: in a process of its own, against a hub on real sockets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tiny_gguf
from hub.fake_hub import FakeHub, content, header, refuse, spoil, stand_still
from penstock.cli.bar import Bar
from penstock.hub.progress import Loading, Waiting
from penstock.hub.suggested import SUGGESTED
from raw import CANARY
from shell import COMMAND, WITHIN, Started, Terminal, environment, run

SIZE = 1_000_000
TENTHS = [SIZE * n // 10 for n in range(1, 10)]
FILE = "tiny-Q4_K_M.gguf"

# Runs penstock with no room for a file of more than so many bytes.
_NO_ROOM = """
import resource, runpy, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
runpy.run_module("penstock", run_name="__main__")
"""

_NO_ENGINE = """
import importlib.util, runpy
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *package: (
    None if name == "xllamacpp" else find(name, *package)
)
runpy.run_module("penstock", run_name="__main__")
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def hub(models: Path) -> Iterator[FakeHub]:
    with FakeHub({FILE: content(SIZE)}, models) as hub:
        yield hub


def variables(hub: FakeHub, **more: str) -> dict[str, Any]:
    return {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": "",
        "PENSTOCK_DISCOVERY": "0",
        "PENSTOCK_MODELS": str(hub.models),
        **more,
    }


def pull(hub: FakeHub, *args: str) -> subprocess.CompletedProcess[bytes]:
    return run("pull", "owner/repo", *args, **variables(hub))


def wait_until_held(hub: FakeHub, size: int) -> None:
    deadline = time.monotonic() + WITHIN
    while hub.held() < size:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def is_there(hub: FakeHub) -> bool:
    return (hub.models / "owner" / "repo" / FILE).read_bytes() == hub.files[FILE]


def test_stdout_is_the_files_path_and_stderr_says_how_to_go_on(hub: FakeHub) -> None:
    done = pull(hub)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.decode().strip()).read_bytes() == hub.files[FILE]
    assert b"owner/repo is here, 1 MB, its SHA-256 is right." in done.stderr
    assert re.search(rb"Chat with it: penstock chat( -m local/owner/repo)?\n", done.stderr)
    again = pull(hub)
    assert again.stdout == done.stdout
    assert b"was here already" in again.stderr
    assert len(hub.served) == 1


def test_where_another_model_answers_unasked_the_pulled_one_is_named(
    hub: FakeHub, tmp_path: Path
) -> None:
    config = tmp_path / "penstock.toml"
    config.write_text('default = "builtin/echo"')
    done = pull(hub, "--config", str(config))
    assert done.stderr.endswith(b"Chat with it: penstock chat -m local/owner/repo\n")


def test_what_was_pulled_is_what_a_bare_chat_asks(hub: FakeHub, tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    hub.files = {FILE: tiny_gguf.write(tmp_path / FILE).read_bytes()}
    assert pull(hub).stderr.endswith(b"Chat with it: penstock chat\n")
    told = run("providers", **variables(hub)).stdout
    assert b"local/owner/repo answers: it was pulled to this machine." in told
    done = run("chat", "-v", "-o", "max_tokens=3", "hello", **variables(hub))
    assert done.returncode == 0, done.stderr
    assert b"finish: length" in done.stderr


def test_the_extra_is_named_where_it_is_missing(hub: FakeHub, tmp_path: Path) -> None:
    done = run_program(_NO_ENGINE, hub, tmp_path)
    assert done.returncode == 0, done.stderr
    before, fetched, after = done.stderr.partition(b"pulling owner/repo: 0 %")
    both = b'`pip install "penstock[local]"`, or `scripts/setup local` in a clone'
    assert fetched
    assert both in before
    assert both in after


def test_a_chat_says_that_only_the_extra_is_missing(hub: FakeHub, tmp_path: Path) -> None:
    assert pull(hub).returncode == 0
    both = b'`pip install "penstock[local]"`, or `scripts/setup local` in a clone'
    chat = run_program(_NO_ENGINE, hub, tmp_path, command=("chat", "hi"))
    assert chat.stderr.startswith(b"ELIZA (1966) answers: owner/repo was pulled; ")
    assert chat.stderr.endswith(both + b"\n")
    assert chat.stderr.count(b"\n") == 1
    told = run_program(_NO_ENGINE, hub, tmp_path, command=("providers",)).stdout
    assert b"owner/repo was pulled; " in told
    assert both in told


def run_program(
    program: str,
    hub: FakeHub,
    folder: Path,
    *args: str,
    command: tuple[str, ...] = ("pull", "owner/repo"),
) -> subprocess.CompletedProcess[bytes]:
    """Pull, or another command, in a process that begins with ``program``."""
    return subprocess.run(
        [sys.executable, "-c", program, *args, *command],
        capture_output=True,
        timeout=WITHIN,
        cwd=folder,
        env=environment(folder, **variables(hub)),
    )


@pytest.mark.slow
def test_broken_off_at_every_tenth_it_goes_on(hub: FakeHub) -> None:
    hub.faults = [stand_still(at) for at in TENTHS]
    for number, at in enumerate(TENTHS):
        with Started("pull", "owner/repo", **variables(hub)) as pulling:
            wait_until_held(hub, at)
            (kill if number % 2 else interrupt)(pulling)
        assert hub.held() == at
    assert pull(hub).returncode == 0
    assert hub.ranges == ["", *(f"bytes={at}-" for at in TENTHS)]
    assert is_there(hub)


def interrupt(pulling: Started) -> None:
    pulling.interrupt()
    code, out, said = pulling.end()
    assert code == 130
    assert out == b""
    assert b"what came is kept; the same command goes on from there\npenstock: stopped\n" in said


def kill(pulling: Started) -> None:
    pulling.signal(signal.SIGKILL)
    assert pulling.end()[0] == -signal.SIGKILL


def test_a_full_disk_is_reported_and_what_came_is_kept(hub: FakeHub, tmp_path: Path) -> None:
    done = run_program(_NO_ROOM, hub, tmp_path, "300000")
    assert done.returncode == 2
    assert b"is full, and 1 MB more are needed; what came is kept: free some room" in done.stderr
    assert done.stderr.count(b"kept") == 1
    assert hub.held() == 300_000
    assert pull(hub).returncode == 0
    assert hub.ranges == ["", "bytes=300000-"]
    assert is_there(hub)


def test_a_spoiled_file_is_refused(hub: FakeHub) -> None:
    hub.faults = [spoil(SIZE // 2)]
    done = pull(hub)
    assert done.returncode == 1
    assert b"is refused and deleted: its SHA-256 is not the one" in done.stderr
    assert done.stdout == b""
    assert not list(hub.models.rglob("*.*"))


def test_the_token_of_the_environment_is_sent_and_never_shown(hub: FakeHub) -> None:
    hub.gate = [refuse("403 Forbidden", "GatedRepo")]
    done = run("pull", "owner/repo", **variables(hub, HF_TOKEN=CANARY))
    assert done.returncode == 2
    assert b"accept its licence" in done.stderr
    assert CANARY.encode() not in done.stderr
    assert header(hub.asked[0], "authorization") == f"Bearer {CANARY}"


def test_without_a_name_the_choice_is_shown_and_nothing_is_fetched(hub: FakeHub) -> None:
    done = run("pull", **variables(hub))
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    assert [line.split()[0] for line in lines[1:]] == [known.name for known in SUGGESTED]
    assert done.stderr == b"\nTo fetch one: penstock pull qwen3-0.6b\n"
    assert hub.asked == []


def test_a_narrow_terminal_shows_all_that_can_be_typed(hub: FakeHub, tmp_path: Path) -> None:
    with Terminal("pull", folder=tmp_path, **variables(hub)) as terminal:
        code, shown = terminal.end()
    assert code == 0
    lines = shown.split("\r\n")
    assert max(map(len, lines)) < 80
    assert all(known.repo in shown for known in SUGGESTED)
    assert pull(hub).returncode == 0
    deep = str(next(hub.models.rglob("*.gguf")))
    with Terminal("pull", "--list", folder=tmp_path, **variables(hub)) as terminal:
        _, shown = terminal.end()
    assert deep in shown


def test_a_pull_that_was_broken_off_is_listed(hub: FakeHub) -> None:
    hub.faults = [stand_still(456_000)]
    with Started("pull", "owner/repo", **variables(hub)) as pulling:
        wait_until_held(hub, 456_000)
        kill(pulling)
    (row,) = run("pull", "--list", **variables(hub)).stdout.decode().splitlines()[1:]
    assert row.split()[1:5] == ["456", "kB", "not", "whole"]
    assert row.split()[0].startswith("owner/repo")
    assert row.endswith(".part")


def test_what_is_not_there_to_remove_is_answered_with_what_is(hub: FakeHub) -> None:
    assert pull(hub).returncode == 0
    done = run("pull", "--remove", "nope", **variables(hub))
    assert done.returncode == 2
    assert b"there is owner/repo" in done.stderr
    assert b"qwen3" not in done.stderr


def test_a_wrong_name_exits_with_2(hub: FakeHub) -> None:
    done = run("pull", "../../x", **variables(hub))
    assert done.returncode == 2
    assert b"is no model's name" in done.stderr
    assert hub.asked == []


def test_what_was_pulled_is_listed_and_removed(hub: FakeHub) -> None:
    assert run("pull", "--list", **variables(hub)).stdout == b""
    path = pull(hub).stdout.decode().strip()
    listed = run("pull", "--list", **variables(hub)).stdout.decode().splitlines()
    assert listed[1].split()[:3] == ["owner/repo", "1", "MB"]
    assert listed[1].endswith(path)
    removed = pull(hub, "--remove")
    assert removed.stderr.decode() == f"deleted {path}\n"
    assert os.listdir(hub.models) == []  # noqa: PTH208
    again = pull(hub, "--remove")
    assert again.returncode == 2
    assert b"is not here" in again.stderr
    assert run("pull", "--remove", **variables(hub)).returncode == 2


def test_in_a_log_there_is_a_line_at_every_tenth(hub: FakeHub) -> None:
    hub.faults = [hub.cut(at) for at in TENTHS[:1]]
    said = pull(hub).stderr.decode().splitlines()
    shares = [int(found[1]) for line in said if (found := re.search(r": (\d+) % of 1 MB", line))]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 100)
    assert len(shares) < 14
    assert any("cut" in line and line.endswith("; again in 1 s") for line in said)


def test_on_a_terminal_one_line_is_drawn_again(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults = [stand_still(SIZE // 2)]
    with Terminal("pull", "owner/repo", folder=tmp_path, **variables(hub)) as terminal:
        terminal.expect("pulling owner/repo  ")
        wait_until_held(hub, SIZE // 2)
        terminal.interrupt("\n")
        code, _ = terminal.end()
    assert code == 130
    with Terminal("pull", "owner/repo", folder=tmp_path, **variables(hub)) as terminal:
        code, shown = terminal.end()
    assert code == 0
    lines = shown.replace("\r\n", "\n").split("\n")
    assert "\rchecking owner/repo  " in f"\r{lines[0].lstrip()}"
    assert "█" * 20 + "  100 % of 1 MB" in lines[0]
    assert all(len(re.sub(r"\x1b\[K", "", text)) < 80 for text in lines[0].split("\r"))


def test_a_long_name_leaves_room_for_the_share_and_a_ctrl_c(hub: FakeHub, tmp_path: Path) -> None:
    name = f"{'long-' * 30}Q8_0.gguf"
    hub.files = {name: content(SIZE)}
    with Terminal("pull", f"owner/repo/{name}", folder=tmp_path, **variables(hub)) as terminal:
        code, shown = terminal.end()
    assert code == 0
    drawn = [line.removesuffix("\x1b[K") for line in shown.split("\r\n")[0].split("\r") if line]
    assert all("Q8_0.gguf  █" in line for line in drawn[-1:])
    assert all(" % of 1 MB" in line and len(line) < 78 for line in drawn)


def test_the_pace_is_that_of_the_last_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    bar = Bar("x", clock=lambda: now)
    for second, done in ((0, 0), (10, 100), (20, 1100), (21, 1200)):
        now = float(second)
        bar.show(Loading(done * 10**6, 500_000 * 10**6))
    bar.show(Waiting("it was cut; try again", 2.0))
    bar.show(Loading(60_000 * 10**6, 500_000 * 10**6))
    now += 10
    bar.show(Loading(100_000 * 10**6, 500_000 * 10**6))
    assert capsys.readouterr().err.splitlines() == [
        "pulling x: 0 % of 500.0 GB",
        "penstock: it was cut; again in 2 s",
        "pulling x: 12 % of 500.0 GB",
        "pulling x: 20 % of 500.0 GB, 4000.0 MB/s, 1:40 left",
    ]


def test_help_tells_of_it() -> None:
    assert b"fetch a small model" in run("--help").stdout
    assert subprocess.run([*COMMAND, "pull", "--help"], check=True, capture_output=True).stdout
