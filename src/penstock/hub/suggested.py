"""Small models to chat with, under short names, from repos that ask for no account.

Repos, files, sizes and licences are as public programs that fetch them record them (looked up
2026-11-21); what counts in a pull is what the hub says then.
"""

from __future__ import annotations

from msgspec import Struct


class Suggested(Struct, frozen=True):
    """A model and the file that a short name means; ``size`` is in bytes, to the nearest MB."""

    name: str
    repo: str
    file: str
    size: int
    licence: str


_MB = 10**6

SUGGESTED = (
    Suggested(
        "qwen3-0.6b", "Qwen/Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q8_0.gguf", 639 * _MB, "Apache-2.0"
    ),
    Suggested(
        "gemma-3-1b",
        "ggml-org/gemma-3-1b-it-GGUF",
        "gemma-3-1b-it-Q4_K_M.gguf",
        806 * _MB,
        "Gemma",
    ),
    Suggested(
        "llama-3.2-1b",
        "bartowski/Llama-3.2-1B-Instruct-GGUF",
        "Llama-3.2-1B-Instruct-Q4_K_M.gguf",
        808 * _MB,
        "Llama 3.2",
    ),
    Suggested(
        "smollm2-1.7b",
        "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF",
        "smollm2-1.7b-instruct-q4_k_m.gguf",
        1056 * _MB,
        "Apache-2.0",
    ),
    Suggested(
        "qwen3-1.7b", "ggml-org/Qwen3-1.7B-GGUF", "Qwen3-1.7B-Q4_K_M.gguf", 1280 * _MB, "Apache-2.0"
    ),
    Suggested(
        "smollm3-3b", "ggml-org/SmolLM3-3B-GGUF", "SmolLM3-Q4_K_M.gguf", 1915 * _MB, "Apache-2.0"
    ),
    Suggested(
        "granite-4.0-micro",
        "ibm-granite/granite-4.0-micro-GGUF",
        "granite-4.0-micro-Q4_K_M.gguf",
        2100 * _MB,
        "Apache-2.0",
    ),
    Suggested("qwen3-4b", "Qwen/Qwen3-4B-GGUF", "Qwen3-4B-Q4_K_M.gguf", 2497 * _MB, "Apache-2.0"),
)
"""The smallest first: the one to begin with."""
