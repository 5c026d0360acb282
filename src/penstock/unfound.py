"""What to say of a name that nobody has: which one was meant, or how to come by it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

_ALIKE = 0.75
_SERVICES = 3


def provider(name: str, known: Iterable[str]) -> str:
    """The message for a provider's name that is none of ``known``."""
    return (
        f"no provider {name!r}; {_meant(_near(name, known)) or '`penstock providers` lists them'}"
    )


def model(
    name: str, providers: Iterable[str], listed: Iterable[str], keys: Mapping[str, str]
) -> str:
    """The message for a model's name that none of the models ``listed`` has. ``keys``: the
    variables that lack, as ``A|B``, by the names of the services that want them."""
    near = _with_a_provider(name, providers) or [*_holding(name, listed), *_near(name, listed)]
    steps = [*_fetched(name), *_for_a_key(name, keys), *filter(None, [_meant(near[:3])])]
    more = "`penstock models` lists those there are, `penstock providers` who has others"
    return f"no model {name!r}; {'; '.join(steps) or more}"


def _with_a_provider(name: str, providers: Iterable[str]) -> list[str]:
    """The name with a provider's near that which it begins with."""
    prefix, slash, rest = name.partition("/")
    return [f"{near}{slash}{rest}" for near in _near(prefix, providers)]


def _near(name: str, known: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(name, known, n=3, cutoff=_ALIKE)


def _meant(near: list[str]) -> str:
    return f"did you mean {' or '.join(near)}?" if near else ""


def _holding(name: str, listed: Iterable[str]) -> Iterator[str]:
    """Models whose names, without their providers', are near it."""
    own = {known.partition("/")[2]: known for known in listed}
    return (own[near] for near in _near(name, own))


def _fetched(name: str) -> Iterator[str]:
    """How to run it here, where that is known."""
    from penstock.engine import INSTALL, is_installed
    from penstock.hub import store
    from penstock.hub.suggested import SUGGESTED

    if store.find(name) and not is_installed():
        yield f"it was pulled; to run it: {INSTALL}"
        return
    if near := _near(name.lower(), [suggested.name for suggested in SUGGESTED]):
        what = "it" if near[0] == name.lower() else "one like it"
        yield f"`penstock pull {near[0]}` fetches {what}"


def _for_a_key(name: str, keys: Mapping[str, str]) -> list[str]:
    """Which services are known to have it, and what they want."""
    from penstock import prices

    having: dict[str, str] = {}
    for service, key in sorted(keys.items()):
        if any(info.id == name for info in prices.listed(service)):
            having.setdefault(key, service)  # of two with one key, the plain one
    said = [f"{who} has it: set {key.replace('|', ' or ')}" for key, who in having.items()]
    return said[:_SERVICES]
