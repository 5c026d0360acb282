"""Which model answers when none is named, why, and what to do about it."""

from __future__ import annotations

from penstock.catalog import BUILTIN, Catalog
from penstock.cli.terminal import command, in_one_line
from penstock.engine import installed


def explain(catalog: Catalog) -> str:
    """The default model and the reason, with the next step where it cannot answer, or where nothing
    is configured."""
    model, why = catalog.explain_default()
    if model == BUILTIN:
        return f"{model} answers:\n{why}.\n{_how_to_configure()}"
    return _of_one(catalog, model, why)


def explain_briefly(catalog: Catalog) -> str:
    """The same in a line."""
    model, why = catalog.explain_default()
    if model != BUILTIN:
        return _of_one(catalog, model, why)
    if why.startswith("no model is configured"):
        return f"ELIZA (1966) answers, no model is set up: see `{command()} providers`"
    return f"ELIZA (1966) answers: {why}"


def _of_one(catalog: Catalog, model: str, why: str) -> str:
    lack = catalog.lacks(model)
    model = in_one_line(model)  # an engine's own word for it, perhaps
    return f"{model} cannot answer: {lack} ({why})." if lack else f"{model} answers: {why}."


def engine_needed() -> str:
    """How to get what runs models in penstock itself, where that is missing."""
    return "" if installed.is_installed() else installed.INSTALL


def _how_to_configure() -> str:
    return (
        "To have a model answer, one of:\n"
        f"  {command()} pull qwen3-0.6b, which runs on this machine\n"
        "  start Ollama or LM Studio, which are found where they run\n"
        f"  set a key such as OPENAI_API_KEY; `{command()} providers` lists the others"
    )
