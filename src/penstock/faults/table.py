"""Every fault by its name: what the service does, and what its client should.

A name may bring numbers along, as ``cut-40`` or ``stall-20-30``; those that are not said have a
usual value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from msgspec import Struct

from penstock.faults import contents, endings, forms, framing, statuses
from penstock.faults.answers import TOKENS, Answer
from penstock.faults.script import FIN, RST, STAY, Script


class Number(Struct, frozen=True):
    """A number in a fault's name: what it counts, its usual value, and the largest."""

    of: str
    usual: int
    most: int


class Fault(Struct, frozen=True):
    """One thing that goes wrong.

    ``does``: what the service does; ``right``: what its client should do. ``script(answer,
    *numbers)`` is what is sent in the answer's place; ``None`` where nothing is wrong.
    """

    name: str
    does: str
    right: str
    script: Callable[..., Script | None]
    numbers: tuple[Number, ...] = ()

    @property
    def usage(self) -> str:
        """The name with its numbers' names, as ``stall-K[-S]``."""
        required = [f"-{n.of}" for n in self.numbers if n.usual or len(self.numbers) == 1]
        optional = [f"[-{n.of}]" for n in self.numbers[len(required) :]]
        return "".join((self.name, *required, *optional))

    @property
    def example(self) -> str:
        """The name with its usual numbers."""
        return "-".join((self.name, *(str(n.usual) for n in self.numbers if n.usual)))


def _always(script: Script, _: Answer) -> Script:
    return script


def _flap(answer: Answer, seconds: int) -> Script | None:
    return statuses.status(answer, 503) if answer.since < seconds else None


def _tokens(usual: int) -> Number:
    return Number("K", usual, TOKENS)


def _seconds(usual: int) -> Number:
    return Number("S", usual, 3600)


def _milliseconds(usual: int) -> Number:
    return Number("MS", usual, 3_600_000)


_FAIL = "fail: the answer is cut, and who reads it must learn that"
_ELSEWHERE = "fail before a word is said; try again or elsewhere"
_GIVE_UP = "fail; the same question fails again"
_WHOLE = "read it all: nothing is wrong"
_DEADLINE = "give up at a deadline, then as with any failure"
_PATIENT = "read it all, or ask elsewhere at a deadline"
_REFUSE = "refuse the answer with little memory and time, close the connection"
_WAIT = "wait so long if that is short, else ask elsewhere or pass it on"
_USUAL_WAIT = "take it for no hint at all: neither crash, nor wait for it, nor ask at once"

_STATUSES = (
    (400, _GIVE_UP),
    (401, "fail; ask elsewhere, never again with this key"),
    (403, "fail; ask elsewhere, never again with this key"),
    (404, "fail; ask elsewhere, not for this model again"),
    (429, "wait and try again a few times, or ask elsewhere"),
    (500, _ELSEWHERE),
    (502, _ELSEWHERE),
    (503, _ELSEWHERE),
    (529, _ELSEWHERE),
)


def _faults() -> Iterator[Fault]:
    yield Fault("ok", "answers well", _WHOLE, endings.well)
    yield from _before_an_answer()
    yield from _of_status()
    yield from _of_endings()
    yield from _of_contents()
    yield from _of_forms()
    yield from _of_framing()


def _before_an_answer() -> Iterator[Fault]:
    yield Fault(
        "silent",
        "takes the question and says nothing (for S seconds, then FIN)",
        _DEADLINE,
        endings.silent,
        (_seconds(0),),
    )
    yield Fault("hangup", "FIN before a byte", _ELSEWHERE, partial(_always, [FIN]))
    yield Fault("reset", "RST before a byte", _ELSEWHERE, partial(_always, [RST]))
    yield Fault(
        "flap",
        "503 until S seconds after the first question, then well",
        "ask elsewhere meanwhile, come back afterwards",
        _flap,
        (_seconds(60),),
    )


