"""The three founding providers say on the wire what their documents say, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from penstock import (
    AbstractProvider,
    Aivvm,
    AsyncGeneratorProvider,
    Aura,
    CodeLinkAva,
    PenstockError,
    UnknownModel,
)
from raw import CHUNKED, DONE, LAST, Upstream, chunk, head, say

HELLO = [{"role": "user", "content": "Привет! Как дела?"}]
TEXT = "Hi there 🙂"
BARE = [head(content_type="text/plain", content_length=len(TEXT.encode())) + TEXT.encode()]
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/{}.0.0.0 Safari/537.36"
)


class Seen:
    """One captured request."""

    def __init__(self, raw: bytes) -> None:
        head, _, body = raw.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        self.line = line
        pairs = (field.split(": ", 1) for field in fields)
        self.headers = {name.lower(): value for name, value in pairs}
        self.json: Any = json.loads(body)

    def said(self) -> dict[str, str]:
        """The headers, without those that HTTP itself needs."""
        of_http = ("host", "content-length")
        return {name: value for name, value in self.headers.items() if name not in of_http}


@pytest.fixture
def ava() -> Iterator[Upstream]:
    chunks = [chunk(say("Hi ")), chunk(say("there 🙂")), chunk(DONE), LAST]
    with Upstream([CHUNKED, *chunks]) as upstream:
        yield upstream


@pytest.fixture
def chat() -> Iterator[Upstream]:
    with Upstream(BARE) as upstream:
        yield upstream


def seen(upstream: Upstream) -> Seen:
    return Seen(upstream.asked().result(5).requests[0])


def test_the_classes_declare_what_the_documents_say() -> None:
    assert issubclass(CodeLinkAva, AsyncGeneratorProvider)
    assert CodeLinkAva.url == "https://ava-ai-ef611.web.app"
    assert CodeLinkAva.supports_gpt_35_turbo
    assert not CodeLinkAva.working
    assert issubclass(Aivvm, AbstractProvider)
    assert Aivvm.url == "https://chat.aivvm.com"
    assert Aivvm.supports_stream
    assert Aivvm.supports_gpt_35_turbo
    assert Aivvm.supports_gpt_4
    assert not Aivvm.working
    assert issubclass(Aura, AsyncGeneratorProvider)
    assert Aura.url == "https://openchat.team"
    assert not Aura.working


def test_the_classes_ask_their_documented_addresses() -> None:
    assert CodeLinkAva().endpoint == "https://ava-alpha-api.codelink.io/api/chat"
    assert Aivvm().endpoint == "https://chat.aivvm.com/api/chat"
    assert Aura().endpoint == "https://openchat.team/api/chat"


async def test_codelink_ava_sends_its_documented_request(ava: Upstream) -> None:
    generator = CodeLinkAva.create_async_generator("gpt-3.5-turbo", HELLO, base_url=ava.url)
    assert [text async for text in generator] == ["Hi ", "there 🙂"]
    request = seen(ava)
    assert request.line == "POST /api/chat HTTP/1.1"
    assert request.json == {"messages": HELLO, "temperature": 0.6, "stream": True}
    assert request.said() == {
        "user-agent": CHROME.format(116),
        "accept": "*/*",
        "accept-encoding": "identity",
        "accept-language": (
            "en,fr-FR;q=0.9,fr;q=0.8,es-ES;q=0.7,es;q=0.6,en-US;q=0.5,am;q=0.4,de;q=0.3"
        ),
        "content-type": "application/json",
        "origin": "https://ava-ai-ef611.web.app",
        "referer": "https://ava-ai-ef611.web.app/",
        "sec-fetch-dest": "empty",
        "sec-fetch-mode": "cors",
        "sec-fetch-site": "same-origin",
    }


async def test_codelink_ava_puts_every_option_into_the_body(ava: Upstream) -> None:
    options = {"temperature": 0.9, "max_tokens": 50, "presence_penalty": 1, "user": "u"}
    await CodeLinkAva.create_async("any-name", HELLO, base_url=ava.url, **options)
    assert seen(ava).json == {"messages": HELLO, "stream": True, **options}


async def test_codelink_ava_takes_an_option_over_its_own_default(ava: Upstream) -> None:
    whole = {"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]}
    body = json.dumps(whole).encode()
    with Upstream([head(content_type="application/json", content_length=len(body)) + body]) as up:
        assert await CodeLinkAva.create_async("", HELLO, base_url=up.url, stream=False) == "Hi"
        assert seen(up).json == {"messages": HELLO, "temperature": 0.6, "stream": False}


def test_aivvm_sends_its_documented_request(chat: Upstream) -> None:
    provider = Aivvm(base_url=chat.url)
    chunks = provider.create_completion(model="gpt-4-32k", messages=HELLO, stream=True)
    assert "".join(chunks) == TEXT
    request = seen(chat)
    assert request.line == "POST /api/chat HTTP/1.1"
    assert request.json == {
        "model": {"id": "gpt-4-32k", "name": "GPT-4-32K"},
        "messages": HELLO,
        "key": "",
        "prompt": (
            "You are ChatGPT, a large language model trained by OpenAI. "
            "Follow the user's instructions carefully. Respond using markdown."
        ),
        "temperature": 0.7,
    }
    assert request.said() == {
        "accept": "text/event-stream",
        "accept-encoding": "identity",
        "accept-language": "en-US,en;q=0.9",
        "content-type": "application/json",
        "sec-ch-ua": '"Google Chrome";v="117", "Not;A=Brand";v="8", "Chromium";v="117"',
        "sec-ch-ua-mobile": "?0",
        "sec-ch-ua-platform": '"Windows"',
        "sec-fetch-dest": "empty",
        "sec-fetch-mode": "cors",
        "sec-fetch-site": "same-origin",
        "referer": "https://chat.aivvm.com/",
        "user-agent": CHROME.format(117),
    }


def test_aivvm_takes_its_three_options(chat: Upstream) -> None:
    options: dict[str, Any] = {"system_message": "Be brief.", "temperature": 0.1, "key": "sk-own"}
    list(Aivvm(base_url=chat.url).create_completion("gpt-4", HELLO, **options))
    body = seen(chat).json
    assert (body["prompt"], body["temperature"], body["key"]) == ("Be brief.", 0.1, "sk-own")


@pytest.mark.parametrize("prompt", ["", " "])
def test_an_empty_prompt_and_a_single_space_go_out_as_they_are(prompt: str, chat: Upstream) -> None:
    list(Aivvm(base_url=chat.url).create_completion("gpt-4", HELLO, system_message=prompt))
    assert seen(chat).json["prompt"] == prompt


def test_aivvm_answers_an_empty_model_with_its_default(chat: Upstream) -> None:
    list(Aivvm(base_url=chat.url).create_completion("", HELLO))
    assert seen(chat).json["model"] == {"id": "gpt-3.5-turbo", "name": "GPT-3.5"}


def test_aivvm_refuses_an_unknown_model_and_names_those_it_knows() -> None:
    with pytest.raises(ValueError, match=r"gpt-3\.5-turbo-16k-0613.*gpt-4-32k-0613") as caught:
        list(Aivvm.create_completion("gpt-5", HELLO))
    assert isinstance(caught.value, UnknownModel)
    assert isinstance(caught.value, PenstockError)


async def test_aura_sends_its_documented_request(chat: Upstream) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        *HELLO,
        {"role": "system", "content": "Be kind."},
    ]
    generator = Aura.create_async_generator("openchat_3.6", messages, base_url=chat.url)
    assert "".join([text async for text in generator]) == TEXT
    request = seen(chat)
    assert request.line == "POST /api/chat HTTP/1.1"
    assert request.json == {
        "model": {
            "id": "openchat_3.6",
            "name": "OpenChat 3.6 (latest)",
            "maxLength": 24576,
            "tokenLimit": 8192,
        },
        "messages": HELLO,
        "key": "",
        "prompt": "Be brief.\nBe kind.",
        "temperature": 0.5,
    }
    assert request.said()["content-type"] == "application/json"


async def test_aura_takes_its_options_and_an_empty_model(chat: Upstream) -> None:
    options = {"temperature": 0.0, "max_tokens": 100}
    await Aura.create_async("", HELLO, base_url=chat.url, **options)
    body = seen(chat).json
    assert body["model"]["id"] == "openchat_3.6"
    assert body["model"]["tokenLimit"] == 100
    assert body["temperature"] == 0.0
    assert body["prompt"] == ""


@pytest.mark.parametrize("provider", [Aivvm, Aura])
async def test_a_configured_key_goes_into_the_body_and_no_header(
    provider: type[Aivvm] | type[Aura], chat: Upstream
) -> None:
    await provider.create_async("", HELLO, base_url=chat.url, api_key="sk-canary")
    request = seen(chat)
    assert request.json["key"] == "sk-canary"
    assert "sk-canary" not in str(request.headers)


async def test_the_environment_moves_a_founding_provider(
    chat: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_AURA_BASE_URL", chat.url + "/aura")
    assert await Aura.create_async("", HELLO) == TEXT
    assert seen(chat).line == "POST /aura/api/chat HTTP/1.1"


async def test_the_generator_may_be_awaited_first_as_document_001_does(ava: Upstream) -> None:
    generator = CodeLinkAva.create_async_generator(model="m", messages=HELLO, base_url=ava.url)
    assert [text async for text in await generator] == ["Hi ", "there 🙂"]
