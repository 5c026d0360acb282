"""Caller and service speak the same protocol: the service's bytes go through unchanged, while a
decoder reads them on the side for the truth of their end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from penstock.errors import PenstockError
from penstock.events import SPOKEN, Event, Reply, TextDelta, collect
from penstock.exchange import Exchange, read_whole
from penstock.gateway.answer import Answer, whole
from penstock.http_provider import HTTPProvider
from penstock.protocols import Decoder, Encoder
from penstock.transport import STREAM, read_out

_HELD = 256 * 1024
"""Bytes of an answer that may wait for its first spoken event."""


async def relay(
    provider: HTTPProvider, body: bytes, model: str, encoder: Callable[[], Encoder]
) -> AsyncGenerator[bytes]:
    """The service's own bytes, whole events only, none before something is said."""
    exchange = provider.open(body, model=model, stream=True)
    async with exchange as response:
        exchange.decoder = decoder = provider.protocol.decoder()
        held, speaking, spoken = b"", False, response.spoken
        async with aclosing(response.chunks(STREAM)) as chunks:
            async for chunk in chunks:
                events, failure = _read(decoder, chunk)
                if _hear(exchange, events):
                    (spoken if speaking else exchange.spoken)()
                    speaking = True
                if failure is not None:
                    if speaking:  # what came before the failure was said, and is not lost
                        yield b"".join(map(encoder().encode, events))
                    raise failure
                data = held + chunk if held else chunk
                ended = exchange.ended
                if not speaking and not ended and len(data) < _HELD:
                    held = data
                    continue
                size = len(data) - decoder.pending
                held = data[size:]
                if size:
                    yield data[:size] if held else data
                if ended:
                    await read_out(chunks)  # whatever follows is no part of the answer
                    return
        events = list(decoder.close(response.delimited))
        _hear(exchange, events)
        if decoder.whole:  # a whole answer where a stream was asked
            writer = encoder()
            held = b"".join(map(writer.encode, events)) + writer.close()
        if held:
            yield held


def _hear(exchange: Exchange, events: list[Event]) -> bool:
    """Count what was said; whether anything was."""
    spoke = False
    for event in events:
        if type(event) is TextDelta:
            exchange.said += len(event.text)
            spoke = True
        else:
            exchange.heard(event)
            spoke = spoke or isinstance(event, SPOKEN)
    return spoke


def _read(decoder: Decoder, chunk: bytes) -> tuple[list[Event], PenstockError | None]:
    """The events of a chunk, and the error that followed them."""
    events: list[Event] = []
    try:
        for event in decoder.feed(chunk):
            events.append(event)  # noqa: PERF402 - kept though the next one raises
    except PenstockError as error:
        return events, error
    return events, None


async def relay_whole(provider: HTTPProvider, body: bytes, model: str) -> Answer:
    """The service's own answer, once it is sure that it is one."""
    protocol = provider.protocol
    exchange = provider.open(body, model=model, stream=False)

    def read() -> Reply:
        return collect(protocol.decode_response(answer))

    async with exchange as response:
        answer = await read_whole(response)
        protocol.check_response(answer, response.delimited)  # a 200 may hold an error
        exchange.spoken()
        exchange.read = lambda: read().usage
    if answer.lstrip()[:1] == b"{":
        return whole(answer)
    return whole(protocol.encode_response(read()))  # a stream, though none was asked
