"""What importing costs, told by what it loads; the milliseconds are in docs/performance.md."""

from __future__ import annotations

import subprocess
import sys

import pytest

import penstock


def loaded_by(program: str) -> set[str]:
    """The modules that a program loads beyond a bare interpreter."""
    show = "import sys; before = set(sys.modules)\n{}\nprint(*(set(sys.modules) - before))"
    run = subprocess.run(
        [sys.executable, "-c", show.format(program)], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_importing_penstock_loads_nothing_else_of_penstock() -> None:
    loaded = loaded_by("import penstock")
    assert {name for name in loaded if name.startswith("penstock")} == {"penstock"}
    assert not loaded & {"aiohttp", "asyncio", "msgspec", "logging", "ssl"}


def test_a_provider_is_loaded_alone_and_without_the_network() -> None:
    loaded = loaded_by("from penstock import OpenAI")
    providers = {name for name in loaded if name.startswith("penstock.providers.")}
    assert providers == {"penstock.providers.openai"}
    assert "aiohttp" not in loaded


@pytest.mark.parametrize("name", penstock.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(penstock, name) is not None
    assert name in dir(penstock)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_here"):
        penstock.nothing_here  # noqa: B018
