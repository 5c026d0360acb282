"""What lists of models say beside names: limits, prices, capabilities, in each service's words."""

from __future__ import annotations

import json
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.protocols.anthropic_messages import AnthropicMessages
from penstock.protocols.cohere_v2_chat import CohereChat
from penstock.protocols.gemini_generate import GeminiGenerate
from penstock.protocols.limits import tokens
from penstock.protocols.openai_chat import OpenAIChat
from penstock.types import ModelInfo, Rates

SUPPORTED, UNSUPPORTED = {"supported": True}, {"supported": False}


def chat(**said: Any) -> ModelInfo:
    (info,) = OpenAIChat().decode_models(json.dumps({"data": [{"id": "m", **said}]}).encode())
    return info


@pytest.mark.parametrize(
    ("said", "info"),
    [
        ({"object": "model", "created": 0, "owned_by": "x"}, ModelInfo("m")),
        (
            {"context_window": 131072, "max_completion_tokens": 8192, "active": True},
            ModelInfo("m", context=131072, output=8192),
        ),
        (
            {"max_context_length": 32768, "capabilities": {"vision": True}},
            ModelInfo("m", context=32768),
        ),
        ({"max_model_len": 4096, "permission": []}, ModelInfo("m", context=4096)),
        (
            {
                "context_length": 1000,
                "top_provider": {"max_completion_tokens": 10},
                "supported_parameters": ["tools", "reasoning", "seed"],
                "architecture": {"input_modalities": ["text", "file", "audio"]},
                "pricing": {
                    "prompt": "0.000003",
                    "completion": "0.000015",
                    "input_cache_write": "0.00000375",
                    "internal_reasoning": "0",
                    "web_search": "0.01",
                },
            },
            ModelInfo(
                "m",
                context=1000,
                output=10,
                capabilities=("tools", "audio", "files", "reasoning"),
                prices=Rates(input=D(3), output=D(15), cache_write=D("3.75"), search=D("0.01")),
            ),
        ),
        (
            {"pricing": {"prompt": "0", "completion": "0"}},
            ModelInfo("m", prices=Rates(input=D(0), output=D(0))),
        ),
        ({"pricing": {"prompt": "-1", "completion": "-1"}}, ModelInfo("m")),
        ({"pricing": {"prompt": "0.1"}}, ModelInfo("m")),
        *(
            ({"pricing": {"prompt": said, "completion": "0.1"}}, ModelInfo("m"))
            for said in ("1e999999", "1e300000", "1e-999999", "1.1", "Infinity", "NaN", "sNaN")
        ),
        (
            {"pricing": {"prompt": "0e999999", "completion": "1"}},
            ModelInfo("m", prices=Rates(input=D(0), output=D(10**6))),
        ),
        ({"pricing": {"prompt": 0.88, "completion": 0.88}}, ModelInfo("m")),
    ],
)
def test_lists_in_openais_form_say_more(said: dict[str, Any], info: ModelInfo) -> None:
    assert chat(**said) == info


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(
            (
                "context_length",
                "context_window",
                "max_completion_tokens",
                "top_provider",
                "pricing",
                "supported_parameters",
                "architecture",
            )
        ),
        ANYTHING,
    )
)
def test_whatever_a_list_says_of_a_model_its_name_is_read(said: dict[str, Any]) -> None:
    assert chat(**said).id == "m"


@given(ANYTHING)
def test_a_limit_is_a_whole_number_above_0(said: object) -> None:
    found = tokens(said)
    assert found is None or (found > 0 and found == said)


def test_anthropic_says_limits_and_capabilities() -> None:
    said = {
        "id": "claude-x",
        "display_name": "Claude X",
        "max_input_tokens": 1000000,
        "max_tokens": 128000,
        "capabilities": {
            "image_input": SUPPORTED,
            "pdf_input": UNSUPPORTED,
            "structured_outputs": SUPPORTED,
            "thinking": {**SUPPORTED, "types": {}},
            "batch": SUPPORTED,
        },
    }
    bare = {"id": "claude-y", "display_name": None, "capabilities": 5, "max_tokens": None}
    body = json.dumps({"data": [said, bare]}).encode()
    assert AnthropicMessages().decode_models(body) == (
        ModelInfo(
            "claude-x",
            "Claude X",
            context=1000000,
            output=128000,
            capabilities=("tools", "json_schema", "vision", "reasoning"),
        ),
        ModelInfo("claude-y"),
    )


def test_gemini_says_limits() -> None:
    said = {"name": "models/g", "inputTokenLimit": 1048576, "outputTokenLimit": 65536}
    (info,) = GeminiGenerate().decode_models(json.dumps({"models": [said]}).encode())
    assert info == ModelInfo("g", context=1048576, output=65536)


def test_cohere_says_a_limit() -> None:
    said = {"name": "c", "context_length": 256000.0}
    (info,) = CohereChat().decode_models(json.dumps({"models": [said]}).encode())
    assert (info.id, info.context) == ("c", 256000)
