"""What holds whatever the bytes are: the laws that the targets check.

Nothing but ``PenstockError`` is raised: any other class passes through, and shows itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from penstock.errors import PenstockError
from penstock.events import Event, Finish, Start, TextDelta, ToolCallDelta, ToolCallStart, collect
from penstock.protocols import Decoder, Protocol
from protocols.reading import Outcome, outcome_of


def heard(protocol: Protocol, pieces: Iterable[bytes], delimited: bool) -> Outcome:
    """What a decoder makes of a body that arrives so; checked to be true."""
    decoder = protocol.decoder()
    outcome = outcome_of(_read(decoder, pieces, delimited))
    if outcome.failure or outcome.finish:
        assert not [*decoder.feed(b"{}\n\n"), *decoder.close()], "something comes after the end"
    check_truth(outcome)
    if outcome.finish:
        assert decoder.usage == outcome.finish.usage, "the end says another usage"
    return outcome


def _read(decoder: Decoder, pieces: Iterable[bytes], delimited: bool) -> Iterator[Event]:
    fed, ended = 0, False
    for piece in pieces:
        for event in decoder.feed(piece):
            ended = ended or isinstance(event, Finish)
            yield event
        fed += len(piece)
        assert 0 <= decoder.pending <= fed, "more is pending than came"
        usage = decoder.usage
        assert ended or usage is None or usage.provenance != "reported", "a usage is early"
    yield from decoder.close(delimited)


def check_truth(outcome: Outcome) -> None:
    """One beginning, at most one end, and nothing after it; an answer that failed has none; one
    without a failure has one."""
    events = outcome.events
    finishes = [n for n, event in enumerate(events) if isinstance(event, Finish)]
    if outcome.failure:
        assert not finishes, "it ended well, and then it failed"
    else:
        assert finishes == [len(events) - 1], "there is not one end, at the end"
    starts = [n for n, event in enumerate(events) if isinstance(event, Start)]
    assert starts == [0] * bool(events), "there is not one beginning, at the beginning"
    _check_calls(events)
    assert collect(events).finish == outcome.finish


def _check_calls(events: Sequence[Event]) -> None:
    begun: set[int] = set()
    for event in events:
        if isinstance(event, ToolCallStart):
            assert event.index not in begun, "a call begins twice"
            begun.add(event.index)
        elif isinstance(event, ToolCallDelta):
            assert event.index in begun, "a call that never began goes on"
            event.arguments.encode()
        elif isinstance(event, TextDelta):
            event.text.encode()  # a half of a character can be written by nobody


def check_split(
    protocol: Protocol, body: bytes, pieces: Iterable[bytes], delimited: bool
) -> Outcome:
    """How a body is cut into pieces says nothing."""
    whole = heard(protocol, [body], delimited)
    pieces = list(pieces)
    _check_pending(protocol, pieces[0])
    cut = heard(protocol, pieces, delimited)
    assert whole.error == cut.error, f"{whole.failure} in one piece, {cut.failure} in several"
    ours, theirs = whole.merged().events, cut.merged().events
    assert ours == theirs, f"in one piece {ours}, in several {theirs}"
    return whole


def _check_pending(protocol: Protocol, piece: bytes) -> None:
    """What is not pending holds all that was read: a relay passes that on, and no more."""
    if protocol.relayed({}, "m") is None:
        return
    decoder = protocol.decoder()
    read = outcome_of(decoder.feed(piece))
    if read.failure or read.finish:
        return
    again = outcome_of(protocol.decoder().feed(piece[: len(piece) - decoder.pending]))
    assert again.merged() == read.merged(), "what is pending was read"


def check_error(error: PenstockError) -> None:
    """An error can be told: its words are words, and its wait is a time."""
    words = (error.type, error.code, error.param, error.request_id)
    assert isinstance(error.message, str)
    assert all(word is None or isinstance(word, str) for word in words)
    check_wait(error.retry_after)


def check_wait(wait: float | None) -> None:
    """A time that can be waited, or none."""
    assert wait is None or (math.isfinite(wait) and wait >= 0), f"wait {wait} s"


def tried(*doing: Callable[[], object]) -> None:
    """Each of these may fail as penstock fails."""
    for each in doing:
        with suppress(PenstockError):
            each()
