"""Callers of the gateway choose among the models of this machine, not among its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.test_translation import gateway, post
from penstock.config import ProviderConfig

pytest.importorskip("xllamacpp")


async def ask(model: str, **providers: ProviderConfig) -> tuple[int, bytes]:
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    async with gateway(**providers) as url:
        status, _, said = await post(f"{url}/v1/chat/completions", {**body, "max_tokens": 2})
    return status, said


async def test_a_file_that_nobody_offered_is_as_if_it_were_not_there(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PENSTOCK_MODELS", str(tmp_path))
    there, away = await ask(f"local/{tiny_model}"), await ask(f"local/{tiny_model}.away")
    assert there == away
    assert there[0] == 404
    assert b"local has no such model here" in there[1]


async def test_a_file_that_the_config_offers_answers(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PENSTOCK_MODELS", str(tmp_path))
    status, said = await ask(f"local/{tiny_model}", local=ProviderConfig(models=(str(tiny_model),)))
    assert status == 200, said
