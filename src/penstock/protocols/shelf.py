"""Every protocol and dialect there is: found in the folder, no hand-kept list."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from penstock import protocols
from penstock.protocols import Protocol


def find() -> dict[str, type[Protocol]]:
    """The classes by their names, protocols before their dialects. Imports all of them."""
    for module in pkgutil.walk_packages(protocols.__path__, protocols.__name__ + "."):
        import_module(module.name)
    found = {kind.name: kind for kind in _below(Protocol)}  # type: ignore[type-abstract]
    return dict(sorted(found.items(), key=lambda item: (item[1].family != item[0], item[0])))


def _below(kind: type[Protocol]) -> Iterator[type[Protocol]]:
    """Every class below this one that has a name of its own and lives in this package."""
    for each in kind.__subclasses__():
        if "name" in vars(each) and each.__module__.startswith(protocols.__name__):
            yield each
        yield from _below(each)
