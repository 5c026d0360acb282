"""chatbot-ui: bare text out, a JSON question in."""

from __future__ import annotations

from time import process_time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import (
    ContentFiltered,
    EmptyStream,
    InvalidRequest,
    MalformedStream,
    PenstockError,
    RateLimited,
    StreamTruncated,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    UnknownModel,
)
from penstock.events import Finish, Reply, Start, TextDelta
from penstock.protocols import json
from penstock.protocols.chatbot_ui import DEFAULT_PROMPT, ChatbotUI
from penstock.types import (
    ChatRequest,
    ImagePart,
    Message,
    ModelInfo,
    RefusalPart,
    Secret,
    TextPart,
    Usage,
)
from protocols.reading import Outcome, by, outcome_of, read, sliced
from protocols.strategies import texts

UI = ChatbotUI()


def ended(text: str, reason: Any = "stop") -> Outcome:
    """A whole answer, its text in one piece."""
    usage = Usage(output=-(-len(text.encode()) // 4), provenance="estimated")
    return Outcome((Start(), TextDelta(text), Finish(reason, None, usage)), None)


# Answers


@pytest.mark.parametrize(
    "text",
    [
        *("Hi", "Привет", "👩‍🚀", " \n Hi", "\n", " ", "\u2028\u0085"),
        *("{}", "data: [DONE]\n\n", "a<html>", "\ufeffHi", "\ufeff", "\ufffb"),
    ],
)
def test_any_text_is_an_answer_however_it_arrives(text: str) -> None:
    body = text.encode()
    assert read(UI, body).merged() == ended(text)
    assert read(UI, by(body, 1)).merged() == ended(text)
    for cut in range(len(body) + 1):
        assert read(UI, sliced(body, [cut])).merged() == ended(text)
    assert outcome_of(UI.decode_response(body)).merged() == ended(text)


def test_text_comes_as_soon_as_it_is_there() -> None:
    decoder = UI.decoder()
    assert list(decoder.feed("При".encode() + b"\xd0")) == [Start(), TextDelta("При")]
    assert decoder.pending == 1
    assert list(decoder.feed(b"\xb2")) == [TextDelta("в")]
    assert decoder.pending == 0


def test_without_an_end_of_the_body_s_own_the_reason_is_unknown() -> None:
    assert read(UI, b"Hi", delimited=False) == ended("Hi", "unknown")


def test_usage_is_estimated_and_says_so() -> None:
    finish = read(UI, "Привет".encode()).finish
    assert finish
    assert finish.usage == Usage(output=3, provenance="estimated")


@pytest.mark.parametrize("page", [b"<html>", b"\n\n <!DOCTYPE html>", b"\xef\xbb\xbf<html>", b"<"])
def test_a_web_page_is_not_an_answer(page: bytes) -> None:
    for cut in range(len(page) + 1):
        outcome = read(UI, sliced(page + b"text", [cut]))
        assert outcome == Outcome((), outcome.failure)
        assert outcome.error is UnexpectedAnswer


@pytest.mark.parametrize("head", [b"", b"text ", b"\n"])
def test_what_is_not_utf8_is_an_error_after_the_text_before_it(head: bytes) -> None:
    body = head + b"\xff and more"
    outcome = read(UI, body).merged()
    assert outcome.error is MalformedStream
    assert outcome.reply.text == head.decode()
    for cut in range(len(body) + 1):
        assert read(UI, sliced(body, [cut])).merged() == outcome


def test_a_body_cut_inside_a_character_is_an_error() -> None:
    for body in ("Привет".encode()[:-1], "🎉".encode()[:1], b" \xef\xbb"):
        for delimited in (True, False):
            outcome = read(UI, body, delimited)
            assert outcome.error is StreamTruncated
            assert not outcome.finish


def test_an_empty_body_is_an_error() -> None:
    assert read(UI, b"").error is EmptyStream
    assert outcome_of(UI.decode_response(b"")).error is EmptyStream


@pytest.mark.slow
@pytest.mark.parametrize("text", [" ", "я"])
def test_a_long_text_fed_byte_by_byte_takes_time_in_proportion(text: str) -> None:
    body = text.encode() * (2**19 // len(text.encode()))
    began = process_time()
    assert len(read(UI, by(body, 1)).reply.text) == len(body) // len(text.encode())
    assert process_time() - began < 10  # its square takes a minute


def test_what_is_written_is_the_text_alone() -> None:
    encoder = UI.encoder(ChatRequest())
    assert encoder.encode(TextDelta("Привет \ud83d")) == "Привет ?".encode()
    assert encoder.encode(Finish()) == encoder.close() == b""
    assert encoder.error(PenstockError("x")) == b""


def test_a_whole_answer_says_what_a_stream_says() -> None:
    message = Message("assistant", (TextPart("Hi"), RefusalPart("No")))
    assert UI.encode_response(Reply("", "", message, None)) == "HiNo"


# Questions


def body(**changed: Any) -> dict[str, Any]:
    model = {"id": "gpt-4", "name": "GPT-4", "maxLength": 24000, "tokenLimit": 8000}
    said: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": "Привет"}],
        "key": "",
        "prompt": "Be brief",
        "temperature": 0.5,
    }
    return {**said, **changed}


def test_a_question_is_read() -> None:
    assert UI.decode_request(body(key="sk-1")) == ChatRequest(
        model="gpt-4",
        messages=(
            Message("system", (TextPart("Be brief"),)),
            Message("user", (TextPart("Привет"),)),
        ),
        temperature=0.5,
        api_key=Secret("sk-1"),
    )


@given(
    st.lists(st.builds(lambda role, text: {"role": role, "content": text},
                       st.sampled_from(["user", "assistant"]), texts), min_size=1),
    st.text(), texts.filter(str.strip), st.floats(0, 2),
)  # fmt: skip
def test_what_was_read_is_written_again(
    messages: list[dict[str, str]], key: str, prompt: str, temperature: float
) -> None:
    asked = body(messages=messages, key=key, prompt=prompt, temperature=temperature)
    written = UI.encode_request(UI.decode_request(asked))
    assert written == {**asked, "model": {"id": "gpt-4", "name": "gpt-4"}}
    assert UI.decode_request(json.loads(json.encode(written))) == UI.decode_request(asked)


@pytest.mark.parametrize(("prompt", "system"), [("", DEFAULT_PROMPT), (" ", None), ("Hm", "Hm")])
def test_an_empty_prompt_means_the_default_and_a_blank_none(
    prompt: str, system: str | None
) -> None:
    first = UI.decode_request(body(prompt=prompt)).messages[0]
    assert (first.text if first.role == "system" else None) == system
    missing = {key: value for key, value in body().items() if key != "prompt"}
    assert UI.decode_request(missing).messages[0].text == DEFAULT_PROMPT


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"model": None}, "model"),
        ({"model": "gpt-4"}, "model"),
        ({"model": {}}, "model.id"),
        ({"model": {"id": 4}}, "model.id"),
        ({"messages": None}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["Hi"]}, "messages[0]"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "robot", "content": ""}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"key": 5}, "key"),
        ({"prompt": []}, "prompt"),
        ({"temperature": "hot"}, "temperature"),
    ],
)
def test_a_wrong_field_is_named(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        UI.decode_request(body(**changed))
    assert caught.value.param == field
    assert field in caught.value.message


@pytest.mark.parametrize("field", ["model", "messages"])
def test_a_missing_field_is_named(field: str) -> None:
    asked = body()
    del asked[field]
    with pytest.raises(InvalidRequest) as caught:
        UI.decode_request(asked)
    assert caught.value.param == field
    assert field in caught.value.message


def test_system_messages_are_the_prompt_and_the_key_goes_in_the_body() -> None:
    request = ChatRequest(
        model="m",
        messages=(
            Message("system", (TextPart("Be"),)),
            Message("user", (TextPart("a"), TextPart("b"))),
            Message("developer", (TextPart("brief"),)),
        ),
        api_key=Secret("sk-1"),
    )
    asked = UI.encode_request(request)
    assert asked == {
        "model": {"id": "m", "name": "m"},
        "messages": [{"role": "user", "content": "ab"}],
        "key": "sk-1",
        "prompt": "Be\nbrief",
        "temperature": 1.0,
    }
    assert json.loads(json.encode(asked)) == asked
    assert UI.key_headers("sk-1") == {}


def test_what_is_not_text_cannot_be_asked() -> None:
    request = ChatRequest(messages=(Message("user", (ImagePart(url="https://a.example"),)),))
    with pytest.raises(InvalidRequest, match="image"):
        UI.encode_request(request)


# Errors and models


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (500, "", Unavailable),
        (500, "Internal Server Error", Unavailable),
        (500, "Incorrect API key provided", Unauthorized),
        (500, "Rate limit reached for gpt-4", RateLimited),
        (500, "You exceeded your current quota", RateLimited),
        (500, "The model `gpt-5` does not exist", UnknownModel),
        (500, "This model's maximum context length is 8192 tokens", InvalidRequest),
        (500, "triggering Azure OpenAI's content management policy", ContentFiltered),
        (403, "Forbidden", Unauthorized),
        (503, "Service Unavailable", Unavailable),
    ],
)
def test_the_status_text_says_why(status: int, reason: str, kind: type[PenstockError]) -> None:
    error = UI.decode_error(status, b"Error", reason)
    assert type(error) is kind
    assert error.status == status
    if kind is not Unavailable:
        assert reason in error.message


def test_a_web_page_in_an_error_is_not_shown() -> None:
    error = UI.decode_error(403, b"<html>secret</html>", "Forbidden")
    assert "secret" not in error.message
    assert "web page" in error.message


def test_an_error_is_status_500_and_the_word() -> None:
    assert UI.encode_error(PenstockError("x")) == (500, "Error")


def test_models_are_asked_with_the_key_and_listed_as_text() -> None:
    method, path, asked = UI.models_request("sk-1")
    assert (method, path, msgspec.json.decode(asked)) == ("POST", "/api/models", {"key": "sk-1"})
    listed = UI.decode_models(b'[{"id": "a", "name": "A", "x": 1}, {"id": "b"}]')
    assert listed == (ModelInfo("a", "A"), ModelInfo("b"))
    assert UI.encode_models(listed) == [{"id": "a", "name": "A"}, {"id": "b", "name": "b"}]


@pytest.mark.parametrize("wrong", [b"", b"{}", b"[1]", b'[{"id": 1}]', b"<html>", b'["\\ud83d"]'])
def test_what_is_not_a_model_list_is_an_error(wrong: bytes) -> None:
    with pytest.raises(UnexpectedAnswer):
        UI.decode_models(wrong)
