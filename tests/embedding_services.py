"""Services that embed, each in the words of its documentation, on a real socket.

A text's vector is three numbers that tell it from others, so that order and count show; the last is
one that 32 bits hold and that JSON writes in many digits.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

from raw import Script, Upstream, head

Answer = Callable[[dict[str, Any]], dict[str, Any]]


def vector(text: str | list[int]) -> list[float]:
    """What these services make of a text."""
    first = ord(text[0]) if isinstance(text, str) and text else -1
    return [float(len(text)), float(first), 0.10000000149011612]


def openai(body: dict[str, Any]) -> dict[str, Any]:
    """https://platform.openai.com/docs/api-reference/embeddings/create"""
    said = body["input"] if isinstance(body["input"], list) else [body["input"]]
    inputs = [said] if said and isinstance(said[0], int) else said
    data: list[dict[str, Any]] = []
    for index, one in enumerate(inputs):
        made: Any = vector(one)[: body.get("dimensions")]
        if body.get("encoding_format") == "base64":
            made = base64.b64encode(struct.pack(f"<{len(made)}f", *made)).decode()
        data.append({"object": "embedding", "index": index, "embedding": made})
    usage = {"prompt_tokens": 2 * len(data), "total_tokens": 2 * len(data)}
    return {"object": "list", "data": data[::-1], "model": body["model"], "usage": usage}


def mistral(body: dict[str, Any]) -> dict[str, Any]:
    """https://docs.mistral.ai/api/endpoint/embeddings"""
    known = {"model", "input", "metadata", "output_dimension", "output_dtype", "encoding_format"}
    assert set(body) <= known
    dimension = body.pop("output_dimension", None)
    return {"id": "b322cfc2", **openai({**body, "dimensions": dimension})}


def gemini(body: dict[str, Any]) -> dict[str, Any]:
    """https://ai.google.dev/api/embeddings"""
    made = []
    for one in body["requests"]:
        assert one["model"] == "models/m"
        text = "".join(part["text"] for part in one["content"]["parts"])
        made.append({"values": vector(text)[: one.get("outputDimensionality")]})
    assert len(made) <= 100
    return {"embeddings": made}


def cohere(body: dict[str, Any]) -> dict[str, Any]:
    """https://docs.cohere.com/v2/reference/embed"""
    assert body["input_type"].startswith(("search_", "cl"))
    assert len(body["texts"]) <= 96
    floats = [vector(text)[: body.get("output_dimension")] for text in body["texts"]]
    return {
        "id": "f5aa3e7b",
        "texts": body["texts"],
        "embeddings": {"float": floats} if "float" in body["embedding_types"] else {},
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": len(floats)}},
        "response_type": "embeddings_by_type",
    }


def ollama(body: dict[str, Any]) -> dict[str, Any]:
    """https://docs.ollama.com/api/embed"""
    said = [body["input"]] if isinstance(body["input"], str) else body["input"]
    made = [vector(text)[: body.get("dimensions")] for text in said]
    spent = {"total_duration": 14143917, "load_duration": 1019500, "prompt_eval_count": len(made)}
    return {"model": body["model"], "embeddings": made, **spent}


def vertex(body: dict[str, Any]) -> dict[str, Any]:
    """https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api"""
    assert len(body["instances"]) <= 250
    length = body.get("parameters", {}).get("outputDimensionality")
    made = [vector(one["content"])[:length] for one in body["instances"]]
    statistics = {"token_count": 1, "truncated": False}
    return {"predictions": [{"embeddings": {"values": v, "statistics": statistics}} for v in made]}


SERVICES: Mapping[str, tuple[str, Answer]] = {
    "openai": ("/embeddings", openai),
    "openai-compatible": ("/embeddings", openai),
    "mistral": ("/embeddings", mistral),
    "gemini": ("/v1beta/models/m:batchEmbedContents", gemini),
    "cohere": ("/v2/embed", cohere),
    "ollama": ("/api/embed", ollama),
    "vertex": ("/publishers/google/models/m:predict", vertex),
}
"""Each provider's service: where it is asked, and how it answers."""


def serve(name: str) -> Upstream:
    """The service of a provider, whose base URL is the address alone."""
    path, answer = SERVICES[name]

    def script(request: bytes) -> Script:
        line, _, body = request.partition(b"\r\n\r\n")
        assert line.split(b" ", 2)[:2] == [b"POST", path.encode()]
        return whole(answer(json.loads(body)))

    return Upstream(script)


def whole(value: Mapping[str, Any], status: str = "200 OK") -> Script:
    """An answer's bytes."""
    body = json.dumps(value).encode()
    return [head(status, content_type="application/json", content_length=len(body)), body]


def bodies(upstream: Upstream) -> list[dict[str, Any]]:
    """What the service was asked, in the order of the connections."""
    raw = [request for each in upstream.connections for request in each.requests]
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in raw]
