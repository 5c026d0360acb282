"""Databricks: usage comes unasked, and asking for it is refused."""

from __future__ import annotations

from penstock.protocols.openai_chat.dialects.databricks import Databricks

BODY = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}


def test_databricks_is_not_asked_for_usage() -> None:
    service = Databricks()
    assert service.encode_request(service.decode_request(BODY)) == BODY
    asked = service.decode_request({**BODY, "stream_options": {"include_usage": True}})
    assert service.encode_request(asked) == BODY