def _of_status() -> Iterator[Fault]:
    for number, right in _STATUSES:
        yield Fault(
            str(number),
            f"status {number}, in the vendor's words",
            right,
            partial(statuses.status, number=number),
        )
    yield Fault(
        "status",
        "any status N, in the vendor's words",
        "by the status",
        statuses.status,
        (Number("N", 500, 599),),
    )
    yield from _of_waiting()
    yield Fault("400-context", "400: the question is too long", _GIVE_UP, statuses.context)
    yield Fault("400-content", "400: the content is refused", _GIVE_UP, statuses.refused)
    yield Fault(
        "no-prefill",
        "400 where the last message is the assistant's, else well",
        "never continue an answer there; keep the first error",
        statuses.no_prefill,
    )
    yield Fault(
        "error-html", "502 with a web page", _ELSEWHERE, partial(statuses.web_page, status=502)
    )
    yield Fault("error-huge", "500 with 32 MiB", _REFUSE, statuses.huge)
    yield Fault(
        "redirect",
        "307 to another host",
        "never follow: key and question are for this host alone",
        statuses.redirect,
    )


def _of_waiting() -> Iterator[Fault]:
    for name, does, script, number in (
        ("seconds", "Retry-After in seconds", statuses.after_seconds, _seconds(7)),
        ("date", "Retry-After as a date", statuses.after_date, _seconds(7)),
        ("ms", "retry-after-ms", statuses.after_milliseconds, _milliseconds(1500)),
        ("reset", "x-ratelimit-reset-requests", statuses.after_reset, _seconds(7)),
    ):
        yield Fault(f"429-{name}", f"429 with {does}", _WAIT, script, (number,))
    for name, value in (
        ("negative", "-7"),
        ("nan", "NaN"),
        ("list", "7, 8"),
        ("years", "315360000"),
    ):
        does = f"429 with Retry-After: {value}"
        yield Fault(f"429-{name}", does, _USUAL_WAIT, partial(statuses.after, value))


def _of_endings() -> Iterator[Fault]:
    """Faults after an answer's head."""
    yield Fault("headers", "200, then nothing", _DEADLINE, _stalled_at_once)
    yield Fault("slow", "the first token after S seconds", _PATIENT, endings.slow, (_seconds(20),))
    yield Fault("empty", "200 and a body of nothing", _ELSEWHERE, endings.empty)
    yield Fault("cut", "K tokens, then FIN amid the body", _FAIL, endings.cut, (_tokens(40),))
    yield Fault("rst", "K tokens, then RST", _FAIL, endings.reset, (_tokens(40),))
    yield Fault(
        "stall",
        "K tokens, then silence (for S seconds, then FIN)",
        _DEADLINE,
        endings.stall,
        (_tokens(20), _seconds(0)),
    )
    yield Fault(
        "close",
        "K tokens of a body without a length, then FIN",
        f"see that the protocol's end is missing; {_FAIL}",
        endings.close,
        (_tokens(40),),
    )
    yield Fault(
        "end",
        "K tokens, then the body's end without the protocol's",
        f"see that the protocol's end is missing; {_FAIL}",
        endings.end,
        (_tokens(40),),
    )
    yield Fault(
        "short", "K tokens of a longer Content-Length, FIN", _FAIL, endings.short, (_tokens(40),)
    )
    yield Fault(
        "error",
        "K tokens, then the protocol's own error event",
        f"tell that error; {_FAIL}",
        endings.failing,
        (_tokens(20),),
    )
    yield Fault(
        "no-end",
        "all but the last event ([DONE], message_stop, …)",
        "whole where the reason of the end was seen, else cut; never wait",
        endings.no_end,
    )
    yield Fault(
        "after-end",
        "all of it, then more tokens and the end again",
        "the first end ends it; use the connection no more",
        endings.after_end,
    )
    yield Fault(
        "pings",
        "K tokens, then a sign of life each MS milliseconds",
        "a deadline for tokens, not for bytes",
        endings.pings,
        (_tokens(20), _milliseconds(1000)),
    )
    yield Fault(
        "drip",
        "a byte each MS milliseconds",
        "a deadline for the whole answer",
        contents.slowly,
        (_milliseconds(1000),),
    )
    yield Fault(
        "endless",
        "tokens without end",
        "a deadline for the whole answer, bounded memory",
        endings.endless,
    )
    for kind in ("tool", "reasoning"):
        named = "a tool call" if kind == "tool" else "reasoning"
        yield Fault(kind, f"{named} in 60 tokens, well", _WHOLE, partial(endings.well_said, kind))
        yield Fault(
            f"{kind}-cut",
            f"{named} in 60 tokens, cut after K",
            f"hand no half {named.removeprefix('a ')} on as whole; {_FAIL}",
            partial(endings.cut_amid, kind),
            (_tokens(40),),
        )


