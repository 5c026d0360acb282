"""What outlives the process: shared by programs, and worth no call."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from health.told import NOW, Clock, content, result, results, store
from penstock import outcomes
from penstock.health import file, here
from penstock.health.results import Result
from penstock.health.store import Store
from penstock.hub.lock import alone_with
from penstock.outcomes import Outcome


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    target = tmp_path / "state" / "status.json"
    monkeypatch.setenv("PENSTOCK_STATUS", str(target))
    monkeypatch.setattr(file, "_warned", set())
    return target


def known(model: str = "m", clock: Clock | None = None) -> Store:
    made = store(clock)
    made.add("p", model, result(10, first=0.5, took=2.0), result(5, "failed", error="Timeout"))
    return made


def read(clock: Clock | None = None) -> Store:
    made = store(clock)
    file.load(made)
    return made


some = st.lists(st.tuples(st.sampled_from(["p", "q"]), st.sampled_from(["", "m/ü"]), results()))


@given(some)
def test_what_is_saved_is_what_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[str, str, Result]]
) -> None:
    made = store()
    for provider, model, one in told:
        made.add(provider, model, one)
    os.environ["PENSTOCK_STATUS"] = str(tmp_path_factory.mktemp("state") / "status.json")
    file.save(made)
    assert content(read()) == content(made)


def test_it_is_a_file_for_the_user_alone_and_nothing_is_left_beside_it(place: Path) -> None:
    file.save(known())
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert list(place.parent.iterdir()) == [place]


def test_it_holds_names_times_and_classes_of_errors_and_nothing_else(place: Path) -> None:
    made = store()
    for state in ("complete", "failed", "refused"):
        made.observe(
            Outcome(provider="p", model="m", state=state, error="Unauthorized", began=NOW - 1)
        )
    file.save(made)
    (model,) = json.loads(place.read_text())["models"]
    keys = {key for one in model["results"] for key in one}
    assert keys <= {"at", "what", "verdict", "error", "first", "took", "probe"}
    words = {value for one in model["results"] for value in one.values() if type(value) is str}
    assert words <= {"chat", "worked", "failed", "Unauthorized"}


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for off in ("", "off"):
        monkeypatch.setenv("PENSTOCK_STATUS", off)
        assert file.path() is None
        file.save(known())
        file.load(store())
    monkeypatch.delenv("PENSTOCK_STATUS")
    assert file.path() == tmp_path / "penstock" / "status.json"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert file.path() == Path.home() / ".local" / "state" / "penstock" / "status.json"
    assert not list(tmp_path.iterdir())


def test_what_another_process_has_written_stays_and_is_heard() -> None:
    file.save(known("a"))
    mine = known("b")
    file.save(mine)
    assert read().models("p") == ["a", "b"]
    assert mine.models("p") == ["a", "b"]


def test_what_is_older_than_a_day_is_left_out() -> None:
    clock = Clock()
    file.save(known("a", clock))
    clock.now += file.KEPT
    made = store(clock)
    made.probed("p", "b", "stream", "worked")
    file.save(made)
    assert made.models("p") == ["b"]
    assert read(clock).models("p") == ["b"]


def test_who_knows_nothing_writes_nothing(place: Path) -> None:
    file.save(store())
    assert not place.parent.exists()


WRITER = """
import sys
from penstock.health import file, here
here.probed("p", sys.argv[1], "stream", "worked")
sys.stdin.read()
file.save()
"""


def test_processes_that_write_at_once_lose_nothing(place: Path) -> None:
    names = [str(number) for number in range(6)]
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, name], stdin=subprocess.PIPE)
        for name in names
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    assert [writer.wait(30) for writer in writers] == [0] * len(names)
    entries = json.loads(place.read_text())["models"]
    assert sorted(entry["model"] for entry in entries) == names


NOT_OURS = [
    b"{",
    b"[]",
    b"\xff\xfe",
    b"[providers.lab]\n",
    b'{"version": 1}',
    b'{"version": 2, "models": []}',
    b'{"version": 1, "models": [{"provider": 1}]}',
    b'{"version": 1, "models": [{"provider": "p", "model": "m", "results": [{"at": null}]}]}',
]


@pytest.mark.parametrize("bytes_", NOT_OURS)
def test_a_file_that_cannot_be_read_is_told_of_once_and_stays_as_it_is(
    bytes_: bytes, place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place.parent.mkdir()
    place.write_bytes(bytes_)
    made = known()
    file.load(made)
    file.load(made)
    file.save(made)
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert f"{place} cannot be read" in warning.getMessage()
    assert "PENSTOCK_STATUS" in warning.getMessage()
    assert place.read_bytes() == bytes_
    assert list(place.parent.iterdir()) == [place]


def test_an_empty_file_is_none(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    place.parent.mkdir()
    place.touch()
    file.load(store())
    file.save(known())
    assert not caplog.records
    assert content(read()) == content(known())


def test_what_is_no_file_is_neither_read_nor_replaced(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place.parent.mkdir()
    os.mkfifo(place)
    file.load(store())
    file.save(known())
    assert "it is no file" in caplog.text
    assert place.is_fifo()
    assert list(place.parent.iterdir()) == [place]


def test_a_file_that_is_too_large_is_not_read(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place.parent.mkdir()
    with place.open("wb") as huge:
        huge.truncate(64 * 1024 * 1024 + 1)
    file.load(store())
    file.save(known())
    assert "too large" in caplog.text
    assert place.stat().st_size > 64 * 1024 * 1024


def test_a_place_that_cannot_be_written_stops_nobody(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place.parent.write_text("a file where the folder should be")
    for _ in range(2):
        file.save(known())
        file.load(store())
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert "cannot be written" in warning.getMessage()


def test_a_folder_in_its_place_stops_nobody(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    place.mkdir(parents=True)
    file.save(known())
    assert "it is no file" in caplog.text
    assert list(place.parent.iterdir()) == [place]


def test_a_link_that_others_put_beside_it_is_not_followed(place: Path, tmp_path: Path) -> None:
    place.parent.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    place.with_name("status.json.new").symlink_to(victim)
    file.save(known())
    assert victim.read_text() == "untouched"
    assert read().models("p") == ["m"]


FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
from penstock.health import file, here
here.probed("p", "b", "stream", "worked")
file.save()
"""


