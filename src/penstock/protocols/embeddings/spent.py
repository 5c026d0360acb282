"""What embeddings cost: texts are read and nothing is written, so one number says all."""

from __future__ import annotations

from typing import Any

from penstock.types import Usage


def read_tokens(tokens: float | None) -> Usage | None:
    """What a service says that it read; ``None``: it says nothing."""
    return None if tokens is None else Usage(input=int(tokens), total=int(tokens))


def provenance(usage: Usage) -> dict[str, Any]:
    """The key that says of an estimate, wherever it is shown, that it is one."""
    return {} if usage.provenance == "reported" else {"provenance": usage.provenance}
