"""What it costs to tell one protocol's stream in another, beside reading and writing its JSON.

    python benchmarks/translate.py --rounds 30

A chat of 2,000 chunks (text, reasoning, tool calls) is decoded from OpenAI chat's bytes and encoded
as Anthropic's, and back; beside it the standard library reads the JSON of every event that comes
in and writes the JSON of every event that goes out. They take turns; the ratio is taken pair by
pair. CPU microseconds per event that comes in.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable

from penstock.protocols import Protocol
from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.protocols.openai_chat import OpenAIChat
from penstock.types import ChatRequest

CHUNK = 4096
"""Bytes of a read, as a busy socket gives them."""

WORDS = ("Streams", "that", "tell", "the", "truth", "go", "word", "by", "word", "字", "🙂", ".")


def openai_stream(chunks: int) -> bytes:
    """A stream as OpenAI sends it, line by line."""
    head = {"id": "chatcmpl-B1", "object": "chat.completion.chunk", "created": 1763700000,
            "model": "gpt-5-mini", "service_tier": "default",
            "system_fingerprint": "fp_44709d6fcb"}  # fmt: skip
    deltas: list[dict[str, object]] = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"content": " " + WORDS[n % len(WORDS)]} for n in range(chunks)]
    call = {"index": 0, "id": "call_1", "type": "function",
            "function": {"name": "weather", "arguments": ""}}  # fmt: skip
    deltas.append({"tool_calls": [call]})
    for piece in ('{"city', '": "', "Mos", "kva", '"}'):
        deltas.append({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    lines = [
        {**head, "choices": [{"index": 0, "delta": d, "logprobs": None, "finish_reason": None}]}
        for d in deltas
    ]
    lines.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    usage = {"prompt_tokens": 9, "completion_tokens": chunks, "total_tokens": chunks + 9}
    lines.append({**head, "choices": [], "usage": usage})
    said = "".join(f"data: {json.dumps(line, separators=(',', ':'))}\n\n" for line in lines)
    return (said + "data: [DONE]\n\n").encode()


def translate(source: Protocol, target: Protocol, body: bytes) -> bytes:
    """The bytes of the other protocol."""
    decoder = source.decoder()
    encoder = target.encoder(ASKED)
    told = []
    for start in range(0, len(body), CHUNK):
        told += [encoder.encode(event) for event in decoder.feed(body[start : start + CHUNK])]
    told += [encoder.encode(event) for event in decoder.close()]
    return b"".join(told) + encoder.close()


ASKED = ChatRequest(
    model="m", metadata={"openai_chat": {"raw": {"stream_options": {"include_usage": True}}}}
)


def payloads(body: bytes) -> list[bytes]:
    """The JSON of each event."""
    lines = body.split(b"\n")
    found = [line[6:] for line in lines if line.startswith(b"data: ")]
    return [payload for payload in found if payload != b"[DONE]"]


def read_and_write(read: list[bytes], write: list[object]) -> None:
    """What the standard library takes for the same JSON."""
    for payload in read:
        json.loads(payload)
    for value in write:
        json.dumps(value)


def spent(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(name: str, source: Protocol, target: Protocol, body: bytes, rounds: int) -> float:
    """Print a line; the median ratio."""
    told = translate(source, target, body)
    read, write = payloads(body), [json.loads(payload) for payload in payloads(told)]
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(spent(lambda: translate(source, target, body)))
        theirs.append(spent(lambda: read_and_write(read, write)))
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    each = 1e6 / len(read)
    print(
        f"{name:28} {statistics.median(ours) * each:6.2f} us, json.loads and json.dumps "
        f"{statistics.median(theirs) * each:6.2f} us: {ratio:.2f} times ({len(read)} events)"
    )
    return ratio


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--chunks", type=int, default=2000)
    options = parser.parse_args()
    chat, messages = OpenAIChat(), AnthropicMessages()
    body = openai_stream(options.chunks)
    there = translate(chat, messages, body)
    ratios = [
        measure("OpenAI chat -> Anthropic", chat, messages, body, options.rounds),
        measure("Anthropic -> OpenAI chat", messages, chat, there, options.rounds),
    ]
    return 1 if max(ratios) > 1.5 else 0


if __name__ == "__main__":
    sys.exit(main())
