"""Cerebras: reasoning under its name, and nothing that is refused."""

from __future__ import annotations

from penstock.protocols.openai_chat.dialects.cerebras import Cerebras

USER = {"role": "user", "content": "Hi"}


def test_cerebras_is_told_reasoning_under_the_name_it_knows() -> None:
    said = {"role": "assistant", "content": "Ho", "reasoning_content": "So"}
    service = Cerebras()
    body = service.encode_request(service.decode_request({"messages": [USER, said, USER]}))
    assert body["messages"][1] == {"role": "assistant", "content": "Ho", "reasoning": "So"}


def test_cerebras_is_not_told_what_it_refuses() -> None:
    service = Cerebras()
    request = service.decode_request(
        {"messages": [USER], "frequency_penalty": 1, "logit_bias": {"1": 2}, "store": True}
    )
    assert service.encode_request(request) == {"messages": [USER]}
    assert service.loss(request) == ("extra.logit_bias", "extra.store", "frequency_penalty")
