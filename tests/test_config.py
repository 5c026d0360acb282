"""Mistakes in the config file are named as they stand in it, with what may stand there."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.config import load
from penstock.errors import ConfigError

KEYS = (
    "api_key, api_key_env, base_url, class, default_model, file, headers, models, proxy, timeouts, "
    "type"
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("defualt = 'x'", "the file has no key defualt; there are default, discovery, gateway, "),
        ("folder = 'x'", "there is no key folder; say providers_folder"),
        ("default = 1", "default must be text, not a number"),
        ("discovery = 'x'", "discovery must be true or false, not text"),
        ("proxy = 1", "proxy must be text, not a number"),
        ("providers = ['lab']", "providers must be a table, not a list"),
        ("providers.lab = 'x'", "providers.lab must be a table, not text"),
        ("[providers.lab]\nkey = 'x'", f"providers.lab has no key key; there are {KEYS}"),
        ("[providers.lab]\nmodels = 'x'", "providers.lab.models must be a list, not text"),
        ("[providers.lab]\nmodels = [1]", "providers.lab.models[0] must be text, not a number"),
        (
            "[providers.lab.timeouts]\nidel = 1",
            "providers.lab.timeouts has no key idel; there are connect, first, headers, idle, ",
        ),
        ("[gateway]\nport = 'x'", "gateway.port must be a number, not text"),
        ("[gateway]\nprot = 1", "gateway has no key prot; there are host, port"),
        ("[timeouts]\nidle = 'long'", "timeouts.idle must be a number, not text"),
        ("[timeouts]\nidle = -1", "timeouts.idle must be a number > 0.0"),
        ("x = = 1", "Invalid value"),
    ],
)
def test_a_mistake_is_named_where_it_stands(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.message.startswith(f"{file}: {says}")
