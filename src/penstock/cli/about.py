"""What there is to know about one provider, as a line of the list or in full."""

from __future__ import annotations

import inspect
import re

from msgspec import Struct

from penstock import settings, variables
from penstock.catalog import Catalog
from penstock.cli.terminal import command
from penstock.provider import Provider
from penstock.transport import origin

_CODE = re.compile(r"[:,;] `+\w+\(.*")
_REST = re.compile(r"[;,][^;,]*$")


class ProviderLine(Struct):
    """``how`` a provider is configured, where it is (``route``: it is one); the variable of its
    ``key``, that which is set first of several; its page, or the address that was said; what it is
    ``about``."""

    name: str
    configured: bool
    how: str
    key: str
    url: str
    about: str


def line(catalog: Catalog, name: str) -> ProviderLine:
    """The provider as it is configured. Raises ``ConfigError`` where it cannot be loaded."""
    provider, how = catalog.get(name), catalog.how(name)
    what = first_sentence(inspect.cleandoc(type(provider).__doc__ or "").partition("\n")[0])
    url = origin(_said_address(catalog, name)) or provider.url
    return ProviderLine(name, bool(how), how, _key(catalog, provider), url, what)


def _said_address(catalog: Catalog, name: str) -> str:
    said = catalog.config.providers.get(name)
    return settings.from_environment(name, "base_url") or (said.base_url if said else "")


def _key(catalog: Catalog, provider: Provider) -> str:
    """The variables of its key as ``A|B``, or the one of them that is set."""
    said = catalog.config.providers.get(provider.name)
    usual = (said.api_key_env if said else "") or getattr(provider, "api_key_env", "")
    return variables.which(usual) or usual


def first_sentence(text: str) -> str:
    """Of the first line of a docstring, what is whole, without its code.

    >>> first_sentence("Bedrock, in one region; with a")
    'Bedrock, in one region.'
    """
    sentence, stop, _ = _CODE.sub(".", text).partition(". ")
    plain = sentence.replace("``", "`")
    if stop or plain.endswith("."):
        return f"{plain.removesuffix('.')}."
    return f"{_REST.sub('', plain)}." if plain else ""


def is_engine(catalog: Catalog, name: str) -> bool:
    """Whether it is a program on this machine, which is found where it runs."""
    declared = catalog.declared().get(name)
    return declared is not None and declared.base == "LocalEngine"


def print_details(catalog: Catalog, line: ProviderLine) -> None:
    """A fact on a line, and how to go on."""
    provider = catalog.get(line.name)
    facts = {
        "configured": line.how or f"no; {_next_step(catalog, line.name)}",
        "key": line.key.replace("|", " or "),
        "page": provider.url,
        "address": origin(_said_address(catalog, line.name)),
        "default": f"{line.name}/{provider.default_model}" if provider.default_model else "",
        "models": f"`{command()} models {line.name}` lists them",
    }
    print(f"{line.name}: {line.about}")
    for name, fact in facts.items():
        if fact:
            print(f"  {name:10}  {fact}")


def _next_step(catalog: Catalog, name: str) -> str:
    """What makes it ready."""
    lack = catalog.lacks(f"{name}/any").removeprefix(f"{name} is not set up: ")
    if name == "local":
        return lack or f"`{command()} pull` lists models to fetch, or name a file: -m local/PATH"
    return lack or f"it answers where it is named: -m {name}/MODEL"
