"""What everybody's own calls tell of a model, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock import OpenAICompatible
from penstock.errors import Unavailable
from penstock.health import here
from penstock.health.report import status
from penstock.routing.target import Target
from raw import CHUNKED, STAY, Upstream, chunk, head, say, spoken

BROKEN = [head("500 Internal Server Error", content_length=0)]


class Lab(OpenAICompatible):
    """A service of this test's."""

    name = "lab-of-this-test"


@pytest.fixture(autouse=True)
def no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_STATUS", "off")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(BROKEN) as upstream:
        yield upstream


async def test_three_calls_that_fail_put_a_target_last_and_one_that_works_puts_it_back(
    upstream: Upstream,
) -> None:
    lab = Lab(base_url=upstream.url)
    target = Target(lab, "m")
    for _ in range(3):
        assert not target.is_failing("")
        with pytest.raises(Unavailable):
            await lab.create_async("m", "Hello")
    assert target.is_failing("")
    assert (status(lab, "m").state, status(lab, "m").error) == ("failing", "Unavailable")
    upstream.follow(spoken("Hello"))
    await lab.create_async("m", "Hello")
    assert not target.is_failing("")
    (stream,) = status(Lab).tried
    assert (stream.verdict, stream.tries, stream.probe) == ("worked", 4, False)
    assert stream.first is not None


async def test_whoever_leaves_says_nothing_of_the_service(upstream: Upstream) -> None:
    upstream.follow([CHUNKED, chunk(say("one")), STAY])
    async for _ in Lab(base_url=upstream.url).create_async_generator("left", "Hello"):
        break
    assert not here.tried(Lab.name, "left")
