"""A model comes whole and right, or not at all, whatever the network and the hub do."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.fake_hub import (
    BINARY,
    FakeHub,
    Fault,
    begin,
    content,
    header,
    html,
    ignore_range,
    redirect,
    refuse,
    say,
    serve,
    spoil,
    stand_still,
    whole,
)
from penstock.errors import (
    CallerError,
    ConfigError,
    ConnectionFailed,
    InvalidRequest,
    PenstockError,
    Redirected,
    ServiceError,
    StreamTruncated,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    UnknownModel,
)
from penstock.hub import store
from penstock.hub.progress import Checking, Loading, Step, Waiting
from penstock.hub.pull import pull
from penstock.hub.remote import Hub
from penstock.hub.store import Pulled
from penstock.transport.mock import MockResponse, MockTransport
from raw import CANARY, RST, Script, assert_no_secret, head, refused_port

SIZE = 1_000_000
TENTHS = [SIZE * n // 10 for n in range(1, 10)]
NAME = "owner/repo"
FILE = "tiny-Q4_K_M.gguf"


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store's folder, which begins empty."""
    folder = tmp_path / "models"
    monkeypatch.setenv("PENSTOCK_MODELS", str(folder))
    return folder


@pytest.fixture
def hub(models: Path) -> Iterator[FakeHub]:
    with FakeHub({FILE: content(SIZE)}, models) as hub:
        yield hub


class Watch:
    """What was told, and how long it would have waited."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.pauses: list[float] = []

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


async def fetch(hub: FakeHub, watch: Watch | None = None, name: str = NAME) -> Pulled:
    watch = watch or Watch()
    return await pull(name, Hub(hub.url), watch.steps.append, watch.pause)


def files(folder: Path) -> list[str]:
    """The names of all files that are in there."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def part(folder: Path) -> Path:
    (found,) = folder.rglob("*.part")
    return found


def is_right(pulled: Pulled, data: bytes) -> bool:
    return pulled.path.read_bytes() == data and pulled.sha256 == hashlib.sha256(data).hexdigest()


# Laws


async def test_cut_at_every_tenth_it_goes_on_by_itself(hub: FakeHub, models: Path) -> None:
    hub.faults = [hub.cut(at) for at in TENTHS]
    watch = Watch()
    pulled = await fetch(hub, watch)
    assert hub.ranges == ["", *(f"bytes={at}-" for at in TENTHS)]
    assert is_right(pulled, hub.files[FILE])
    assert files(models) == [FILE, f"{FILE}.json"]
    assert watch.pauses == [1.0] * 9


async def test_broken_off_at_every_tenth_the_next_pull_goes_on(hub: FakeHub, models: Path) -> None:
    hub.faults = [stand_still(at) for at in TENTHS]
    for at in TENTHS:
        pulling = asyncio.ensure_future(fetch(hub))
        while hub.held() < at:
            assert not pulling.done()
            await asyncio.sleep(0.001)
        pulling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pulling
        assert store.installed() == []
        assert part(models).stat().st_size == at
    watch = Watch()
    assert is_right(await fetch(hub, watch), hub.files[FILE])
    assert hub.ranges == ["", *(f"bytes={at}-" for at in TENTHS)]
    assert watch.steps[0] == Checking(0, SIZE)
    assert watch.steps[-1] == Loading(SIZE, SIZE)


@pytest.mark.parametrize("at", [0, 1, SIZE - 1])
async def test_it_goes_on_from_any_byte(hub: FakeHub, at: int) -> None:
    hub.faults = [hub.cut(at)]
    assert is_right(await fetch(hub), hub.files[FILE])
    assert hub.ranges == ["", f"bytes={at}-" if at else ""]


async def test_however_rudely_it_is_cut_no_byte_is_lost_or_doubled(hub: FakeHub) -> None:
    hub.faults = [rude] * 4
    assert is_right(await fetch(hub), hub.files[FILE])
    assert len(hub.served) == 5


def rude(data: bytes, start: int) -> Script:
    """A reset while bytes are still on their way: how many arrive is chance."""
    return [begin(data, start), data[start : start + 200_000], RST]


