"""``penstock.toml``: what a person or a team sets once. Unknown keys are errors.

default = "lab/qwen3"              # the model that answers when none is named
discovery = true                   # whether engines on this machine are looked for
proxy = "socks5://127.0.0.1:1080"
providers_folder = "providers"     # files of one's own, one provider each

[timeouts]
idle = 60

[providers.lab]
type = "openai-compatible"         # a provider of the catalog, or: class = "module:Class"
base_url = "http://127.0.0.1:8080/v1"
api_key_env = "LAB_KEY"            # where the key is; or api_key = "..."
models = ["qwen3"]
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from penstock.errors import ConfigError
from penstock.transport import Timeouts
from penstock.types import Secret

FILE = "penstock.toml"

T = TypeVar("T")


class ProviderConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """One provider: which one it is, how to reach it, what it offers."""

    type: str = ""
    cls: str = field(default="", name="class")
    file: str = ""
    base_url: str = ""
    api_key: str = ""
    api_key_env: str = ""
    proxy: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    timeouts: Timeouts | None = None
    models: tuple[str, ...] = ()
    default_model: str = ""

    def __repr__(self) -> str:
        return f"ProviderConfig(type={self.type!r}, base_url={self.base_url!r})"


class GatewayConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the gateway listens."""

    host: str = "127.0.0.1"
    port: int = 7360


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. ``folder``: where it lies; relative paths in it start there."""

    default: str = ""
    discovery: bool = True
    proxy: Secret = Secret("")
    providers_folder: str = ""
    timeouts: Timeouts | None = None
    gateway: GatewayConfig = GatewayConfig()
    providers: Mapping[str, ProviderConfig] = field(default_factory=dict)
    folder: Path = Path()


_WITHIN = {".timeouts": Timeouts, ".gateway": GatewayConfig}
"""Tables that stand in others."""
_UNKNOWN = re.compile("Object contains unknown field `(.*)")
_WRONG = re.compile(r"Expected `(\w+)[^`]*`((?: [<>]=? [\d.]+)?)(?:, got `(\w+)`?)?")
_WORDS = {
    "str": "text",
    "Secret": "text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}


def find(path: str | Path | None = None) -> Path | None:
    """The config file: ``path``, else ``PENSTOCK_CONFIG``, else ``penstock.toml`` here, else in
    the user's config folder; ``None`` where there is none. Raises ``ConfigError`` where a named
    one does not exist."""
    named = path or os.environ.get("PENSTOCK_CONFIG")
    if named:
        if not Path(named).is_file():
            raise ConfigError(f"no config file {named}")
        return Path(named)
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return next((p for p in (Path(FILE), home / "penstock" / FILE) if p.is_file()), None)


def load(path: str | Path | None = None) -> Config:
    """Read the config file that ``find`` finds, or the defaults. Raises ``ConfigError``."""
    found = find(path)
    if found is None:
        return Config()
    try:
        values = tomllib.loads(found.read_text("utf-8"))
        return replace(_config(values), folder=found.resolve().parent)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ConfigError) as error:
        raise ConfigError(f"{found}: {error}") from None


def _config(values: dict[str, Any]) -> Config:
    if "folder" in values:
        raise ConfigError("there is no key folder; say providers_folder")
    config = _table("", {**values, "providers": {}}, Config)
    named = _table("providers", values.get("providers", {}), dict[str, Any])
    tables = {name: _table(f"providers.{name}", v, ProviderConfig) for name, v in named.items()}
    return replace(config, providers=tables)


def _table(name: str, values: object, kind: type[T]) -> T:
    """What stands in the table of that name. Raises ``ConfigError`` naming the key."""
    try:
        return msgspec.convert(values, kind, dec_hook=_secret)
    except msgspec.ValidationError as error:
        raise ConfigError(_in_words(str(error), name, kind)) from None


def _in_words(error: str, table: str, kind: Any) -> str:
    """A message of msgspec's as one about the file."""
    what, _, path = error.removesuffix("`").partition(" - at `$")
    where = f"{table}{path}".lstrip(".")
    if unknown := _UNKNOWN.fullmatch(what.removesuffix("`")):
        fields = msgspec.structs.fields(_WITHIN.get(path, kind))
        known = ", ".join(sorted({field.encode_name for field in fields} - {"folder"}))
        return f"{where or 'the file'} has no key {unknown[1]}; there are {known}"
    if wrong := _WRONG.fullmatch(what):
        got = f", not {_WORDS.get(wrong[3], wrong[3])}" if wrong[3] else ""
        return f"{where} must be {_WORDS.get(wrong[1], wrong[1])}{wrong[2]}{got}"
    return f"{where}: {what}"


def _secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(f"Expected `str`, got `{type(value).__name__}`")
