"""A service on this machine whose every answer is recorded: our encoder's bytes, for any SDK.

/<case>/whole/<path of a protocol>    the answer, in that protocol
/<case>/cut/<path of a protocol>      the first half of it, the error, and no end
/<case>/told/<path of a protocol>     the first half of it, the error, and an end like any other
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from penstock.errors import StreamFailed
from penstock.events import SPOKEN, Event, Start, collect
from penstock.protocols import Protocol, json, shelf
from typescript.sample import Recorded

WHOLE, CUT, TOLD = "whole", "cut", "told"
FAILURE = StreamFailed("the service failed amid its answer")

_PATHS = {
    "/v1/chat/completions": "openai_chat",
    "/v1/responses": "openai_responses",
    "/v1/messages": "anthropic_messages",
    "/v1beta/models/": "gemini_generate",
}


@contextmanager
def serving(answers: Mapping[str, Recorded]) -> Iterator[str]:
    """The address of that service, while the block lasts."""
    with _Server(answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def __init__(self, answers: Mapping[str, Recorded]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.protocols = shelf.find()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    server: _Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        _, case, way, path = self.path.split("/", 3)
        self._answer(self.server.answers[case], way, f"/{path}", body)

    def _answer(self, said: Recorded, way: str, path: str, body: Mapping[str, Any]) -> None:
        protocol = self._protocol(path)
        body = protocol.with_path(body, path)
        if not protocol.peek(body)[1]:
            self._send(
                "application/json", json.encode(protocol.encode_response(collect(said.events)))
            )
        elif way == WHOLE:
            self._send(protocol.stream_type, written(protocol, body, said.events))
        else:
            data = written(protocol, body, half(said.events), fails=True)
            self._send(protocol.stream_type, data, missing=way == CUT)

    def _protocol(self, path: str) -> Protocol:
        (name,) = {name for start, name in _PATHS.items() if path.startswith(start)}
        return self.server.protocols[name]()

    def _send(self, content_type: str, data: bytes, missing: bool = False) -> None:
        """An answer that is longer than its bytes where some are ``missing``."""
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data) + missing))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


def written(
    protocol: Protocol, body: Mapping[str, Any], events: tuple[Event, ...], fails: bool = False
) -> bytes:
    """The stream that answers this request."""
    encoder = protocol.encoder(protocol.decode_request(body))
    data = b"".join(map(encoder.encode, events))
    return data + (encoder.error(FAILURE) if fails else encoder.close())


def half(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """The beginning of an answer, with the first half of what was said."""
    spoken = [event for event in events if isinstance(event, SPOKEN)]
    begun = tuple(event for event in events if isinstance(event, Start))
    return begun + tuple(spoken[: -(-len(spoken) // 2)])
