"""A caller on a raw socket: what a service really sends, and how it ends."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass
from typing import Any

from penstock.faults import Server
from penstock.protocols import Protocol
from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.protocols.bedrock_converse import BedrockConverse
from penstock.protocols.chatbot_ui import ChatbotUI
from penstock.protocols.cohere_v2_chat import CohereChat
from penstock.protocols.gemini_generate import GeminiGenerate
from penstock.protocols.ollama_chat import OllamaChat, OllamaGenerate
from penstock.protocols.openai_chat import OpenAIChat
from penstock.protocols.openai_responses import OpenAIResponses
from penstock.types import ChatRequest, Message, TextPart

PROTOCOLS: tuple[Protocol, ...] = (
    OpenAIChat(),
    OpenAIResponses(),
    AnthropicMessages(),
    GeminiGenerate(),
    OllamaChat(),
    OllamaGenerate(),
    CohereChat(),
    BedrockConverse(),
    ChatbotUI(),
)
BY_NAME = {protocol.name: protocol for protocol in PROTOCOLS}
_PREFIX = {"openai_chat": "/v1", "openai_responses": "/v1", "chatbot_ui": "/chatbot-ui"}
QUIET = 0.3
"""Seconds of silence after which a service is taken to say nothing more."""


@dataclass
class Heard:
    """All bytes that came, and how that ended: ``FIN``, ``RST`` or ``silence``."""

    raw: bytes
    end: str

    @property
    def head(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[0]

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}

    @property
    def payload(self) -> bytes:
        """What follows the head, as it came."""
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def chunks(self) -> list[bytes]:
        """The chunks of a chunked body; the last is empty if the body was ended."""
        found, data, at = [], self.payload, 0
        while at < len(data):
            line = data.index(b"\r\n", at)
            start, size = line + 2, int(data[at:line], 16)
            found.append(data[start : start + size])
            at = start + size + 2
            assert data[at - 2 : at] == b"\r\n"
        return found

    @property
    def body(self) -> bytes:
        """The body without its framing."""
        chunked = "chunked" in self.headers.get("transfer-encoding", "")
        return b"".join(self.chunks) if chunked else self.payload

    @property
    def is_whole(self) -> bool:
        """Whether the body's own end came."""
        if "chunked" in self.headers.get("transfer-encoding", ""):
            return self.chunks[-1:] == [b""]
        length = self.headers.get("content-length")
        return length is not None and len(self.payload) == int(length)


def question(protocol: Protocol, model: str, stream: bool = True) -> tuple[str, dict[str, Any]]:
    """Path and body of a question in that protocol."""
    hello = Message("user", (TextPart("Say sixty words."),))
    request = ChatRequest(model=model, messages=(hello,), stream=stream)
    prefix = _PREFIX.get(protocol.name, "")
    return prefix + protocol.locate(model, stream), protocol.encode_request(request)


async def ask(
    server: Server,
    model: str = "ok",
    protocol: Protocol = PROTOCOLS[0],
    stream: bool = True,
    most: int = 2**20,
    tls: ssl.SSLContext | None = None,
) -> Heard:
    """What a question brings, up to ``most`` bytes."""
    path, body = question(protocol, model, stream)
    return await send(server, post(path, body), most, tls)


def post(path: str, body: Any, *headers: str) -> bytes:
    """A request that is the last on its connection."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = (f"POST {path} HTTP/1.1", "Host: x", "Connection: close", *headers)
    return "\r\n".join((*lines, f"Content-Length: {len(data)}", "", "")).encode() + data


def get(path: str, *headers: str) -> bytes:
    lines = (f"GET {path} HTTP/1.1", "Host: x", "Connection: close", *headers)
    return "\r\n".join((*lines, "", "")).encode()


async def send(
    server: Server, data: bytes, most: int = 2**20, tls: ssl.SSLContext | None = None
) -> Heard:
    """What these bytes bring."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=tls)
    writer.write(data)
    try:
        return await _listen(reader, most)
    finally:
        writer.transport.abort()


async def _listen(reader: asyncio.StreamReader, most: int) -> Heard:
    raw = bytearray()
    while len(raw) < most:
        try:
            async with asyncio.timeout(QUIET):
                data = await reader.read(2**16)
        except TimeoutError:
            return Heard(bytes(raw), "silence")
        except ConnectionResetError:
            return Heard(bytes(raw), "RST")
        if not data:
            return Heard(bytes(raw), "FIN")
        raw += data
    return Heard(bytes(raw), "more")
