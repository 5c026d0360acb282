"""What a provider lacks before it can be asked, and the step to take."""

from __future__ import annotations

from penstock import settings, variables
from penstock.provider import Provider


def of(provider: Provider, key: str = "") -> str:
    """What is missing, in words; empty where nothing is, as far as is known without asking anybody.
    ``key``: the variables, as ``A|B``, that its key is in, where they are not the usual ones.
    Raises ``ConfigError`` where an address cannot be used."""
    if (own := provider.lacks()) is not None:
        return own
    if provider.is_configured():
        return ""
    address = settings.variable(provider.name, "base_url")
    if not provider.working:
        return f"the service of {provider.name} is gone: set {address} to another one"
    usual = str(getattr(provider, "base_url", ""))
    needed = [_key(provider, key), *variables.missing(usual), "" if usual else address]
    steps = " and ".join(name.replace("|", " or ") for name in needed if name)
    return f"{provider.name} is not set up: set {steps}" if steps else ""


def _key(provider: Provider, said: str) -> str:
    usual = said or str(getattr(provider, "api_key_env", ""))
    return "" if getattr(provider, "api_key", "") or variables.first(usual) else usual
