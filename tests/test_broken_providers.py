"""A provider that cannot be loaded, or trips, takes nobody else down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock import Catalog, Config, ConfigError, GeneratorProvider, discovery, lists
from penstock.discovery import Place
from penstock.errors import ServiceError
from penstock.types import ModelInfo
from raw import Upstream, head

GOOD = """
from penstock import GeneratorProvider

class Good(GeneratorProvider):
    url = "https://good.invalid"
    models = ("fine",)
    default_model = "fine"

    @classmethod
    async def create_async_generator(cls, model, messages, **kwargs):
        yield "good"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PENSTOCK_PROVIDERS", str(tmp_path))
    monkeypatch.setenv("PENSTOCK_DISCOVERY", "0")
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "broken.py").write_text("raise RuntimeError('not today')")
    (tmp_path / ".#good.py").symlink_to("nobody@nowhere.1")  # as an editor leaves it
    return tmp_path


@pytest.mark.usefixtures("folder")
async def test_the_others_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN_API_KEY", "k")
    catalog = Catalog(Config())
    assert "good" in {provider.name for provider in catalog.configured()}
    assert (await catalog.resolve("fine"))[0].name == "good"
    assert "good/fine" in {info.id for info in await catalog.list_models()}
    assert catalog.default()
    with pytest.raises(ConfigError, match="RuntimeError: not today"):
        catalog.get("broken")


async def test_a_list_that_trips_is_its_providers_failure() -> None:
    class Trips(GeneratorProvider):
        url = "https://trips.invalid"

        @classmethod
        async def create_async(cls, model: str, messages: Any, **kwargs: Any) -> str:  # type: ignore[override]
            return ""

        async def list_models(self) -> tuple[ModelInfo, ...]:
            raise ValueError("no such thing")

    offered = await lists.offer(Trips())
    assert isinstance(offered.error, ServiceError)
    assert "ValueError: no such thing" in offered.error.message


async def test_an_engine_that_trips_is_not_there() -> None:
    async def trips(ask: Any) -> str:
        await ask("/")
        raise TypeError("not what I thought")

    async def answers(ask: Any) -> str:
        await ask("/")
        return "here"

    answer = head(content_type="application/json", content_length=2) + b"{}"
    with Upstream([answer]) as one, Upstream([answer]) as two:
        places = {"one": _place(one), "two": _place(two)}
        found = await discovery.look(places, {"one": trips, "two": answers}.__getitem__, 5.0)
    assert found == {"two": "here"}


def _place(upstream: Upstream) -> Place:
    return Place(int(upstream.url.rpartition(":")[2]))