def test_a_disk_that_is_full_leaves_the_file_as_it_was(place: Path) -> None:
    file.save(known("a"))
    before = place.read_bytes()
    done = subprocess.run([sys.executable, "-c", FULL], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr.count("cannot be written") == 1
    assert "Traceback" not in done.stderr
    assert place.read_bytes() == before
    assert list(place.parent.iterdir()) == [place]


def test_who_writes_for_long_keeps_nobody_waiting(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(file, "_TRIES", 3)
    place.parent.mkdir()
    with alone_with(place):
        file.save(known())
        assert not place.exists()
    file.save(known())
    assert place.exists()
    assert not caplog.records


def test_a_program_keeps_what_came_of_its_calls_however_it_ends(place: Path) -> None:
    def program() -> None:
        with file.kept():
            outcomes.tell(Outcome(provider="kept-by-a-test", began=time.time()))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        program()
    assert "kept-by-a-test" in place.read_text()


async def test_a_program_that_stays_reads_now_and_writes_every_so_often(place: Path) -> None:
    name = "kept-up-by-a-test"
    other = Store()
    other.probed(name, "another", "stream", "worked")
    file.save(other)
    async with file.kept_up(every=0.01):
        assert here.models(name) == ["another"]
        here.probed(name, "early", "stream", "worked")
        async with asyncio.timeout(5):
            while "early" not in place.read_text():
                await asyncio.sleep(0.01)
    async with file.kept_up():
        here.probed(name, "late", "stream", "worked")
    written = Store()
    file.load(written)
    assert written.models(name) == ["another", "early", "late"]


def test_importing_penstock_reads_no_file_and_status_does(place: Path) -> None:
    place.parent.mkdir()
    place.write_text("not JSON")
    program = "import penstock.health; from penstock import Aura; {}"
    asking = "from penstock.health.report import status; print(status(Aura).state)"
    for more, said in (("", ""), (asking, "cannot be read")):
        done = subprocess.run(
            [sys.executable, "-c", program.format(more)], capture_output=True, text=True, check=True
        )
        assert said in done.stderr
        assert bool(done.stderr) is bool(said)
