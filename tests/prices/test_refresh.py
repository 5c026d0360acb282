"""The user's own copy: fetched from a real socket, and put in place only where it is better."""

from __future__ import annotations

import resource
import stat
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from penstock import Usage, cost
from penstock.errors import (
    ConfigError,
    ConnectionFailed,
    PenstockError,
    StreamTruncated,
    UnexpectedAnswer,
)
from penstock.prices import sources, table
from penstock.prices.refresh import refresh
from penstock.prices.sources import PROVIDERS
from penstock.transport.http import HTTPTransport
from prices import public_data
from raw import FIN, Script, Upstream, head, refused_port

TODAY = date(2026, 11, 22)
HELD = sources.build(public_data.genai_prices(), public_data.models_dev(), date(2026, 11, 21)).table

Served = Callable[..., None]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the user's copy goes. The package's own table has a model for each provider."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(table, "packaged_table", lambda: HELD)
    table.forget()
    yield tmp_path / "penstock" / "prices.json"
    table.forget()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Serve other data at the two addresses from now on."""
    with Upstream(lambda request: answers[request.split(b" ")[1]]) as upstream:
        origin = upstream.url.removesuffix("/v1")
        monkeypatch.setattr(sources, "GENAI_PRICES", f"{origin}/prices")
        monkeypatch.setattr(sources, "MODELS_DEV", f"{origin}/facts")
        answers: dict[bytes, Script] = {}

        def served(
            prices: bytes = public_data.genai_prices(),
            facts: bytes = public_data.models_dev(),
            script: Script = (),
        ) -> None:
            answers[b"/prices"] = whole(prices)
            answers[b"/facts"] = script or whole(facts)

        yield served


def whole(body: bytes) -> Script:
    return [head(content_type="application/json", content_length=len(body)), body]


async def fetched() -> table.Table:
    return await refresh(HTTPTransport(), today=TODAY)


async def test_what_was_fetched_is_read_from_then_on(file: Path, serve: Served) -> None:
    dearer = {"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 8, "output_mtok": 9}}
    usage = Usage(input=1_000_000, output=0)
    assert str(cost(usage, "openai/m")) == "$1"
    serve(prices=public_data.genai_prices(openai=[dearer]))
    made = await fetched()
    assert table.decode(file.read_bytes()) == made == table.table()
    assert made.made == TODAY
    assert str(cost(usage, "openai/m")) == "$8"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [path.name for path in file.parent.iterdir()] == ["prices.json"]


def said(**more: Any) -> dict[str, bytes]:
    """The usual data, with one model of OpenAI's that is as it should not be."""
    model = {"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 1, "output_mtok": 2}}
    return {"prices": public_data.genai_prices(openai=[{**model, **more}])}


LESS: dict[str, dict[str, Any]] = {
    "no prices": {
        "prices": public_data.genai_prices(**{said.genai: [] for said in PROVIDERS.values()})
    },
    "cut": {"facts": public_data.models_dev()[:-20]},
    "empty": {"facts": b""},
    "another kind": {"prices": b"<html>"},
    "nobody": {"prices": b"[]"},
    "bad pattern": said(match={"regex": "(("}),
    "no pattern": said(match={"regex": None}),
    "no name": said(match={"equals": 5}),
    "too dear": said(prices={"input_mtok": "1e999999"}),
    "no number": said(prices={"input_mtok": "NaN"}),
    "endless": said(prices={"input_mtok": "Infinity"}),
    "paid back": said(prices={"input_mtok": -1}),
    "too long": {
        "facts": public_data.models_dev(
            openai=[public_data.model("m", limit={"context": 2**70}, last_updated="2026-06-01")]
        )
    },
    "older": {
        "facts": public_data.models_dev(
            **{
                said.models_dev: [public_data.model("m", last_updated="2026-05-01")]
                for said in PROVIDERS.values()
            }
        )
    },
}


@pytest.mark.parametrize("less", LESS.values(), ids=LESS)
async def test_worse_data_leaves_what_is_here(
    file: Path, serve: Served, less: dict[str, bytes]
) -> None:
    serve()
    before = await fetched()
    serve(**less)
    with pytest.raises(UnexpectedAnswer, match="data"):
        await fetched()
    assert table.decode(file.read_bytes()) == before == table.table()
    assert [path.name for path in file.parent.iterdir()] == ["prices.json"]


async def test_a_provider_that_is_lost_keeps_its_rows(file: Path, serve: Served) -> None:
    serve(prices=public_data.genai_prices(openai=[]), facts=public_data.models_dev(openai=[]))
    made = await fetched()
    assert made.providers["openai"] == HELD.providers["openai"]
    assert made.made == TODAY


FAILING: dict[str, tuple[Script, type[PenstockError]]] = {
    "cut": ([head(content_length=500), b"[", FIN], StreamTruncated),
    "not there": ([head("404 Not Found", content_length=0)], UnexpectedAnswer),
    "elsewhere": ([head("302 Found", location="http://x/", content_length=0)], UnexpectedAnswer),
    "failing": ([head("503 Service Unavailable", content_length=0)], UnexpectedAnswer),
}


@pytest.mark.parametrize(("script", "kind"), FAILING.values(), ids=FAILING)
async def test_a_failure_on_the_way_leaves_what_is_here(
    file: Path, serve: Served, script: Script, kind: type[PenstockError]
) -> None:
    serve(script=script)
    with pytest.raises(kind):
        await fetched()
    assert not file.exists()


async def test_a_place_where_nothing_can_be_written_is_told(file: Path, serve: Served) -> None:
    file.parent.parent.joinpath("penstock").write_text("a file, not a folder")
    serve()
    with pytest.raises(ConfigError, match="XDG_CACHE_HOME"):
        await fetched()


async def test_without_a_home_it_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "~nobody-of-that-name/cache")
    with pytest.raises(ConfigError, match="XDG_CACHE_HOME"):
        await fetched()
    assert table.own_table() is None


async def test_a_full_disk_keeps_nothing_of_it(file: Path, serve: Served) -> None:
    serve()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(ConfigError, match="cannot be written"):
            await fetched()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(file.parent.iterdir()) == []


async def test_nobody_there_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "GENAI_PRICES", f"http://127.0.0.1:{refused_port()}/prices")
    with pytest.raises(ConnectionFailed):
        await fetched()
    assert not file.exists()


async def test_a_newer_package_is_read_in_place_of_an_older_copy(
    file: Path, serve: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve()
    await fetched()
    newer = replace(HELD, made=TODAY + timedelta(1))
    monkeypatch.setattr(table, "packaged_table", lambda: newer)
    table.forget()
    assert table.table() == newer
