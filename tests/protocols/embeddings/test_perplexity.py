"""Perplexity's vectors are signed bytes in base64, which no other service's are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import UnexpectedAnswer
from penstock.protocols.embeddings.perplexity import PerplexityEmbeddings
from penstock.types import EmbeddingRequest, Usage

FORM = PerplexityEmbeddings()
ASKED = EmbeddingRequest(model="pplx-embed-v1-0.6b", input=("a", "b"), dimensions=128)
SPENT = {"prompt_tokens": 24, "total_tokens": 24, "cost": {"currency": "USD"}}


def answer(*vectors: Any, **more: Any) -> bytes:
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    return json.dumps({"object": "list", "data": data, "model": "m", **more}).encode()


def test_it_is_asked_as_openai_is() -> None:
    body = {"model": "pplx-embed-v1-0.6b", "input": ["a", "b"], "dimensions": 128}
    assert FORM.encode_request(ASKED) == body


def test_every_byte_is_a_number() -> None:
    found = FORM.decode_response(answer("f4A=", "AP8=", usage=SPENT), ASKED)
    assert found.vectors == ((127.0, -128.0), (0.0, -1.0))
    assert found.usage == Usage(input=24, total=24)
    assert FORM.decode_response(answer("f4A=", "AP8="), ASKED).usage is None


@pytest.mark.parametrize("wrong", ["f4A", "f4A=\n", "é", [1.0, 2.0], None])
def test_what_is_not_bytes_is_no_vector(wrong: object) -> None:
    with pytest.raises(UnexpectedAnswer):
        FORM.decode_response(answer("f4A=", wrong), ASKED)
