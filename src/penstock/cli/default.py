"""Which model answers when none is named, why, and what to do about it."""

from __future__ import annotations

from penstock.catalog import BUILTIN, Catalog
from penstock.cli.terminal import command


def explain(catalog: Catalog) -> str:
    """The default model and the reason, with the next step where nothing is configured."""
    model, why = catalog.explain_default()
    if model == BUILTIN:
        return f"{model} answers:\n{why}.\n{_how_to_configure()}"
    return f"{model} answers: {why}."


def _how_to_configure() -> str:
    return (
        f"To have a model answer, set a service's key (see `{command()} providers`)\n"
        f"or name a server of your own: {command()} chat --base-url URL -m MODEL"
    )