@pytest.mark.parametrize("at", [0, *TENTHS, SIZE - 1])
async def test_a_spoiled_byte_is_refused_and_leaves_nothing(
    hub: FakeHub, models: Path, at: int
) -> None:
    hub.faults = [spoil(at)]
    with pytest.raises(UnexpectedAnswer, match=r"refused and deleted.*SHA-256"):
        await fetch(hub)
    assert files(models) == []
    assert is_right(await fetch(hub), hub.files[FILE])


# What came before


async def test_what_was_spoiled_on_the_disk_is_refused_too(hub: FakeHub, models: Path) -> None:
    await break_off(hub)
    spoiled = bytearray(part(models).read_bytes())
    spoiled[7] ^= 1
    part(models).write_bytes(spoiled)
    with pytest.raises(UnexpectedAnswer, match="SHA-256"):
        await fetch(hub)
    assert files(models) == []


async def break_off(hub: FakeHub, at: int = SIZE // 2) -> None:
    """Leave a part of so many bytes."""
    hub.faults = [hub.cut(at), *[say("503 Service Unavailable")] * 6]
    with pytest.raises(Unavailable):
        await fetch(hub)
    hub.faults.clear()
    hub.served.clear()


async def test_two_versions_of_a_file_never_meet(hub: FakeHub, models: Path) -> None:
    await break_off(hub)
    hub.files[FILE] = content(SIZE, seed=2)
    hub.commit = "b" * 40
    pulled = await fetch(hub)
    assert hub.ranges == [""]
    assert is_right(pulled, hub.files[FILE])
    assert pulled.revision == hub.commit
    assert files(models) == [FILE, f"{FILE}.json"]


async def test_a_part_that_is_too_long_is_begun_anew(hub: FakeHub, models: Path) -> None:
    await break_off(hub)
    with part(models).open("ab") as target:
        target.write(bytes(SIZE))
    assert is_right(await fetch(hub), hub.files[FILE])
    assert hub.ranges == [""]


async def test_a_part_that_is_whole_is_put_in_its_place(hub: FakeHub, models: Path) -> None:
    await break_off(hub)
    part(models).write_bytes(hub.files[FILE])
    assert is_right(await fetch(hub), hub.files[FILE])
    assert hub.ranges == []


async def test_what_is_there_is_not_fetched_again(hub: FakeHub) -> None:
    first = await fetch(hub)
    watch = Watch()
    again = await fetch(hub, watch)
    assert len(hub.served) == 1
    assert not any(isinstance(step, Loading) for step in watch.steps)
    assert again.path == first.path
    assert again.when > first.when


async def test_what_is_there_and_spoiled_is_fetched_again(hub: FakeHub) -> None:
    first = await fetch(hub)
    first.path.write_bytes(bytes(SIZE))
    assert is_right(await fetch(hub), hub.files[FILE])
    assert hub.ranges == ["", ""]


async def test_a_newer_version_takes_the_place_of_the_older(hub: FakeHub) -> None:
    await fetch(hub)
    hub.files[FILE] = content(SIZE, seed=2)
    assert is_right(await fetch(hub), hub.files[FILE])
    (only,) = store.installed()
    assert is_right(only, hub.files[FILE])


# Services that do as they like


async def test_a_service_without_ranges_starts_anew(hub: FakeHub) -> None:
    hub.faults = [hub.cut(300_000), ignore_range]
    assert is_right(await fetch(hub), hub.files[FILE])
    assert hub.ranges == ["", "bytes=300000-"]


async def test_a_service_that_never_gets_further_is_given_up(hub: FakeHub, models: Path) -> None:
    hub.faults = [hub.cut_ignoring_range(300_000)] * 20
    watch = Watch()
    with pytest.raises(StreamTruncated, match=r"30 % came and is kept: run the same command"):
        await fetch(hub, watch)
    assert watch.pauses == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert part(models).stat().st_size == 300_000


async def test_416_starts_anew(hub: FakeHub) -> None:
    hub.faults = [hub.cut(300_000), say("416 Range Not Satisfiable")]
    assert is_right(await fetch(hub), hub.files[FILE])
    assert hub.ranges == ["", "bytes=300000-", ""]


async def test_416_to_all_of_it_is_no_answer(hub: FakeHub) -> None:
    hub.faults = [say("416 Range Not Satisfiable")]
    with pytest.raises(UnexpectedAnswer, match="another file"):
        await fetch(hub)


def claim(said: str) -> Fault:
    """An answer that claims to be that range."""
    return lambda data, start: [
        head("206 Partial Content", BINARY, content_length=len(data) - start, content_range=said),
        data[start:],
    ]


def short(data: bytes, start: int) -> Script:
    return whole(data[:-1], BINARY)


def endless(data: bytes, start: int) -> Script:
    chunk = b"%x\r\n%s\r\n" % (len(data), data)
    return [head("200 OK", BINARY, transfer_encoding="chunked"), chunk, chunk, chunk]


@pytest.mark.parametrize(
    "fault",
    [
        claim("bytes 0-999999/1000000"),
        claim("bytes 500001-999999/1000000"),
        claim("bytes 500000-999999/2000000"),
        claim("bytes */1000000"),
        claim("nonsense"),
        claim(f"bytes {'9' * 5000}-9/1000000"),
        html,
        short,
    ],
)
async def test_bytes_of_another_file_are_not_glued_on(
    hub: FakeHub, models: Path, fault: Fault
) -> None:
    await break_off(hub)
    hub.faults = [fault]
    with pytest.raises(UnexpectedAnswer, match="another file"):
        await fetch(hub)
    assert part(models).read_bytes() == hub.files[FILE][: SIZE // 2]
    assert is_right(await fetch(hub), hub.files[FILE])


async def test_what_never_ends_is_cut(hub: FakeHub) -> None:
    hub.faults = [endless]
    with pytest.raises(UnexpectedAnswer, match="another file"):
        await fetch(hub)


async def test_a_service_that_is_down_for_a_while_is_waited_for(hub: FakeHub) -> None:
    hub.listings = [refuse("503 Service Unavailable"), refuse("500 Internal Server Error")]
    hub.faults = [say("429 Too Many Requests", retry_after="7"), say("502 Bad Gateway")]
    watch = Watch()
    assert is_right(await fetch(hub, watch), hub.files[FILE])
    assert watch.pauses == [1.0, 2.0, 7.0, 2.0]
    assert sum(isinstance(step, Waiting) for step in watch.steps) == 4


async def test_a_hub_that_says_nothing_is_asked_three_times(hub: FakeHub) -> None:
    hub.listings = [refuse("503 Service Unavailable", retry_after="999999")] * 9
    watch = Watch()
    with pytest.raises(Unavailable, match="503"):
        await fetch(hub, watch)
    assert watch.pauses == [60.0, 60.0]


async def test_a_hub_that_is_not_there_is_named() -> None:
    watch = Watch()
    url = f"http://127.0.0.1:{refused_port()}"
    with pytest.raises(ConnectionFailed, match="no connection to"):
        await pull(NAME, Hub(url), watch.steps.append, watch.pause)
    assert watch.pauses == [1.0, 2.0]


# Redirects and the token


async def test_the_token_is_the_hubs_alone(hub: FakeHub) -> None:
    await pull(NAME, Hub(hub.url, token=f"{CANARY}\n"))
    assert [header(request, "authorization") for request in hub.asked] == [f"Bearer {CANARY}"] * 2
    assert [header(request, "authorization") for request in hub.served] == [""]
    assert CANARY.encode() not in b"".join(hub.served)


async def test_a_redirect_within_the_hub_keeps_the_token(hub: FakeHub) -> None:
    hub.gate = [redirect("/owner/repo/resolve/" + hub.commit + "/" + FILE, "307 Temporary")]
    await pull(NAME, Hub(hub.url, token=CANARY))
    assert [header(request, "authorization") for request in hub.asked] == [f"Bearer {CANARY}"] * 3


async def test_six_redirects_are_one_too_many(hub: FakeHub) -> None:
    hub.redirect = lambda name: f"{hub.url}/owner/repo/resolve/{hub.commit}/{name}"
    with pytest.raises(Redirected, match="more than 5 times"):
        await fetch(hub)
    assert len(hub.asked) == 7


@pytest.mark.parametrize(
    "location",
    [
        "http://models.example/tiny.gguf",
        "ftp://127.0.0.1/tiny.gguf",
        "file:///etc/passwd",
        "https://user:word@models.example/",
        "http://127.0.0.1.models.example/",
        "http://[::1/",
        "https://",
    ],
)
async def test_a_redirect_to_where_anybody_reads_is_not_followed(
    hub: FakeHub, location: str
) -> None:
    hub.redirect = lambda name: location
    with pytest.raises(Redirected, match="which is not https"):
        await fetch(hub)
    assert hub.served == []


async def test_a_hub_out_there_sends_nobody_to_this_machine() -> None:
    moved = MockResponse(302, {"location": "http://127.0.0.1:8080/admin"})
    transport = MockTransport(lambda request: moved)
    with pytest.raises(Redirected, match=r"redirects to http://127\.0\.0\.1:8080, which is not"):
        await Hub("https://models.example", transport=transport).listing("owner/repo")
    assert moved.closed
    assert len(transport.requests) == 1


@pytest.mark.parametrize(
    "endpoint", ["", "huggingface.co", "http://huggingface.co", "ftp://127.0.0.1", "https://u:p@h"]
)
def test_a_hub_that_anybody_could_play_is_refused(endpoint: str) -> None:
    with pytest.raises(ConfigError, match="HF_ENDPOINT"):
        Hub(endpoint)


async def test_everything_goes_through_the_proxy_and_may_take_its_time() -> None:
    said = b'{"sha": "%s", "siblings": []}' % (b"a" * 40)
    transport = MockTransport(lambda request: MockResponse(chunks=[said]))
    await Hub(proxy="http://127.0.0.1:8080", transport=transport).listing("owner/repo", "a/b")
    (request,) = transport.requests
    assert request.proxy == "http://127.0.0.1:8080"
    assert request.url == "https://huggingface.co/api/models/owner/repo/revision/a%2Fb?blobs=true"
    assert request.timeouts.total is None
    assert request.timeouts.first is None
    assert request.timeouts.idle == 60


# Refusals


@pytest.mark.parametrize(
    ("script", "token", "kind", "words"),
    [
        (refuse("404 Not Found", "RepoNotFound"), "", UnknownModel, "the hub has no owner/repo"),
        (
            refuse("401 Unauthorized", "RepoNotFound"),
            "",
            UnknownModel,
            "if it is private, set HF_T",
        ),
        (refuse("401 Unauthorized"), "", UnknownModel, "check the name"),
        (refuse("401 Unauthorized"), CANARY, Unauthorized, "does not let HF_TOKEN read"),
        (refuse("403 Forbidden"), "", Unauthorized, "does not let strangers read"),
        (refuse("403 Forbidden"), CANARY, Unauthorized, "does not let HF_TOKEN read"),
        (refuse("403 Forbidden", "GatedRepo"), CANARY, Unauthorized, "accept its licence at"),
        (refuse("400 Bad Request"), "", UnexpectedAnswer, "answered 400"),
        (whole(b"<html>", "text/html"), "", UnexpectedAnswer, "is not a hub"),
        (whole(b"{}"), "", UnexpectedAnswer, "is not a hub"),
        (whole(b'{"sha": "../../x", "siblings": []}'), "", UnexpectedAnswer, "is not a hub"),
        (whole(b"[" * 100_000), "", UnexpectedAnswer, "is not a hub"),
        (whole(b'{"sha": "\xff"}'), "", UnexpectedAnswer, "is not a hub"),
    ],
)
async def test_a_listing_that_is_none_says_what_to_do(
    hub: FakeHub, script: Script, token: str, kind: type[PenstockError], words: str
) -> None:
    hub.listings = [script]
    with pytest.raises(kind, match=words) as caught:
        await pull(NAME, Hub(hub.url, token=token), pause=Watch().pause)
    assert_no_secret(caught.value)


async def test_a_gated_file_says_where_its_licence_is(hub: FakeHub, models: Path) -> None:
    hub.gate = [refuse("401 Unauthorized", "GatedRepo")]
    with pytest.raises(Unauthorized, match=rf"licence at {hub.url}/owner/repo and set HF_TOKEN"):
        await fetch(hub)
    assert store.installed() == []


async def test_a_listing_that_never_ends_is_cut(hub: FakeHub) -> None:
    hub.listings = [whole(b" " * (2**24 + 1))]
    with pytest.raises(UnexpectedAnswer, match="never ends"):
        await fetch(hub)


@pytest.mark.parametrize(
    "name",
    ["../../../x.gguf", "/etc/x.gguf", "a\\..\\x.gguf", "a/\x1b[2J.gguf", ".gguf", "a/.gguf"],
)
async def test_a_file_that_would_lie_elsewhere_is_not_listed(hub: FakeHub, name: str) -> None:
    hub.files = {name: content(10)}
    with pytest.raises(InvalidRequest, match="has no GGUF file"):
        await fetch(hub)


# The disk, and other pulls


async def test_what_does_not_fit_is_not_begun(hub: FakeHub) -> None:
    listing = hub.listing().replace(b'"size": 1000000', b'"size": 1000000000000000000')
    hub.listings = [whole(listing)]
    with pytest.raises(ConfigError, match=r"free, and 1000000000\.0 GB are needed; free some room"):
        await fetch(hub)
    assert hub.served == []


async def test_a_folder_that_cannot_be_one_is_named(hub: FakeHub, models: Path) -> None:
    models.parent.mkdir(exist_ok=True)
    models.write_text("a file")
    with pytest.raises(ConfigError, match=r"cannot be used: .*; set PENSTOCK_MODELS"):
        await fetch(hub)


def link(path: Path, target: Path) -> None:
    path.symlink_to(target)


def pipe(path: Path, target: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("put", [link, pipe])
@pytest.mark.parametrize("ending", [".{}.part", ".json.new", ".lock"])
async def test_what_another_put_in_the_place_of_a_file_is_not_written_to(
    hub: FakeHub, models: Path, ending: str, put: Callable[[Path, Path], None]
) -> None:
    theirs = models.parent / "theirs"
    theirs.write_bytes(b"kept")
    sha = hashlib.sha256(hub.files[FILE]).hexdigest()[:16]
    planted = models / NAME / f"{FILE}{ending.format(sha)}"
    planted.parent.mkdir(parents=True)
    put(planted, theirs)
    with pytest.raises(ConfigError, match=f"{re.escape(planted.name)} is a link or no file"):
        await fetch(hub)
    assert theirs.read_bytes() == b"kept"
    planted.unlink()
    assert is_right(await fetch(hub), hub.files[FILE])


async def test_a_second_pull_of_the_same_file_is_told_so(hub: FakeHub, models: Path) -> None:
    hub.faults = [stand_still(SIZE // 2)]
    pulling = asyncio.ensure_future(fetch(hub))
    while not hub.served:
        await asyncio.sleep(0.001)
    with pytest.raises(CallerError, match="is being pulled already"):
        await fetch(hub)
    with pytest.raises(CallerError, match="is being pulled already"):
        store.remove(NAME)
    pulling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pulling
    await fetch(hub)
    assert files(models) == [FILE, f"{FILE}.json"]


async def test_two_files_are_pulled_at_once(hub: FakeHub) -> None:
    hub.files["tiny-Q8_0.gguf"] = content(SIZE, seed=3)
    one, two = await asyncio.gather(fetch(hub), fetch(hub, name=f"{NAME}:q8_0"))
    assert is_right(one, hub.files[FILE])
    assert is_right(two, hub.files["tiny-Q8_0.gguf"])


async def test_the_loop_goes_on_while_what_is_there_is_checked(hub: FakeHub) -> None:
    hub.files[FILE] = bytes(64_000_000)
    await fetch(hub)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += 1

    beating = asyncio.ensure_future(beat())
    await fetch(hub)
    beating.cancel()
    assert beats > 100


async def test_service_errors_are_all_that_is_tried_again(hub: FakeHub) -> None:
    hub.faults = [serve]
    watch = Watch()
    hub.told = {FILE: "0" * 64}
    with pytest.raises(ServiceError):
        await fetch(hub, watch)
    assert watch.pauses == []
