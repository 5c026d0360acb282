"""OpenAI's usage numbers, and what others put beside them."""

from __future__ import annotations

from types import NoneType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.protocols import json
from penstock.protocols.openai_chat.usage import decode_usage, encode_usage
from penstock.types import Usage
from protocols.strategies import in_total, usages, values

places = [
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_tokens_details",
    "completion_tokens_details",
    "cached_tokens",
    "prompt_cache_hit_tokens",
    "provenance",
]
NUMBERS = ("input", "output", "total", "cached_input", "cache_write", "reasoning")
numbers = st.dictionaries(
    st.sampled_from(places),
    values | st.dictionaries(st.sampled_from(["cached_tokens", "reasoning_tokens"]), values),
)


@given(usages)
def test_decoding_undoes_encoding(usage: Usage) -> None:
    assert decode_usage(encode_usage(usage)) == usage


@given(numbers)
def test_whatever_a_service_says_can_be_said_again(value: dict[str, Any]) -> None:
    usage = decode_usage(value)
    said = encode_usage(usage)
    assert json.loads(json.encode(said)) == said
    again = decode_usage(said)
    usage = in_total(usage)
    assert [getattr(again, name) for name in NUMBERS] == [getattr(usage, name) for name in NUMBERS]
    assert encode_usage(again) == said
    assert all(type(getattr(usage, name)) in (int, NoneType) for name in NUMBERS)


def test_openai_s_numbers_have_common_names() -> None:
    value = {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "total_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 5, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 6},
    }
    rest = {"openai_chat": {"prompt_tokens_details": {"audio_tokens": 0}}}
    usage = Usage(1, 2, 3, 4, 5, 6, metadata=rest)
    assert decode_usage(value) == usage
    assert encode_usage(usage) == value


@pytest.mark.parametrize(
    "value", [{"cached_tokens": 7}, {"prompt_cache_hit_tokens": 7, "prompt_tokens_details": None}]
)
def test_cached_tokens_have_other_places_too(value: dict[str, Any]) -> None:
    assert decode_usage(value).cached_input == 7
    assert encode_usage(decode_usage(value))["prompt_tokens_details"] == {"cached_tokens": 7}


@pytest.mark.parametrize("odd", ["x", [1], 5, None, {}])
def test_numbers_find_a_place_where_something_else_stood(odd: object) -> None:
    usage = decode_usage({"prompt_tokens_details": odd, "cached_tokens": 7})
    assert usage.cached_input == 7
    assert encode_usage(usage)["prompt_tokens_details"] == {"cached_tokens": 7}


@pytest.mark.parametrize("provenance", ["estimated", "partial"])
def test_an_estimate_says_so(provenance: Any) -> None:
    usage = Usage(output=5, provenance=provenance)
    assert encode_usage(usage) == {"completion_tokens": 5, "provenance": provenance}
    assert decode_usage(encode_usage(usage)) == usage
