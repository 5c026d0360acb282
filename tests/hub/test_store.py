"""What was pulled is found by its names, and only while it is whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock.errors import UnknownModel
from penstock.hub import store
from penstock.hub.listing import File
from penstock.hub.names import parse
from penstock.hub.store import Pulled


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv("PENSTOCK_MODELS", str(folder))
    return folder


def put(name: str, file: str, data: bytes = b"model") -> Pulled:
    """A model that was pulled."""
    wanted = parse(name)
    path = store.place(wanted.repo, file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return store.keep(wanted, File(file, len(data), "0" * 64), "a" * 40, path)


def test_nothing_is_there_at_first() -> None:
    assert store.installed() == []
    assert store.default() is None
    assert store.find("owner/repo") is None


def test_what_was_kept_is_what_is_there() -> None:
    kept = put("owner/repo", "tiny.gguf")
    assert store.installed() == [kept]
    assert kept.path == store.folder() / "owner" / "repo" / "tiny.gguf"


@pytest.mark.parametrize(
    "name",
    ["owner/repo:Q8_0", "Owner/Repo", "owner/repo/sub/tiny-Q8_0.gguf", "owner/repo:q8_0"],
)
def test_a_model_is_found_by_every_name_that_means_it(name: str) -> None:
    kept = put("owner/repo:Q8_0", "sub/tiny-Q8_0.gguf")
    assert store.find(name) == kept.path


@pytest.mark.parametrize("name", ["owner/other", "owner/repo:Q4_0", "owner/repo/tiny.gguf"])
def test_a_model_is_not_found_by_anothers_name(name: str) -> None:
    put("owner/repo:Q8_0", "sub/tiny-Q8_0.gguf")
    assert store.find(name) is None


def test_capitals_in_a_files_name_hide_nothing() -> None:
    kept = put("owner/repo", "TINY.GGUF")
    assert store.installed() == [kept]
    assert store.find("owner/repo/tiny.gguf") == kept.path


def test_a_short_name_finds_its_file() -> None:
    kept = put("qwen3-0.6b", "Qwen3-0.6B-Q8_0.gguf")
    assert kept.name == "qwen3-0.6b"
    assert store.find("qwen3-0.6b") == kept.path
    assert store.find("Qwen/Qwen3-0.6B-GGUF") == kept.path


def test_the_name_it_was_asked_for_by_goes_before_others_that_fit() -> None:
    named = put("owner/repo", "tiny-Q4_K_M.gguf")
    put("owner/repo:Q8_0", "tiny-Q8_0.gguf")
    assert store.find("owner/repo") == named.path


def test_the_default_is_the_last_that_was_pulled() -> None:
    first, second = put("owner/one", "a.gguf"), put("owner/two", "a.gguf")
    assert store.default() == second
    again = put("owner/one", "a.gguf")
    assert store.installed() == [again, second]
    assert again.path == first.path


def test_what_is_not_whole_or_not_readable_is_not_there() -> None:
    kept = [put("owner/repo", f"{n}.gguf") for n in range(5)]
    kept[0].path.write_bytes(b"mode")
    kept[1].path.unlink()
    for number, said in ((2, b"{"), (3, b"\xff"), (4, b"{}")):
        kept[number].path.with_name(f"{number}.gguf.json").write_bytes(said)
    assert store.installed() == []


def test_a_removed_model_leaves_no_folder(models: Path) -> None:
    kept = put("owner/repo", "sub/tiny.gguf")
    assert store.remove("owner/repo") == [kept.path]
    assert list(models.iterdir()) == []


def test_the_others_stay() -> None:
    put("owner/repo:Q8_0", "a-Q8_0.gguf")
    other = put("owner/repo:Q4_0", "a-Q4_0.gguf")
    store.remove("owner/repo:Q8_0")
    assert store.installed() == [other]


def test_what_was_only_begun_is_removed_too(models: Path) -> None:
    folder = models / "owner" / "repo"
    folder.mkdir(parents=True)
    part = folder / f"a-Q8_0.gguf.{'0' * 16}.part"
    part.write_bytes(b"mod")
    with pytest.raises(UnknownModel):
        store.remove("owner/repo:Q4_0")
    assert store.remove("owner/repo:Q8_0") == [part]
    assert list(models.iterdir()) == []


def test_what_is_not_there_cannot_be_removed() -> None:
    put("owner/repo", "tiny.gguf")
    with pytest.raises(UnknownModel, match=r"^'owner/other' is not here; there is owner/repo$"):
        store.remove("owner/other")


@pytest.mark.parametrize("name", ["nope", "../../etc", "owner/repo/x.txt", ""])
def test_what_is_no_name_is_not_here_either_and_the_message_tells_what_is(name: str) -> None:
    with pytest.raises(UnknownModel, match=r"is not here; nothing was pulled$"):
        store.remove(name)
    put("owner/repo", "tiny.gguf")
    begin("Qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf")
    with pytest.raises(UnknownModel, match=r"is not here; there is owner/repo, qwen3-0.6b$"):
        store.remove(name)


def begin(path: str, data: bytes = b"mod", version: str = "0" * 16) -> Path:
    """What a pull leaves that is broken off."""
    part = store.folder() / f"{path}.{version}.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(data)
    return part


def test_what_was_only_begun_is_told_by_a_name_that_goes_on_with_it() -> None:
    assert store.unfinished() == []
    first = begin("owner/repo/sub/a-Q8_0.gguf")
    second = begin("Qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf", b"model")
    os.utime(first, (1, 1))
    told = [(begun.name, begun.size, begun.path) for begun in store.unfinished()]
    assert told == [("qwen3-0.6b", 5, second), ("owner/repo/sub/a-Q8_0.gguf", 3, first)]
    for begun in store.unfinished():
        assert store.remove(begun.name) == [begun.path]
    assert store.unfinished() == []


@pytest.mark.parametrize("path", ["owner/repo/a.gguf.part", "owner/repo/not a model", "owner/a"])
def test_other_files_are_no_models(path: str) -> None:
    begin(path)
    (store.folder() / "owner" / "x.gguf.part").write_bytes(b"")
    assert store.unfinished() == []


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"PENSTOCK_MODELS": "~/m"}, "m"),
        ({"XDG_DATA_HOME": "data"}, "data/penstock/models"),
        ({}, ".local/share/penstock/models"),
    ],
)
def test_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], folder: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PENSTOCK_MODELS")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value if "~" in value else str(tmp_path / value))
    assert store.folder() == tmp_path / folder
