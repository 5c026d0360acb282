"""The laws of every protocol: how a body is cut into pieces says nothing, decoding undoes
encoding, and a stream that was cut never ends well."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import (
    EmptyStream,
    PenstockError,
    StreamFailed,
    StreamTruncated,
    UnexpectedAnswer,
)
from penstock.events import (
    Event,
    Finish,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    collect,
)
from penstock.protocols import Protocol, json
from penstock.protocols.chatbot_ui import ChatbotUI
from penstock.protocols.openai_chat import OpenAIChat
from penstock.types import ChatRequest, Usage
from protocols.reading import Outcome, brief, by, cuts, merge, read, sliced
from protocols.strategies import AWKWARD, USAGE_TOO, chats, framings, texts

ASKED = ChatRequest(model="m", metadata=USAGE_TOO)
PROTOCOLS: list[Protocol] = [OpenAIChat(), ChatbotUI()]
each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda p: str(p.name))
FIELD = re.compile(rb"^data: ", re.MULTILINE)
FRAMES: dict[str, Callable[[bytes], bytes]] = {
    "LF": lambda stream: stream,
    "CRLF": lambda stream: stream.replace(b"\n", b"\r\n"),
    "CR": lambda stream: stream.replace(b"\n", b"\r"),
    "a byte order mark": lambda stream: b"\xef\xbb\xbf" + stream,
    "comments": lambda stream: FIELD.sub(b": still here\n\n: yes\ndata: ", stream),
    "no space": lambda stream: FIELD.sub(b"data:", stream),
    "several data lines": lambda stream: stream.replace(b',"choices"', b'\ndata: ,"choices"'),
    "other fields": lambda stream: FIELD.sub(b"event: x\nid: 7\nhello\ndata: ", stream),
    "indented": lambda stream: FIELD.sub(b"  data: ", stream),
    "no last blank line": lambda stream: stream.removesuffix(b"\n"),
    "no last line end": lambda stream: stream.removesuffix(b"\n\n"),
}
each_frame = pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())

EVERYTHING: tuple[Event, ...] = (
    Start("chatcmpl-1", "модель"),
    ReasoningDelta("Думаю… 🤔", 0),
    ReasoningDelta("", 0, "c2lnbmVk"),
    TextDelta("Здравствуй", 1),
    *(TextDelta(text, 1) for text in AWKWARD),
    ToolCallStart(2, "call_a", "погода"),
    ToolCallStart(3, "call_b", "time"),
    ToolCallDelta(2, '{"город": "Мос'),
    ToolCallDelta(3, "{}"),
    ToolCallDelta(2, 'ква\\n"}'),
    TextDelta("Не могу 🙅", 4, True),
    Finish("tool_calls", "tool_calls", Usage(7, 8, 15, cached_input=1, reasoning=2)),
)
BRIEF = brief(EVERYTHING)
FRAMED: tuple[Event, ...] = (
    Start("chatcmpl-1", "m"),
    TextDelta("".join(AWKWARD), 0),
    ToolCallStart(1, "call_a", "погода"),
    ToolCallDelta(1, "{}"),
    Finish("tool_calls", "tool_calls"),
)
"""Few events, for the many ways to frame them: a frame is the same around any."""
SAID = "".join((" \n", "Здравствуй, 👩‍🚀!", *AWKWARD))


def encoded(protocol: Protocol, events: tuple[Event, ...]) -> bytes:
    encoder = protocol.encoder(ASKED)
    return b"".join(map(encoder.encode, events)) + encoder.close()


def sample(protocol: Protocol) -> bytes:
    """A body with everything in it that the protocol can say."""
    return SAID.encode() if isinstance(protocol, ChatbotUI) else encoded(protocol, BRIEF)


def failures(protocol: Protocol) -> Iterator[bytes]:
    """Bodies that begin well and end in an error."""
    body = sample(protocol)
    if isinstance(protocol, ChatbotUI):
        yield body + b"\xff more"
        yield body + "я".encode()[:1]
        yield b"\n\n<html>"
        return
    half = body[: body.index(b"data: ", len(body) // 2)]
    yield half + b'data: {"choices": [}\n\n' + body
    yield half + b'data: {"choices": [{"index": "0"}]}\n\n' + body
    yield half + b'event: error\ndata: {"error": {"message": "no", "code": "x"}}\n\n' + body
    yield half
    yield b"\n <!doctype html>" + body


@each_protocol
def test_every_split_in_two_gives_the_same_events(protocol: Protocol) -> None:
    body = sample(protocol)
    whole = read(protocol, body).merged()
    assert whole.finish
    for cut in range(len(body) + 1):
        assert read(protocol, sliced(body, [cut])).merged() == whole, cut


@each_frame
def test_every_split_in_two_of_every_framing_gives_the_same_events(
    frame: Callable[[bytes], bytes],
) -> None:
    body = frame(encoded(OpenAIChat(), FRAMED))
    whole = Outcome(FRAMED, None)
    assert read(OpenAIChat(), body) == whole
    assert read(OpenAIChat(), by(body, 1)) == whole
    for cut in range(len(body) + 1):
        assert read(OpenAIChat(), sliced(body, [cut])) == whole, cut


@each_protocol
def test_every_split_gives_the_same_error_after_the_same_events(protocol: Protocol) -> None:
    for body in failures(protocol):
        whole = read(protocol, body).merged()
        assert whole.error
        assert not whole.finish
        assert read(protocol, by(body, 1)).merged() == whole
        for cut in range(len(body) + 1):
            assert read(protocol, sliced(body, [cut])).merged() == whole, cut


@given(chats(), framings(), st.data())
def test_any_slicing_of_any_chat_gives_its_events(
    events: tuple[Event, ...], frame: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    body = frame(encoded(OpenAIChat(), events))
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    assert read(OpenAIChat(), sliced(body, cuts)) == Outcome(events, None)


@given(st.binary(max_size=200), st.data())
@each_protocol
def test_any_slicing_of_any_bytes_gives_the_same_outcome(
    protocol: Protocol, body: bytes, data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    whole = read(protocol, body).merged()
    assert read(protocol, sliced(body, cuts)).merged() == whole
    assert read(protocol, by(body, 1)).merged() == whole


@given(chats())
def test_decoding_undoes_encoding(events: tuple[Event, ...]) -> None:
    assert read(OpenAIChat(), encoded(OpenAIChat(), events)) == Outcome(events, None)


@given(st.lists(texts, min_size=1))
def test_decoding_undoes_encoding_of_bare_text(said: list[str]) -> None:
    events = tuple(map(TextDelta, said))
    outcome = read(ChatbotUI(), encoded(ChatbotUI(), (Start(), *events)))
    if "".join(said).lstrip("\ufeff \t\r\n\f\v").startswith("<"):
        assert outcome.error  # the one answer that the protocol cannot tell from a web page
    else:
        assert outcome.reply.text == "".join(said)
        assert outcome.finish
        assert list(merge(outcome.events[:-1])) == [Start(), *merge(events)]


@given(chats())
def test_what_bare_text_can_say_of_a_chat_it_says(events: tuple[Event, ...]) -> None:
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert encoded(ChatbotUI(), events) == text.encode()


def ends(body: bytes) -> Iterator[tuple[int, int]]:
    """Where the payload of each event begins and ends (after ``data:``, before the line end)."""
    for match in re.finditer(rb"(?:^|[\r\n])data:([^\r\n]*)", body):
        yield match.span(1)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
def test_a_cut_before_done_is_an_error_if_the_body_has_no_end_of_its_own(end: bytes) -> None:
    body = sample(OpenAIChat()).replace(b"\n", end)
    done = body.rindex(b"[DONE]") + len("[DONE]")
    for cut in cuts(OpenAIChat(), body):
        check_cut(cut.endless, whole=cut.at >= done)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
def test_a_cut_before_the_finish_reason_is_an_error_though_the_body_ended(end: bytes) -> None:
    body = sample(OpenAIChat()).replace(b"\n", end)
    payloads = list(ends(body))
    finish = body.index(b'"finish_reason":"')
    finished = next(stop for start, stop in payloads if start < finish < stop)
    for cut in cuts(OpenAIChat(), body):
        inside = any(start <= cut.at < stop for start, stop in payloads)
        check_cut(cut.delimited, whole=cut.at >= finished and not inside)


def check_cut(outcome: Outcome, whole: bool) -> None:
    """A cut stream ends in an error after a true beginning; a whole one in ``Finish``."""
    if whole:
        assert outcome.error is None
        assert outcome.events[:-1] == BRIEF[:-1]
        assert outcome.finish
        assert outcome.finish.reason == "tool_calls"
    else:
        assert outcome.error is StreamTruncated or (outcome.error, outcome.events) == (
            EmptyStream,
            (),
        )
        assert outcome.events == BRIEF[: len(outcome.events)]
        assert not outcome.finish


def test_a_whole_answer_that_was_cut_is_an_error() -> None:
    body = json.encode(OpenAIChat().encode_response(collect(EVERYTHING)))
    for delimited in (True, False):
        assert read(OpenAIChat(), body, delimited).finish
        for cut in range(len(body)):
            outcome = read(OpenAIChat(), by(body[:cut], 50), delimited)
            assert outcome.events == ()
            assert outcome.error in (EmptyStream, StreamTruncated, UnexpectedAnswer)


@pytest.mark.parametrize("delimited", [True, False])
def test_bare_text_cut_inside_a_character_is_an_error(delimited: bool) -> None:
    body = SAID.encode()
    for cut in range(1, len(body) + 1):
        outcome = read(ChatbotUI(), by(body[:cut], 7), delimited).merged()
        text = body[:cut].decode(errors="ignore")
        assert outcome.reply.text == text
        if text.encode() == body[:cut]:
            assert outcome.finish
            # Without an end of its own a body that was cut looks like a whole one: not "stop".
            assert outcome.finish.reason == ("stop" if delimited else "unknown")
        else:
            assert outcome.error is StreamTruncated
            assert not outcome.finish


@each_protocol
@pytest.mark.parametrize("delimited", [True, False])
def test_an_answer_of_nothing_is_an_error(protocol: Protocol, delimited: bool) -> None:
    assert read(protocol, b"", delimited) == read(protocol, [b"", b""], delimited)
    assert read(protocol, b"", delimited).error is EmptyStream


@each_protocol
def test_after_the_end_nothing_more_comes(protocol: Protocol) -> None:
    decoder = protocol.decoder()
    assert read(decoder, sample(protocol)).finish
    for more in (b"", b"more", b"data: {\n\n", b"\xff", b"<html>", sample(protocol)):
        assert list(decoder.feed(more)) == []
        assert list(decoder.close()) == []
    assert list(decoder.feed(b"x" * (9 << 20))) == []


@each_protocol
def test_after_an_error_a_stream_never_ends_well(protocol: Protocol) -> None:
    for body in failures(protocol):
        decoder = protocol.decoder()
        assert read(decoder, body).error
        assert list(decoder.feed(sample(protocol))) == []
        assert list(decoder.close()) == []


@each_protocol
def test_a_reader_who_leaves_half_way_is_never_told_that_all_was_said(protocol: Protocol) -> None:
    decoder = protocol.decoder()
    assert isinstance(next(iter(decoder.feed(sample(protocol)))), Start)
    outcome = read(decoder, b"")
    assert not (outcome.finish and isinstance(protocol, OpenAIChat))


@each_protocol
def test_an_error_amid_a_stream_never_reads_as_its_end(protocol: Protocol) -> None:
    encoder = protocol.encoder(ASKED)
    body = b"".join(map(encoder.encode, EVERYTHING[:5]))
    body += encoder.error(StreamTruncated("the upstream was cut"))
    outcome = read(protocol, body)
    if isinstance(protocol, OpenAIChat):
        assert outcome.failure
        assert outcome.failure[:2] == (StreamFailed, "the upstream was cut")
        assert outcome.events == EVERYTHING[:5]
    else:
        assert encoder.error(PenstockError("x")) == b""  # only the cut body can say it


@each_protocol
def test_each_decoder_has_its_own_state(protocol: Protocol) -> None:
    body = sample(protocol)
    one, other = protocol.decoder(), protocol.decoder()
    for piece in by(body, 11):
        assert list(one.feed(piece)) == list(other.feed(piece))
    assert list(one.close()) == list(other.close())
