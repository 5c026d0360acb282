"""Every name means one thing, and none leads out of the store."""

from __future__ import annotations

import pytest

from penstock.errors import InvalidRequest, UnknownModel
from penstock.hub import names, store
from penstock.hub.names import Wanted, parse
from penstock.hub.suggested import SUGGESTED


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("owner/repo", Wanted("owner/repo", "owner/repo")),
        ("owner/repo:Q8_0", Wanted("owner/repo:Q8_0", "owner/repo", quantisation="Q8_0")),
        (
            "owner/repo/tiny.gguf",
            Wanted("owner/repo/tiny.gguf", "owner/repo", file="tiny.gguf"),
        ),
        (
            "owner/repo/a/b/tiny.GGUF",
            Wanted("owner/repo/a/b/tiny.GGUF", "owner/repo", file="a/b/tiny.GGUF"),
        ),
        (
            "Qwen3-0.6B",
            Wanted("qwen3-0.6b", "Qwen/Qwen3-0.6B-GGUF", file="Qwen3-0.6B-Q8_0.gguf"),
        ),
        (
            "qwen/qwen3-0.6b-gguf/qwen3-0.6b-q8_0.gguf",
            Wanted("qwen3-0.6b", "qwen/qwen3-0.6b-gguf", file="qwen3-0.6b-q8_0.gguf"),
        ),
    ],
)
def test_a_name_of_every_form(name: str, wanted: Wanted) -> None:
    assert parse(name) == wanted


WRONG = [
    "../../etc/passwd",
    "/etc/passwd",
    "/owner/repo",
    "owner/../x.gguf",
    "owner/repo/../../../x.gguf",
    "owner/repo/./x.gguf",
    "owner/repo//x.gguf",
    "owner/repo/a\\b.gguf",
    "owner/repo/x.gguf\n",
    "owner/repo/\x1b[2J.gguf",
    "owner/repo/a\x00.gguf",
    "owner/repo/.x.gguf",
    "owner/repo/ x.gguf",
    "owner/repo/-x.gguf",
    "owner/repo/C:x.gguf",
    "owner/repo/x.gguf.",
    "owner/repo/x./y.gguf",
    "owner/repo/x.bin",
    "owner/repo/x.gguf:Q8_0",
    "owner/repo:",
    "owner/repo:../x",
    "owner/repo?x=1",
    "owner/repo#x",
    "owner/repo%2e%2e",
    "~/x.gguf",
    "owner/",
    "/",
    "-owner/repo",
    "владелец/repo",
    f"owner/{'x' * 97}",
    f"owner/repo/{'x' * 300}.gguf",
]


@pytest.mark.parametrize("name", WRONG)
def test_a_name_of_no_form_is_refused_and_finds_nothing(name: str) -> None:
    with pytest.raises(InvalidRequest, match=r"no model's name|no \.gguf file"):
        parse(name)
    assert store.find(name) is None


@pytest.mark.parametrize("name", ["..", "", "qwen", "gpt-5", "x\x1b[2J"])
def test_a_short_name_that_is_none_says_which_there_are(name: str) -> None:
    with pytest.raises(UnknownModel, match=r"there is .*qwen3.*a name is|owner/repo"):
        parse(name)
    assert store.find(name) is None


@pytest.mark.parametrize(
    "path", ["..", "a/../b", "/a", "a//b", "a\\b", "a:b", "", "a/", ".a", "a.", "a b", "a\n", "ä"]
)
def test_what_is_not_safe_has_no_place(path: str) -> None:
    assert not names.is_safe(path)
    with pytest.raises(InvalidRequest):
        store.place("owner/repo", path)


@pytest.mark.parametrize(
    ("file", "quantisation", "is_one"),
    [
        ("tiny-Q4_K_M.gguf", "Q4_K_M", True),
        ("tiny.q4_k_m.gguf", "Q4_K_M", True),
        ("UD/tiny-UD-Q4_K_XL.gguf", "Q4_K_XL", True),
        ("UD/tiny-UD-Q4_K_XL.gguf", "ud-q4_k_xl", True),
        ("Q8_0.gguf", "Q8_0", True),
        ("tiny-Q4_K_M.gguf", "Q4_K", False),
        ("tiny-IQ4_XS.gguf", "Q4_XS", False),
        ("tiny-Q8_0-draft.gguf", "Q8_0", False),
        ("tinyxQ8_0.gguf", "Q8.0", False),
    ],
)
def test_a_quantisation_is_the_end_of_a_files_name(
    file: str, quantisation: str, is_one: bool
) -> None:
    assert names.is_of_quantisation(file, quantisation) is is_one


def test_the_short_names_are_names_smallest_first() -> None:
    assert [s.size for s in SUGGESTED] == sorted(s.size for s in SUGGESTED)
    for known in SUGGESTED:
        assert parse(known.name) == parse(f"{known.repo}/{known.file}")
        assert names.is_safe(known.name)
        assert known.licence
