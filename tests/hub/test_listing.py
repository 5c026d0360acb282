"""Of a repo's files the one is chosen that was meant."""

from __future__ import annotations

import pytest

from penstock.errors import InvalidRequest, UnexpectedAnswer
from penstock.hub.listing import File, choose, read
from penstock.hub.names import parse

USUAL = [
    "tiny-BF16.gguf",
    "tiny-IQ2_XXS.gguf",
    "tiny-Q4_K_M.gguf",
    "tiny-Q8_0.gguf",
    "mmproj-F16.gguf",
    "imatrix_unsloth.gguf",
    "BF16/tiny-BF16-00001-of-00002.gguf",
    "BF16/tiny-BF16-00002-of-00002.gguf",
]


def files(names: list[str]) -> list[File]:
    """Files of these names, each larger than the one before."""
    return [File(name, size, "0" * 64) for size, name in enumerate(names, 1)]


@pytest.mark.parametrize(
    ("name", "there", "chosen"),
    [
        ("owner/repo", USUAL, "tiny-Q4_K_M.gguf"),
        ("owner/repo", ["tiny-Q8_0.gguf", "tiny-F16.gguf"], "tiny-Q8_0.gguf"),
        ("owner/repo", ["mmproj.gguf", "tiny-Q2_K.gguf", "tiny-Q3_K_S.gguf"], "tiny-Q2_K.gguf"),
        ("owner/repo", ["a-Q4_K_M-00001-of-00002.gguf", "a-Q3_K_M.gguf"], "a-Q3_K_M.gguf"),
        ("owner/repo:iq2_xxs", USUAL, "tiny-IQ2_XXS.gguf"),
        ("owner/repo/TINY-bf16.gguf", USUAL, "tiny-BF16.gguf"),
    ],
)
def test_the_file_that_is_meant(name: str, there: list[str], chosen: str) -> None:
    assert choose(files(there), parse(name)).name == chosen


@pytest.mark.parametrize(
    ("name", "there", "why"),
    [
        ("owner/repo", [], "has no GGUF file; look for another repo"),
        ("owner/repo", ["mmproj-F16.gguf"], "look for another"),
        ("owner/repo:Q5_0", USUAL, r"has no Q5_0; there is owner/repo/tiny-BF16\.gguf"),
        ("owner/repo/x.gguf", USUAL, r"has no x\.gguf; there is"),
        ("owner/repo/BF16/tiny-BF16-00001-of-00002.gguf", USUAL, "is split over files; there is"),
        ("owner/repo", ["a-Q8_0-00001-of-00002.gguf"], "is split over files; look for"),
        ("owner/repo", ["a-Q4_K_M.gguf", "b-Q4_K_M.gguf"], "several files .* name one: .*/b-Q4"),
        ("owner/repo:Q8_0", ["a-Q8_0.gguf", "b-Q8_0.gguf"], "several files of owner/repo fit"),
        ("owner/repo:X", [f"a-Q{n}.gguf" for n in range(40)], r"a-Q11\.gguf and 28 more$"),
    ],
)
def test_where_none_or_several_fit_the_choice_is_named(
    name: str, there: list[str], why: str
) -> None:
    with pytest.raises(InvalidRequest, match=why):
        choose(files(there), parse(name))


@pytest.mark.parametrize("size", ["9" * 400, "9" * 5000, str(2**63), "1e400"])
def test_a_size_that_no_disk_has_is_no_answer_of_a_hub(size: str) -> None:
    lfs = f'{{"sha256": "{"0" * 64}", "size": {size}}}'
    body = f'{{"sha": "{"0" * 40}", "siblings": [{{"rfilename": "a.gguf", "lfs": {lfs}}}]}}'
    with pytest.raises(UnexpectedAnswer, match="HF_ENDPOINT"):
        read(body.encode())
