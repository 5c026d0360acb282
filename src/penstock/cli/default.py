"""Which model answers when none is named, why, and what to do about it."""

from __future__ import annotations

from penstock.catalog import BUILTIN, Catalog

HOW_TO_CONFIGURE = (
    "To have a model answer: set a service's key (`penstock providers` lists them), or name a "
    "server of your own: `penstock chat --base-url http://127.0.0.1:11434/v1 -m MODEL`."
)


def explain(catalog: Catalog) -> str:
    """The default model and the reason, with the next step where nothing is configured."""
    model, why = catalog.explain_default()
    said = f"{model} answers: {why}."
    return f"{said}\n{HOW_TO_CONFIGURE}" if model == BUILTIN else said
