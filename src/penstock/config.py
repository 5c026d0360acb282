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
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct, field

from penstock.errors import ConfigError
from penstock.transport import Timeouts
from penstock.types import Secret

FILE = "penstock.toml"


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
        if "folder" in values:
            raise ConfigError(f"{found}: there is no key folder; say providers_folder")
        config = msgspec.convert(values, Config, dec_hook=_secret)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise ConfigError(f"{found}: {error}") from None
    return msgspec.structs.replace(config, folder=found.resolve().parent)


def _secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(f"expected text, got {type(value).__name__}")
