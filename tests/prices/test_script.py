"""scripts/prices reads what the sources have in their repositories as what they publish."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from prices import public_data

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "prices"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    class Reader(SourceFileLoader):
        def set_data(self, path: str, data: object, *, _mode: int = 0o666) -> None:
            """Write no bytecode beside it."""

    module = ModuleType("scripts_prices")
    Reader(module.__name__, str(SCRIPT)).exec_module(module)
    return module


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        file = folder.joinpath(*name.split("__")).with_suffix(".toml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_a_checkout_of_models_dev_is_read_as_its_api(script: ModuleType, tmp_path: Path) -> None:
    write(
        tmp_path,
        models__openai__gpt="reasoning = true\n[limit]\ncontext = 9\noutput = 5\n",
        providers__host__provider='name = "Host"\n',
        providers__host__models__gpt=(
            'base_model = "openai/gpt"\nbase_model_omit = ["limit.output", "x.y"]\n'
            "[limit]\ncontext = 7\n"
        ),
        providers__host__models__deep__own="tool_call = false\n",
    )
    (tmp_path / "providers/host/models/gone.toml").symlink_to("../nowhere.toml")
    said = script.checkout(tmp_path)["host"]["models"]
    assert set(said) == {"gpt", "deep/own"}
    assert (said["gpt"]["limit"], said["gpt"]["reasoning"]) == ({"context": 7}, True)
    assert said["deep/own"]["id"] == "deep/own"


def test_the_package_says_what_it_publishes(script: ModuleType) -> None:
    said: list[dict[str, Any]] = json.loads(script.genai_prices(None))
    openai = next(provider for provider in said if provider["id"] == "openai")
    mini = next(model for model in openai["models"] if model["id"] == "gpt-5-mini")
    assert mini["prices"]["input_mtok"] == 0.25
    assert mini["match"]["or"][0] == {"equals": "gpt-5-mini"}


def test_another_table_is_told(tmp_path: Path) -> None:
    prices, facts = tmp_path / "data.json", tmp_path / "api.json"
    prices.write_bytes(public_data.genai_prices())
    facts.write_bytes(public_data.models_dev())
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--check", "--genai-prices", prices, "--models-dev", facts],
        capture_output=True,
    )
    assert done.returncode == 1
    assert b"run scripts/prices" in done.stderr
