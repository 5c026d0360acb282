"""What is read from a provider's file is what its class says, and loads nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock import sources, variables
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
    assert declared.is_whole  # none of ours need be loaded to know whose key is set
    assert declared["api_key_env"] == getattr(kind, "api_key_env", "")
    for constant in declared.constants.keys() & {"url", "base_url", "host_env"}:
        assert declared[constant] == getattr(kind, constant)
    if issubclass(kind, LocalEngine):
        assert (declared["base_url"], declared["host_env"]) == (kind.base_url, kind.host_env)
    if declared.is_plain:
        assert issubclass(kind, HTTPProvider)
        assert kind.account is None
        assert kind.is_configured in (HTTPProvider.is_configured, LocalEngine.is_configured)
        assert declared["base_url"] == kind.base_url
        assert declared.about == (kind.__doc__ or "").partition("\n")[0]


@pytest.mark.parametrize("name", FILES)
def test_every_providers_key_is_found_by_its_usual_variable(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in variables.names(getattr(sources.load_own(name), "api_key_env", "")):
        with monkeypatch.context() as one:
            one.setenv(variable, " ")
            assert Catalog(Config()).keys().get(name) != variable
            one.setenv(variable, "test-key")
            assert Catalog(Config()).keys()[name] == variable


LAB = '''
from typing import ClassVar

from penstock.accounts.aws import AWSAccount
from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat import OpenAIChat
from penstock.types import Secret
from penstock.vertex import VertexProvider

KEY = "LAB_KEY"


class There:
    """An account that is there."""

    how = "be there"

    def is_there(self):
        return True

    def trusts(self, url):
        return True


class Lab(BASE):
    """A lab."""

    base_url = "https://lab.example"
    protocol = OpenAIChat()
    BODY
'''
PLAIN = ("HTTPProvider", 'api_key_env = "LAB_KEY"')
OF_ONE_FORM_OR_ANOTHER = [
    PLAIN,
    ("HTTPProvider", "api_key_env = 'LAB_KEY'"),
    ("HTTPProvider", 'api_key_env: ClassVar[str] = "LAB_KEY"  # why'),
    ("HTTPProvider", "api_key_env = KEY"),
    ("HTTPProvider", 'api_key_env = ("LAB_KEY")'),
    ("HTTPProvider", 'api_key_env, key_header = "LAB_KEY", ""'),
    ("HTTPProvider", 'api_key_env = "LAB_KEY"\n\n\nclass Other(HTTPProvider, abc.ABC):\n    pass'),
    ("HTTPProvider", 'api_key_env = "LAB_KEY"\n\n\nclass Tool:\n    api_key_env = "OTHER"'),
    ("HTTPProvider", 'pass\n\n\nLab.api_key_env = "LAB_KEY"'),
]


def lab(folder: Path, base: str, body: str) -> Config:
    text = LAB.replace("BASE", base).replace("BODY", body).replace("abc.ABC", "There")
    (folder / "lab.py").write_text(text)
    return Config(providers_folder=str(folder))


@pytest.mark.parametrize(("base", "body"), OF_ONE_FORM_OR_ANOTHER)
def test_a_key_is_known_however_it_is_declared(
    base: str, body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = lab(tmp_path, base, body)
    catalog = Catalog(config)
    assert "LAB_KEY" not in catalog.keys().values()
    assert catalog.how("lab") == ""
    monkeypatch.setenv("LAB_KEY", "test-key")
    assert Catalog(config).keys()["lab"] == "LAB_KEY"
    assert Catalog(config).how("lab") == "LAB_KEY"


def test_a_key_that_a_base_declares_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_VERTEX_API_KEY", "test-key")
    config = lab(tmp_path, "VertexProvider", "pass")
    assert Catalog(config).keys()["lab"] == "GOOGLE_VERTEX_API_KEY"


KEY = 'api_key_env = "LAB_KEY"'


@pytest.mark.parametrize(
    "more",
    [
        "account = There()",
        "account: ClassVar = There()",
        "account: ClassVar[object] = There()",
        "key_header, account = '', There()",
        "def is_configured(self):\n        return True",
        '@property\n    def api_key(self):\n        return Secret("k")',
        'api_key = "k"',
        "is_configured = lambda self: True",
    ],
)
def test_who_is_ready_without_a_key_is_a_candidate(more: str, tmp_path: Path) -> None:
    catalog = Catalog(lab(tmp_path, "HTTPProvider", f"{KEY}\n    {more}"))
    assert catalog.get("lab").is_configured()
    assert "lab" in [provider.name for provider in catalog.configured()]


def test_of_several_classes_the_one_named_like_the_file_counts(tmp_path: Path) -> None:
    both = f'{KEY}\n\n\nclass Last(HTTPProvider):\n    """Other."""\n\n    api_key_env = "OTHER"'
    config = lab(tmp_path, "HTTPProvider", both)
    assert Catalog(config).declared()["lab"]["api_key_env"] == "LAB_KEY"
    assert read(tmp_path / "lab.py").about == "A lab."


def test_who_needs_a_key_and_nothing_else_need_not_be_loaded(tmp_path: Path) -> None:
    catalog = Catalog(lab(tmp_path, *PLAIN))
    assert read(tmp_path / "lab.py").is_plain
    assert "lab" not in catalog.candidates()


def test_an_engine_whose_address_is_no_text_is_looked_for_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "lab.py").write_text(
        "from penstock.local_engine import LocalEngine\n"
        "from penstock.protocols.openai_chat import OpenAIChat\n\nPORT = 1\n\n\n"
        'class Lab(LocalEngine):\n    """A lab."""\n\n'
        '    base_url = f"http://127.0.0.1:{PORT}/v1"\n    protocol = OpenAIChat()\n'
    )
    catalog = Catalog(Config(providers_folder=str(tmp_path)))
    assert catalog.declared()["lab"]["base_url"] == "http://127.0.0.1:1/v1"


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
