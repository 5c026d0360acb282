"""The catalog finds providers without a list and models by every kind of name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from penstock import Aura, CodeLinkAva, OpenAI, OpenAICompatible
from penstock.catalog import Catalog
from penstock.config import Config, ProviderConfig, load
from penstock.errors import ConfigError, InvalidRequest, UnknownModel
from penstock.providers.builtin import Builtin
from penstock.types import Secret
from raw import Upstream, head

SHOUT = '''"""A provider of one's own."""

from penstock import GeneratorProvider


class Shout(GeneratorProvider):
    """Says it louder."""

    url = "https://example.org"
    models = ("loud",)

    @classmethod
    async def create_async_generator(cls, model, messages, **kwargs):
        yield messages[-1]["content"].upper()
'''


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "GROQ_API_KEY", "PENSTOCK_PROVIDERS", "PENSTOCK_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def lab(**said: object) -> ProviderConfig:
    return ProviderConfig(type="openai-compatible", base_url="http://127.0.0.1:1/v1", **said)  # type: ignore[arg-type]


async def test_a_name_with_a_slash_is_provider_and_model() -> None:
    catalog = Catalog(Config())
    provider, model = await catalog.resolve("openai/gpt-5")
    assert (type(provider), model) == (OpenAI, "gpt-5")
    provider, model = await catalog.resolve("groq/openai/gpt-oss-120b")
    assert (provider.name, model) == ("groq", "openai/gpt-oss-120b")


async def test_a_providers_name_alone_is_its_default_model() -> None:
    catalog = Catalog(Config())
    assert (await catalog.resolve("builtin"))[1] == "eliza"
    provider, model = await catalog.resolve("codelink-ava")
    assert (type(provider), model) == (CodeLinkAva, "")


async def test_a_bare_model_name_is_found_where_one_configured_provider_lists_it() -> None:
    catalog = Catalog(Config(providers={"lab": lab(models=("qwen3",))}))
    provider, model = await catalog.resolve("qwen3")
    assert (provider.name, model) == ("lab", "qwen3")
    assert isinstance((await catalog.resolve("echo"))[0], Builtin)


async def test_a_bare_model_name_is_found_in_a_live_list() -> None:
    body = b'{"object":"list","data":[{"id":"live-model"}]}'
    answer = head(content_type="application/json", content_length=len(body)) + body
    with Upstream([answer]) as upstream:
        said = ProviderConfig(type="openai-compatible", base_url=upstream.url + "/v1")
        catalog = Catalog(Config(providers={"lab": said}))
        provider, model = await catalog.resolve("live-model")
        assert (provider.name, model) == ("lab", "live-model")
        assert (await catalog.list_models())[-1].id == "lab/live-model"
        asked = upstream.asked().result(5).requests[0]
        assert asked.startswith(b"GET /v1/models HTTP/1.1\r\n")
        assert len(upstream.connections) == 1  # the list is kept


async def test_two_providers_with_the_same_model_must_be_told_apart() -> None:
    both = {"lab": lab(models=("qwen3",)), "home": lab(models=("qwen3",))}
    with pytest.raises(InvalidRequest, match="home/qwen3, lab/qwen3"):
        await Catalog(Config(providers=both)).resolve("qwen3")


async def test_a_dead_service_is_not_found_by_its_models_names() -> None:
    with pytest.raises(UnknownModel, match="gpt-4"):
        await Catalog(Config()).resolve("gpt-4")


async def test_an_unknown_name_is_met_with_the_nearest_known() -> None:
    with pytest.raises(UnknownModel, match="did you mean builtin/eliza"):
        await Catalog(Config()).resolve("builtin-eliza")
    with pytest.raises(ConfigError, match="did you mean openai"):
        Catalog(Config()).get("opnai")


def test_a_service_without_its_key_is_not_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [provider.name for provider in Catalog(Config()).configured()]
    assert names == ["builtin"]
    monkeypatch.setenv("PENSTOCK_GROQ_API_KEY", "gsk-test")
    monkeypatch.setenv("PENSTOCK_AURA_BASE_URL", "http://127.0.0.1:7360/aura")
    names = [provider.name for provider in Catalog(Config()).configured()]
    assert names == ["aura", "builtin", "groq"]


async def test_a_file_in_the_users_folder_is_a_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_shout.py").write_text(SHOUT)
    monkeypatch.setenv("PENSTOCK_PROVIDERS", str(tmp_path))
    catalog = Catalog(Config())
    assert "my-shout" in catalog.names()
    provider, model = await catalog.resolve("loud")
    assert (provider.name, model) == ("my-shout", "loud")


def test_a_broken_file_says_what_is_wrong(tmp_path: Path) -> None:
    config = Config(providers_folder=str(tmp_path))
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(ConfigError, match="must define one provider class; it has none"):
        Catalog(config).get("empty")
    (tmp_path / "broken.py").write_text("import nothing_of_that_name")
    with pytest.raises(ConfigError, match="ModuleNotFoundError"):
        Catalog(config).get("broken")


async def test_a_class_named_in_the_config_is_a_provider() -> None:
    said = ProviderConfig(cls="penstock.providers.aura:Aura", base_url="http://127.0.0.1:1")
    provider, _ = await Catalog(Config(providers={"my-aura": said})).resolve("my-aura/x")
    assert isinstance(provider, Aura)
    assert provider.endpoint == "http://127.0.0.1:1/api/chat"
    wrong = Config(providers={"bad": ProviderConfig(cls="penstock.errors:PenstockError")})
    with pytest.raises(ConfigError, match="subclass"):
        Catalog(wrong).get("bad")


def test_types_that_name_each_other_are_the_configurations_fault() -> None:
    said = {"a": ProviderConfig(type="b"), "b": ProviderConfig(type="a")}
    with pytest.raises(ConfigError, match=r"providers\.b: its type leads back to itself"):
        Catalog(Config(providers=said)).get("a")


def test_an_installed_package_can_bring_a_provider(tmp_path: Path) -> None:
    package = tmp_path / "shout-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: shout\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[penstock.providers]\nshout = shout:Shout\n")
    (tmp_path / "shout.py").write_text(SHOUT)
    program = (
        "from penstock.catalog import Catalog; from penstock.config import Config\n"
        "catalog = Catalog(Config()); print('shout' in catalog.names(), catalog.get('shout'))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
    )
    assert run.stdout == "True <Shout shout>\n"


def test_looking_names_up_loads_no_provider() -> None:
    program = (
        "import sys; from penstock.catalog import Catalog; from penstock.config import Config\n"
        "Catalog(Config()).names()\n"
        "print([m for m in sys.modules if m.startswith('penstock.providers.') or m == 'aiohttp'])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert run.stdout.strip() == b"[]"


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(providers={"lab": lab(api_key="from-file")}, proxy=Secret("http://127.0.0.1:9"))
    provider = Catalog(config).get("lab")
    assert isinstance(provider, OpenAICompatible)
    assert provider.api_key == "from-file"
    assert provider.settings.proxy == "http://127.0.0.1:9"
    monkeypatch.setenv("PENSTOCK_LAB_API_KEY", "from-env")
    monkeypatch.setenv("PENSTOCK_PROXY", "http://127.0.0.1:8")
    provider = Catalog(config).get("lab")
    assert isinstance(provider, OpenAICompatible)
    assert provider.api_key == "from-env"
    assert provider.settings.proxy == "http://127.0.0.1:8"


def test_a_config_file_is_read_and_its_mistakes_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text(
        'default = "lab/qwen3"\nproxy = "socks5://u:canary@127.0.0.1:1"\n'
        "[timeouts]\nidle = 60\n"
        '[providers.lab]\ntype = "openai-compatible"\nbase_url = "http://127.0.0.1:1/v1"\n'
        'api_key_env = "LAB_KEY"\nmodels = ["qwen3"]\ntimeouts = { total = 5 }\n'
    )
    monkeypatch.setenv("LAB_KEY", "sk-lab")
    config = load(file)
    assert "canary" not in repr(config)
    provider = Catalog(config).get("lab")
    assert isinstance(provider, OpenAICompatible)
    assert provider.api_key == "sk-lab"
    assert provider.settings.timeouts is not None
    assert provider.settings.timeouts.total == 5
    for line, named in [
        ("defualt = 'x'", "defualt"),
        ("default = 1", "default"),
        ("[providers.lab]\nurl = 'x'", "url"),
        ("[timeouts]\nidle = 'long'", "idle"),
        ("x = = 1", "penstock.toml"),
        ("proxy = 1", "proxy"),
        ("folder = 'x'", "folder"),
    ]:
        file.write_text(line)
        with pytest.raises(ConfigError, match=named):
            load(file)
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml")


def test_a_vendors_own_key_is_sent_to_the_vendor_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    assert OpenAI().api_key == "sk-canary"
    assert OpenAI(base_url="http://127.0.0.1:1/v1").api_key == ""
    assert OpenAI(base_url="http://127.0.0.1:1/v1", api_key="sk-own").api_key == "sk-own"


def test_a_relative_folder_of_the_environment_starts_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "my_shout.py").write_text(SHOUT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENSTOCK_PROVIDERS", "mine")
    assert "my-shout" in Catalog(Config(folder=Path("/"))).names()


@pytest.mark.parametrize(
    ("model", "lack"),
    [
        ("builtin/echo", ""),
        ("builtin", ""),
        ("anything", ""),
        ("lab/qwen3", ""),
        ("lab", "lab names no model: say lab/MODEL"),
        ("opnai/x", "no provider 'opnai'; did you mean openai?"),
        ("nope/x", "no provider 'nope'; `penstock providers` lists them"),
        ("openai/x", "openai is not set up: set OPENAI_API_KEY"),
        ("gemini", "gemini is not set up: set GEMINI_API_KEY or GOOGLE_API_KEY"),
        ("aura/x", "the service of aura is gone: set PENSTOCK_AURA_BASE_URL to another one"),
        ("openai-compatible/x", "openai-compatible is not set up: set PENSTOCK_OPENAI_COMPATIBLE"),
        ("cloudflare/x", "cloudflare is not set up: set CLOUDFLARE_API_"),
        (
            "vllm/x",
            "vllm does not run: nothing answers at http://127.0.0.1:8000; start it, or set ",
        ),
        ("azure/x", "azure is not set up: set AZURE_OPENAI_API_KEY and AZURE_OPENAI_ENDPOINT"),
    ],
)
def test_what_a_model_lacks_is_said_before_it_is_asked(
    model: str, lack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    said = Catalog(Config(providers={"lab": lab()})).lacks(model)
    assert said.startswith(lack) if lack else not said


def test_a_key_of_nothing_but_space_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", " ")
    monkeypatch.setenv("PENSTOCK_GROQ_API_KEY", "\n")
    catalog = Catalog(Config())
    assert not catalog.keys().keys() & {"openai", "groq"}
    assert catalog.default() == "builtin/eliza"
    assert not catalog.get("openai").is_configured()


async def test_a_name_that_nobody_has_is_met_with_a_way_to_come_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_MODELS", str(tmp_path))
    catalog = Catalog(Config())
    for model, says in {
        "gpt-5.4-mini": "no model 'gpt-5.4-mini'; openai has it: set OPENAI_API_KEY",
        "qwen3-0.6b": "no model 'qwen3-0.6b'; `penstock pull qwen3-0.6b` fetches it",
        "llama-3.2": "no model 'llama-3.2'; `penstock pull llama-3.2-1b` fetches one like it",
        "opnai/gpt-5": "no model 'opnai/gpt-5'; did you mean openai/gpt-5?",
        "opnai": "no model 'opnai'; did you mean openai?",
        "elisa": "no model 'elisa'; did you mean builtin/eliza?",
        "xyzzy": "no model 'xyzzy'; `penstock models` lists those there are, "
        "`penstock providers` who has others",
    }.items():
        with pytest.raises(UnknownModel) as caught:
            await catalog.resolve(model)
        assert caught.value.message == says


def test_a_silly_name_is_met_with_no_silly_guess() -> None:
    with pytest.raises(ConfigError, match="no provider 'nope'; `penstock providers` lists them"):
        Catalog(Config()).get("nope")


async def test_a_service_that_refuses_offers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    body = b'{"error":{"message":"no"}}'
    answer = head("401 Unauthorized", "application/json", content_length=len(body)) + body
    with Upstream([answer]) as upstream:
        monkeypatch.setenv("PENSTOCK_GROQ_BASE_URL", upstream.url)
        monkeypatch.setenv("PENSTOCK_GROQ_API_KEY", "gsk-test")
        catalog = Catalog(Config())
        listed = [info.id for info in await catalog.list_models()]
        assert not [id for id in listed if id.startswith("groq/")]
        with pytest.raises(UnknownModel):
            await catalog.resolve("llama-3.3-70b-versatile")


def test_a_key_may_have_several_usual_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOOGLE_API_KEY", "g-test")
    assert Catalog(Config()).keys()["gemini"] == "GOOGLE_API_KEY"
    assert Catalog(Config()).how("gemini") == "GOOGLE_API_KEY"


def test_no_one_who_is_configured_is_missed_by_not_being_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variables = {
        variable
        for declared in Catalog(Config()).declared().values()
        for variable in declared["api_key_env"].split("|")
    }
    for variable in sorted(variables - {""}):
        with monkeypatch.context() as one:
            one.setenv(variable, "test-key")
            catalog = Catalog(Config())
            configured = {name for name in catalog.names() if catalog.get(name).is_configured()}
            assert {provider.name for provider in Catalog(Config()).configured()} == configured


def test_what_makes_a_provider_configured_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_AURA_BASE_URL", "http://127.0.0.1:1")
    catalog = Catalog(Config(providers={"home": lab()}))
    said = {name: catalog.how(name) for name in ("home", "aura", "builtin", "groq", "ollama")}
    assert said == {
        "home": "config",
        "aura": "PENSTOCK_AURA_BASE_URL",
        "builtin": "no key needed",
        "groq": "",
        "ollama": "",
    }