def _stalled_at_once(answer: Answer) -> Script:
    return [answer.head(), STAY]


def _of_contents() -> Iterator[Fault]:
    bad = f"leave out that event, or {_FAIL}"
    yield Fault(
        "malformed",
        "after K tokens an event that is no JSON, then the rest, well",
        bad,
        contents.malformed,
        (_tokens(10),),
    )
    yield Fault(
        "utf8",
        "after K tokens an event that is no UTF-8, then the rest, well",
        bad,
        contents.invalid_utf8,
        (_tokens(10),),
    )
    yield Fault("deep", "an event of JSON with 100,000 levels", bad, contents.deep)
    yield Fault(
        "line",
        "an event of MB mebibytes",
        _REFUSE,
        contents.long_line,
        (Number("MB", 64, 1024),),
    )
    yield Fault("bytes", "every byte in a chunk of its own", _WHOLE, contents.bytewise)
    yield Fault("html", "200 with a web page", _ELSEWHERE, statuses.web_page)
    yield Fault("error-ok", "200 with an error's object", _ELSEWHERE, statuses.error_with_200)
    yield Fault(
        "swapped",
        "a whole answer instead of the stream, a stream instead of the whole",
        _WHOLE,
        contents.swapped,
    )


def _of_forms() -> Iterator[Fault]:
    for name, does, rewrite in (
        ("cr", "lines that end in CR", forms.cr),
        ("crlf", "lines that end in CR LF", forms.crlf),
        ("tight", "no blank after the colon", forms.tight),
        ("multiline", "data of several lines", forms.multiline),
        ("comments", "comments between the lines", forms.comments),
        ("fields", "fields that nobody knows", forms.fields),
    ):
        script = partial(forms.rewritten, rewrite)
        yield Fault(f"sse-{name}", f"server-sent events: {does}", _WHOLE, script)
    yield Fault("sse-bom", "server-sent events: a byte order mark first", _WHOLE, forms.bom)


def _of_framing() -> Iterator[Fault]:
    for name, does, script in (
        ("bad-chunk", "after 10 tokens a chunk whose size is no number", framing.bad_chunk),
        ("both-lengths", "Transfer-Encoding and Content-Length", framing.both_lengths),
        ("two-lengths", "Content-Length twice, not the same", framing.two_lengths),
        ("not-http", "the greeting of an SSH server", framing.not_http),
        ("huge-header", "a header of 200 kB", framing.huge_header),
        ("many-headers", "5,000 headers", framing.many_headers),
        ("hints", "103 Early Hints without end", framing.hints),
        ("gzip-bomb", "a GiB in a MiB, gzip", framing.bomb),
    ):
        yield Fault(name, does, _REFUSE, script)
    yield Fault("gzip", "gzip, though nobody asked for it", _WHOLE, framing.gzipped)
    yield Fault("gzip-cut", "gzip that ends in its middle", _FAIL, framing.gzip_cut)
    yield Fault("rot13", "a Content-Encoding nobody knows", _ELSEWHERE, framing.unknown_encoding)


FAULTS: dict[str, Fault] = {fault.name: fault for fault in _faults()}
"""Name -> fault."""
