"""What tests of several folders share."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

import tiny_gguf


def pytest_configure() -> None:
    """A shell lets what runs behind an ``&`` ignore Ctrl-C, and so would the programs that tests
    start and interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file that llama.cpp loads and runs in milliseconds."""
    return tiny_gguf.write(tmp_path_factory.mktemp("models") / "tiny.gguf")
