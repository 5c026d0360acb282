"""What passes through the gateway from one protocol to another: a question in A is asked in B; an
answer in A is told in B, and read again."""

from __future__ import annotations

from collections.abc import Iterable

from fuzz.entry import Entry, parse
from fuzz.eventstream import framed
from fuzz.laws import check_truth, heard, tried
from fuzz.request import asked
from fuzz.spoken import NAMES, PROTOCOLS
from penstock.errors import EmptyStream, PenstockError
from penstock.events import Event, TextDelta, ToolCallStart, collect
from penstock.gateway.answer import read_object
from penstock.protocols import Encoder, Protocol, json, signatures
from penstock.protocols.error_body import looks_like_html
from penstock.types import ChatRequest
from protocols.reading import outcome_of

USAGE_TOO = ChatRequest(
    model="m", metadata={"openai_chat": {"raw": {"stream_options": {"include_usage": True}}}}
)
ARRAY = ChatRequest(model="m", metadata={"gemini_generate": {"raw": {"alt": "json"}}})
DIRECTIONS = ("answer", "request")


def one_input(data: bytes) -> None:
    """``A B request``, a line with a path, and a body of A's; or ``A B answer`` and a stream of
    A's."""
    entry = parse(data)
    one, other = (PROTOCOLS[entry.word(which, NAMES)] for which in (0, 1))
    if entry.word(2, DIRECTIONS) == "request":
        _ask(one, other, entry)
    else:
        _answer(one, other, entry)


def _ask(one: Protocol, other: Protocol, entry: Entry) -> None:
    path, value = asked(entry)
    try:
        request = signatures.unwrap(one.decode_request(one.with_path(value, path)))
        said, _ = other.one_answer(request)
        said, _ = signatures.own(said, other.name)
        other.loss(said)
        body = json.encode(other.encode_request(said))
    except PenstockError:
        return
    path = other.locate(said.model or "m", said.stream)
    again = read_object(body)
    tried(lambda: other.decode_request(other.with_path(again, path)))


def _answer(one: Protocol, other: Protocol, entry: Entry) -> None:
    body = entry.body
    if one.name == "bedrock_converse":
        body = b"".join(map(framed, body.split(b"\n")))
    first = heard(one, [body], entry.is_on)
    events = [signatures.signed(event, one.name) for event in first.events]
    request = ARRAY if entry.is_on and other.family == "gemini_generate" else USAGE_TOO
    encoder = other.encoder(request)
    told = b"".join(encoder.encode(signatures.wrap(event, other.name)) for event in events)
    if first.failure:
        _check_failed(other, told, encoder, first.failure[0]("it failed"))
    else:
        _check_said(other, events, told + encoder.close())
        _check_whole(other, events)


def _check_failed(
    protocol: Protocol, told: bytes, encoder: Encoder, failure: PenstockError
) -> None:
    """A caller whose answer failed is not told that it ended well."""
    error = encoder.error(failure)
    again = heard(protocol, [told + error], delimited=False)
    assert not again.finish or not error, "a failure is unseen"
    status, said = protocol.encode_error(failure)
    assert status >= 400
    json.encode(said)


def _check_said(protocol: Protocol, events: Iterable[Event], body: bytes) -> None:
    """A caller reads what the service said, or nothing that is none."""
    text = _text(events)
    if protocol.family == "chatbot_ui" and (looks_like_html(text.encode()) or not body):
        return  # bare text cannot say either
    again = heard(protocol, [body], delimited=True)
    if again.error is EmptyStream and not text:
        return  # of an answer that says nothing nobody can tell whether it is one
    assert again.finish, again.failure
    assert text in _text(again.events), "a text was lost"
    if "tool_calls" not in protocol.cannot_answer:
        assert _calls(events) == _calls(again.events), "a call was lost, or made up"


def _text(events: Iterable[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def _calls(events: Iterable[Event]) -> list[str]:
    """The names of the tools that are called; a call without one may be told last."""
    return sorted(event.name for event in events if isinstance(event, ToolCallStart))


def _check_whole(protocol: Protocol, events: Iterable[Event]) -> None:
    reply = signatures.wrap_reply(collect(events), protocol.name)
    protocol.answer_loss(reply)
    value = protocol.encode_response(reply)
    body = value.encode() if isinstance(value, str) else json.encode(value)
    if not isinstance(value, str):
        outcome = outcome_of(protocol.decode_response(body))
        check_truth(outcome)
        assert outcome.finish or outcome.error is EmptyStream, outcome.failure
