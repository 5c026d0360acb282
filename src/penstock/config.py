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

[routes.smart]                     # a name for several models; routes.py shows all there is
fallback = ["lab/qwen3", "openai/gpt-5"]

[status]
probe = 60                         # the gateway tries the targets of routes every so many seconds
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import replace

from penstock.errors import ConfigError
from penstock.transport import Seconds, Timeouts
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


Targets: TypeAlias = Annotated[tuple[str, ...], Meta(min_length=1)]
OnLeave: TypeAlias = Literal["cancel", "drain"] | Annotated[float, Meta(gt=0)]
By: TypeAlias = Literal["weight", "busy", "latency", "cost"]


class RouteConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Several models under one name; see ``routes.py``. Just one of ``fallback``, ``balance`` and
    ``hedge`` names them."""

    fallback: Targets = ()
    balance: Targets = ()
    hedge: Targets = ()
    continues: bool = field(default=False, name="continue")
    by: By = "weight"
    weights: tuple[Annotated[float, Meta(gt=0)], ...] = ()
    affinity: bool = True
    retries: Annotated[int, Meta(ge=0, le=10)] = 2
    timeout: Seconds = None
    on_leave: OnLeave = "cancel"


class StatusConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How it is found out what works. ``probe``: seconds from one try of a route's target to the
    next; ``None``: real calls alone tell."""

    probe: Seconds = None


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. ``folder``: where it lies; relative paths in it start there."""

    default: str = ""
    discovery: bool = True
    proxy: Secret = Secret("")
    providers_folder: str = ""
    timeouts: Timeouts | None = None
    gateway: GatewayConfig = GatewayConfig()
    providers: Mapping[str, ProviderConfig] = field(default_factory=dict)
    routes: Mapping[str, RouteConfig] = field(default_factory=dict)
    status: StatusConfig = StatusConfig()
    folder: Path = Path()


_WITHIN = {".timeouts": Timeouts, ".gateway": GatewayConfig, ".status": StatusConfig}
"""Tables that stand in others."""
_UNKNOWN = re.compile("Object contains unknown field `(.*)")
_WRONG = re.compile(r"Expected `(\w+)[^`]*`((?: of length)?(?: [<>]=? [\d.]+)?)(?:, got `(\w+)`?)?")
_ODD = re.compile("Invalid enum value (.*)")
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
    except RecursionError:
        raise ConfigError(f"{found} is nested too deep") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ConfigError) as error:
        raise ConfigError(f"{found}: {error}") from None


def _config(values: dict[str, Any]) -> Config:
    if "folder" in values:
        raise ConfigError("there is no key folder; say providers_folder")
    config = _table("", {**values, "providers": {}, "routes": {}}, Config)
    providers = _named("providers", values, ProviderConfig)
    return replace(config, providers=providers, routes=_named("routes", values, RouteConfig))


def _named(kind: str, values: dict[str, Any], table: type[T]) -> dict[str, T]:
    """The tables of that kind, by their names."""
    said = _table(kind, values.get(kind, {}), dict[str, Any])
    return {name: _table(f"{kind}.{name}", value, table) for name, value in said.items()}


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
    if odd := _ODD.fullmatch(what):
        known = " or ".join(_choices(_type_of(kind, path)))
        return f"{where} must be {known}, not {odd[1]}"
    if wrong := _WRONG.fullmatch(what):
        if wrong[1] == "int" and wrong[3] == "float":
            return f"{where} must be a whole number"
        got = f", not {_WORDS.get(wrong[3], wrong[3])}" if wrong[3] else ""
        return f"{where} must be {_WORDS.get(wrong[1], wrong[1])}{wrong[2]}{got}"
    return f"{where}: {what}"


def _type_of(table: Any, path: str) -> object:
    """The type of the key that ``path`` leads to."""
    fields = msgspec.structs.fields(table)
    return next(field.type for field in fields if path == f".{field.encode_name}")


def _choices(kind: object) -> Iterator[str]:
    """What may stand where words are to choose from."""
    for one in get_args(kind):
        if one is float:
            yield "a number"
        elif isinstance(one, str):
            yield one
        else:
            yield from _choices(one)


def _secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(f"Expected `str`, got `{type(value).__name__}`")
