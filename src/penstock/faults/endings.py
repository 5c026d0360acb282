"""Answers that begin well and end in every way that an answer can."""

from __future__ import annotations

from penstock.faults import http, statuses
from penstock.faults.answers import Answer, Kind
from penstock.faults.events import ping
from penstock.faults.script import FIN, RST, STAY, Drip, Flood, Script, Wait

_MOMENT = 0.05
"""Seconds to read what came before RST: many a client forgets what it has not read by then."""


def well(answer: Answer) -> Script:
    """All of it."""
    return [answer.head(), *answer.carried(answer.parts), answer.last]


def begun(answer: Answer, count: int) -> Script:
    """The first tokens, framed as if the rest would follow."""
    return [answer.head(), *answer.carried(answer.upto(count))]


def cut(answer: Answer, count: int) -> Script:
    """FIN amid the body."""
    return [*begun(answer, count), FIN]


def reset(answer: Answer, count: int) -> Script:
    """RST amid the body."""
    return [*begun(answer, count), Wait(_MOMENT), RST]


def silent(answer: Answer, seconds: int) -> Script:
    """Nothing, and FIN where that does not last for ever."""
    return [Wait(float(seconds)), FIN] if seconds else [STAY]


def stall(answer: Answer, count: int, seconds: int) -> Script:
    """Silence amid the body."""
    return [*begun(answer, count), *silent(answer, seconds)]


def close(answer: Answer, count: int) -> Script:
    """A body that only the connection's end ends."""
    about = {"Content-Type": answer.content_type, "Connection": "close"}
    return [http.head(200, about), *answer.upto(count), FIN]


def end(answer: Answer, count: int) -> Script:
    """A body that ends as it should, though the answer does not."""
    parts = answer.upto(count)
    if answer.streamed:
        return [*begun(answer, count), http.LAST]
    return [answer.head(sum(len(part) for part in parts if isinstance(part, bytes))), *parts]


def short(answer: Answer, count: int) -> Script:
    """Fewer bytes than Content-Length says."""
    return [answer.head(len(answer.data)), *answer.upto(count), FIN]


def failing(answer: Answer, count: int) -> Script:
    """The protocol's own words amid a stream; where it has none, a cut."""
    if not answer.streamed:
        return statuses.error_with_200(answer)
    told = answer.told(statuses.error(answer.protocol, 503), count)
    return [*begun(answer, count), http.chunk(told), http.LAST if told else FIN]


def no_end(answer: Answer) -> Script:
    """All but the last event."""
    parts = answer.parts
    return [answer.head(), *answer.carried(parts[:-1] if answer.ending else parts), answer.last]


def after_end(answer: Answer) -> Script:
    """All of it, and some more of it after that."""
    more = b"".join((*answer.tokens[:10], *answer.ending))
    if answer.streamed:
        return [answer.head(), *answer.carried([*answer.parts, more]), answer.last]
    return [answer.head(len(answer.data + more)), answer.data, more]


def empty(answer: Answer) -> Script:
    """A body of nothing, that ends as it should."""
    return [answer.head(None if answer.streamed else 0), answer.last]


def slow(answer: Answer, seconds: int) -> Script:
    """The head at once, all the rest later."""
    head, *rest = well(answer)
    return [head, Wait(float(seconds)), *rest]


def pings(answer: Answer, count: int, milliseconds: int) -> Script:
    """Nothing but signs of life; where there are none, silence."""
    (sign,) = answer.carried([ping(answer.content_type)])
    alive = Drip(sign, milliseconds / 1000) if isinstance(sign, bytes) and sign else STAY
    return [*begun(answer, count), alive]


def endless(answer: Answer) -> Script:
    """Tokens without end."""
    if answer.streamed:
        tokens = answer.carried([b"".join(answer.tokens[1:])])
        return [*begun(answer, 1), *(Flood(part) for part in tokens if isinstance(part, bytes))]
    begin, _, _ = answer.event(0, b'"\x00').partition(b"\x00")
    return [answer.chunked_head(), http.chunk(begin), Flood(http.chunk(b"more " * 5000))]


def cut_amid(kind: Kind, answer: Answer, count: int) -> Script:
    """Cut in the middle of something else than text."""
    return cut(answer.of(kind), count)


def well_said(kind: Kind, answer: Answer) -> Script:
    """All of something else than text."""
    return well(answer.of(kind))
