"""What is read from a provider's file is what its class says, and loads nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock import sources
from penstock.catalog import Catalog
from penstock.config import Config
from penstock.declarations import Declared, read
from penstock.http_provider import HTTPProvider
from penstock.local_engine import LocalEngine

FILES = sources.own_files()


def test_every_one_of_our_providers_has_a_text() -> None:
    assert FILES.keys() == sources.own().keys()


@pytest.mark.parametrize("name", FILES)
def test_what_a_file_declares_is_what_its_class_says(name: str) -> None:
    declared, kind = read(FILES[name]), sources.load_own(name)
    for constant in ("url", "base_url", "api_key_env", "host_env"):
        if constant in declared.constants:
            assert declared[constant] == getattr(kind, constant)
        elif declared.is_plain:  # nothing that is asked of it stands anywhere else
            assert not getattr(kind, constant, "")
    if declared.is_plain:
        assert issubclass(kind, HTTPProvider)
        assert kind.account is None
        assert kind.is_configured in (HTTPProvider.is_configured, LocalEngine.is_configured)
        assert declared.about == (kind.__doc__ or "").partition("\n")[0]


def test_a_plain_provider_is_ready_by_its_key_or_an_address_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = [name for name, file in FILES.items() if read(file).is_plain]
    assert len(plain) > 20
    for name in plain:
        for variable in read(FILES[name])["api_key_env"].split("|"):
            monkeypatch.delenv(variable, raising=False)
        assert not Catalog(Config()).get(name).is_configured()


def test_a_file_that_declares_nothing_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    assert read(tmp_path / "empty.py") == Declared()
    assert read(tmp_path / "empty.py")["base_url"] == ""


def test_a_file_that_cannot_be_read_says_nothing_and_hinders_nobody(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "bytes.py").write_bytes(b"\xff\xfe\x00")
    catalog = Catalog(Config(providers_folder=str(tmp_path)))
    assert catalog.declared()["folder"] == catalog.declared()["bytes"] == Declared()
    assert {"folder", "bytes"} <= set(catalog.candidates())


def test_where_there_is_no_text_the_class_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.sources.own_files", dict)
    monkeypatch.setenv("CO_API_KEY", "test-key")
    catalog = Catalog(Config())
    assert catalog.keys()["cohere"] == "CO_API_KEY"
    assert catalog.declared()["ollama"]["host_env"] == "OLLAMA_HOST"
