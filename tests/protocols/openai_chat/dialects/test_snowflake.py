"""Snowflake: the longest answer is said in the newer word alone."""

from __future__ import annotations

import pytest

from penstock.protocols.openai_chat.dialects.snowflake import Snowflake

BODY = {"messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize("word", ["max_tokens", "max_completion_tokens"])
def test_snowflake_is_told_the_longest_answer_in_the_newer_word(word: str) -> None:
    service = Snowflake()
    body = service.encode_request(service.decode_request({**BODY, word: 9}))
    assert body == {**BODY, "max_completion_tokens": 9}
