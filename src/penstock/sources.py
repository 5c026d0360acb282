"""Where providers' classes come from: our own folder, a user's files, installed packages."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from penstock import providers
from penstock.errors import ConfigError
from penstock.provider import Provider

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_GROUP = "penstock.providers"


@functools.cache
def own() -> dict[str, str]:
    """Our own providers' modules, by the providers' names. Loads none."""
    return {_name(m.name): m.name for m in pkgutil.iter_modules(providers.__path__)}


@functools.cache
def own_files() -> dict[str, Path]:
    """The texts of our own providers; there are none where the package is not a folder."""
    folder = Path(providers.__path__[0])
    there = {name: folder / module for name, module in own().items()}
    files = {n: p / "__init__.py" if p.is_dir() else p.with_suffix(".py") for n, p in there.items()}
    return {name: file for name, file in files.items() if file.is_file()}


def files_in(folder: Path) -> dict[str, Path]:
    """A user's files, by the names of the providers in them."""
    return {_name(file.stem): file for file in folder.glob("*.py") if file.stem[0] not in "._"}


@functools.cache
def installed() -> dict[str, EntryPoint]:
    """The providers that installed packages bring. Loads none."""
    if not any(_mentions_group(folder or ".") for folder in sys.path):
        return {}
    from importlib.metadata import entry_points  # a quarter of the time it takes to import us

    return {point.name: point for point in entry_points(group=_GROUP)}


def _mentions_group(folder: str) -> bool:
    """Whether a package in a folder may bring some: to have all read that packages say of
    themselves takes ten times as long as to search it for the word."""
    try:
        with os.scandir(folder) as there:
            infos = [entry.path for entry in there if entry.name.endswith("-info")]
    except NotADirectoryError:  # an archive
        return True
    except OSError:
        return False
    return any(_GROUP.encode() in _entry_points_of(info) for info in infos)


def _entry_points_of(info: str) -> bytes:
    try:
        with open(f"{info}/entry_points.txt", "rb") as file:  # noqa: PTH123 - half the time of Path
            return file.read()
    except OSError:
        return b""


def load_own(name: str) -> type[Provider]:
    """The class of one of our own."""
    return _class_in(importlib.import_module(f"penstock.providers.{own()[name]}"), name)


def load_installed(name: str) -> type[Provider]:
    """The class that an installed package brings. Raises ``ConfigError``."""
    point = installed()[name]
    try:
        return _checked(point.load(), name)
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        kind = type(error).__name__
        raise ConfigError(f"{name} ({point.value}) cannot be loaded: {kind}: {error}") from error


def load_file(path: Path, name: str) -> type[Provider]:
    """The class in a user's file. Raises ``ConfigError``."""
    return _class_in(_module(path), name)


def load_class(where: str, name: str) -> type[Provider]:
    """The class at ``module:Class``. Raises ``ConfigError``."""
    module, _, attribute = where.partition(":")
    try:
        return _checked(getattr(importlib.import_module(module), attribute), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"providers.{name}: class {where!r} is not there: {error}") from None


def _module(path: Path) -> ModuleType:
    """Run a user's file as a module of its own; the same file is run once."""
    name = f"penstock_user_{path.stem}"
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__file__ == str(path):
        return loaded
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"no provider file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        kind = type(error).__name__
        raise ConfigError(f"{path} cannot be loaded: {kind}: {error}") from error
    return module


def _name(module: str) -> str:
    return module.replace("_", "-")


def _class_in(module: ModuleType, name: str) -> type[Provider]:
    """The one provider class that a module defines; of several, the one named like the file."""
    own: list[type[Provider]] = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Provider)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
    ]
    alike = [c for c in own if c.__name__.lower() == name.replace("-", "")]
    found = alike or own
    if len(found) != 1:
        names = ", ".join(c.__name__ for c in found) or "none"
        raise ConfigError(f"{module.__file__} must define one provider class; it has {names}")
    return found[0]


def _checked(value: object, name: str) -> type[Provider]:
    if inspect.isclass(value) and issubclass(value, Provider):
        return value
    raise ConfigError(f"provider {name!r} is not a subclass of penstock.Provider")
