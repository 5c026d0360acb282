"""Public data about models in small: every provider that the table has, with the models asked
for."""

from __future__ import annotations

import json
from typing import Any

from penstock.prices.sources import PROVIDERS


def genai_prices(**models: list[dict[str, Any]]) -> bytes:
    """As genai-prices publishes it; a provider that is not named has one model, ``m``."""
    usual = [{"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 1, "output_mtok": 2}}]
    found = {said.genai for said in PROVIDERS.values() if said.genai}
    return json.dumps([{"id": n, "models": models.get(n, usual)} for n in sorted(found)]).encode()


def models_dev(**models: list[dict[str, Any]]) -> bytes:
    """As models.dev publishes it; a provider that is not named has one model, ``m``."""
    usual = [model("m", last_updated="2026-06-01")]
    found = {said.models_dev for said in PROVIDERS.values() if said.models_dev}
    listed = {
        name: {"id": name, "models": {m["id"]: m for m in models.get(name, usual)}}
        for name in found
    }
    return json.dumps(listed).encode()


def model(id: str, **more: Any) -> dict[str, Any]:
    modalities = {"input": ["text", "image"], "output": ["text"]}
    limit = {"context": 1000, "output": 100}
    return {"id": id, "modalities": modalities, "limit": limit, "tool_call": True, **more}
