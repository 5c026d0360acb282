"""What a provider offers is its own list, or a known one where it has none; never by mistake."""

from __future__ import annotations

import pytest

from penstock import lists
from penstock.errors import Unauthorized
from penstock.lists import Lists, offer
from penstock.providers.bedrock import Bedrock
from penstock.providers.builtin import Builtin
from penstock.providers.groq import Groq
from penstock.transport.mock import MockResponse, MockTransport

LIST = b'{"object":"list","data":[{"id":"llama-3.3-70b-versatile"},{"id":"new"}]}'
REFUSED = MockResponse(status=401, chunks=[b'{"error":{"message":"no"}}'])


def groq(*answers: MockResponse) -> tuple[Groq, MockTransport]:
    left = iter(answers)
    transport = MockTransport(lambda request: next(left))
    return Groq(api_key="gsk-test", transport=transport), transport


async def test_a_list_is_the_services_own_with_what_is_known_of_each() -> None:
    known, new = (await offer(groq(MockResponse(chunks=[LIST]))[0])).models
    assert (known.id, known.source, new.id) == ("llama-3.3-70b-versatile", "live", "new")
    assert known.context
    assert new.context is None


async def test_who_refuses_offers_nothing_and_the_reason_is_kept() -> None:
    made = await offer(groq(REFUSED)[0])
    assert made.models == ()
    assert isinstance(made.error, Unauthorized)


async def test_who_answers_that_there_are_none_has_none() -> None:
    made = await offer(groq(MockResponse(chunks=[b'{"data":[]}']))[0])
    assert (made.models, made.error) == ((), None)


async def test_who_has_no_list_offers_what_the_table_knows() -> None:
    made = await offer(Bedrock(api_key="test", transport=MockTransport(lambda _: REFUSED)))
    assert {info.source for info in made.models} == {"snapshot"}
    assert made.error is None


async def test_models_that_are_declared_are_from_nobody() -> None:
    assert {info.source for info in (await offer(Builtin())).models} == {""}


async def test_a_list_is_kept_and_one_that_failed_is_asked_for_again_sooner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lists, "_FAILED_AGE", 0.0)
    kept = Lists()
    provider, transport = groq(REFUSED, MockResponse(chunks=[LIST]))
    assert await kept.of(provider) == ()
    for _ in range(3):
        assert len(await kept.of(provider)) == 2
    assert len(transport.requests) == 2
