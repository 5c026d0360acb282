"""What tests of several folders share."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiny_gguf


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file that llama.cpp loads and runs in milliseconds."""
    return tiny_gguf.write(tmp_path_factory.mktemp("models") / "tiny.gguf")
