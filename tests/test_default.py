"""The default is the best of what is there; it says why, and pulled models count."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from penstock.catalog import Catalog
from penstock.config import Config, ProviderConfig
from penstock.errors import UnknownModel
from penstock.hub import names, store
from penstock.hub.listing import File
from raw import Upstream, head
from served import clean_environment
from test_catalog import lab
from test_discovery import ENGINE


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "GROQ_API_KEY", "PENSTOCK_PROVIDERS", "PENSTOCK_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a model that was pulled."""
    monkeypatch.setenv("PENSTOCK_MODELS", str(tmp_path / "models"))
    wanted, path = names.parse("someone/tiny"), store.place("someone/tiny", "tiny.gguf")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"GGUF")
    return store.keep(wanted, File("tiny.gguf", 4, "0" * 64), "main", path).name


@pytest.fixture
def xllamacpp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is there, as far as one sees who does not import it."""
    (tmp_path / "site" / "xllamacpp").mkdir(parents=True)
    (tmp_path / "site" / "xllamacpp" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "site")


@pytest.fixture
def no_xllamacpp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)


def test_the_default_is_eliza_until_something_is_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Catalog(Config()).default() == "builtin/eliza"
    assert Catalog(Config(default="lab/x")).default() == "lab/x"
    assert Catalog(Config(providers={"lab": lab(models=("qwen3",))})).default() == "lab/qwen3"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    assert Catalog(Config()).default() == "openai/gpt-5.4-mini"


def test_every_provider_with_a_key_variable_can_be_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk-test")
    assert Catalog(Config()).default().startswith("groq/")


@pytest.mark.usefixtures("xllamacpp")
async def test_the_default_is_asked_of_what_is_there_in_one_order(
    tmp_path: Path, pulled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Config, engine, pulled model, key, ELIZA: each one steps back for those before it."""
    body = b'{"object":"list","data":[{"id":"m","owned_by":"lab"}]}'
    answer = head(content_type="application/json", content_length=len(body)) + body
    with Upstream([answer]) as upstream:
        (tmp_path / "a_lab.py").write_text(ENGINE.replace("{port}", str(upstream.port)))
        monkeypatch.setenv("PENSTOCK_PROVIDERS", str(tmp_path))
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        said = {"home": lab(models=("qwen3",))}
        for config, model in (
            (Config(default="home/x", providers=said), "home/x"),
            (Config(providers=said), "home/qwen3"),
            (Config(), "a-lab/m"),
            (Config(discovery=False), f"local/{pulled}"),
        ):
            catalog = Catalog(config)
            await catalog.discover()
            assert catalog.default() == model
        store.remove(pulled)
        assert Catalog(Config()).default().startswith("openai/")
        monkeypatch.delenv("OPENAI_API_KEY")
        assert Catalog(Config()).default() == "builtin/eliza"


@pytest.mark.usefixtures("no_xllamacpp")
def test_a_pulled_model_that_cannot_be_run_says_what_is_missing(
    pulled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, why = Catalog(Config()).explain_default()
    assert model == "builtin/eliza"
    assert why == (
        f'{pulled} was pulled; to run it: `pip install "penstock[local]"`, or '
        "`scripts/setup local` in a clone"
    )
    assert Catalog(Config()).how("local") == ""
    assert "penstock[local]" in Catalog(Config()).lacks(f"local/{pulled}")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    assert Catalog(Config()).explain_default()[1] == "OPENAI_API_KEY is set"


@pytest.mark.usefixtures("xllamacpp")
def test_a_pulled_model_makes_the_one_that_runs_it_configured(pulled: str) -> None:
    catalog = Catalog(Config())
    assert catalog.how("local") == "pulled"
    assert catalog.explain_default() == (f"local/{pulled}", "it was pulled to this machine")
    assert catalog.lacks(f"local/{pulled}") == ""


@pytest.mark.parametrize(
    ("said", "variable", "why"),
    [
        (
            {"lab": lab()},
            "",
            "lab is configured but names no model: -m lab/MODEL, or default_model",
        ),
        ({"openai": ProviderConfig()}, "", "openai is not set up: set OPENAI_API_KEY"),
        (
            {"mine": ProviderConfig(type="openai", api_key_env="MY_KEY")},
            "",
            "mine is not set up: set MY_KEY",
        ),
        (
            {},
            "HF_TOKEN",
            "HF_TOKEN is set, but huggingface answers only where it is named: -m huggingface",
        ),
    ],
)
def test_what_is_configured_and_does_not_answer_is_named(
    said: dict[str, ProviderConfig], variable: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    if variable:
        monkeypatch.setenv(variable, "test-key")
    assert Catalog(Config(providers=said)).explain_default() == ("builtin/eliza", why)


@pytest.mark.usefixtures("no_xllamacpp")
async def test_a_name_that_was_pulled_and_cannot_be_run_says_so(pulled: str) -> None:
    with pytest.raises(UnknownModel, match=r"it was pulled; to run it: .*penstock\[local\]"):
        await Catalog(Config()).resolve(pulled)


def test_the_first_service_by_name_whose_key_is_set_is_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("PENSTOCK_GROQ_API_KEY", "gsk-test")
    assert Catalog(Config()).explain_default()[1] == "PENSTOCK_GROQ_API_KEY is set"


def test_a_service_that_does_not_volunteer_is_never_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf-test")  # who has one uses the hub, and may not mean this
    catalog = Catalog(Config())
    assert catalog.get("huggingface").is_configured()
    assert catalog.default() == "builtin/eliza"


def test_asking_for_the_default_loads_no_service_without_a_key() -> None:
    program = (
        "import asyncio, sys; from penstock.catalog import Catalog\n"
        "from penstock.config import Config\n"
        "catalog = Catalog(Config()); print(len(catalog.names()) >= 60)\n"
        "asyncio.run(catalog.discover()); catalog.default(); catalog.keys()\n"
        "print([m for m in sys.modules if m.startswith('penstock.providers.') or m == 'aiohttp'])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        env={**clean_environment(), "PENSTOCK_DISCOVERY": "0"},
    )
    assert run.stdout.split() == [b"True", b"[]"]
