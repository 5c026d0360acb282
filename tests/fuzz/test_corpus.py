"""Every kept input holds to the laws: what the fuzzer starts from, and all that once broke one."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.entry import parse, write
from fuzz.mutation import mutate
from fuzz.seeds import MAKERS
from fuzz.targets import CORPUS, TARGETS, run

KEPT = sorted(CORPUS.glob("*/*"))
MOST = 300_000
"""Bytes of all that is kept."""
each_target = pytest.mark.parametrize("target", TARGETS)


@pytest.mark.parametrize("file", KEPT, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_kept_input_breaks_no_law(file: Path) -> None:
    run(file.parent.name, file.read_bytes())


@each_target
def test_what_the_encoders_say_today_breaks_no_law(target: str) -> None:
    for _, data in MAKERS[target]():
        run(target, data)


@each_target
def test_inputs_that_say_nothing_break_no_law(target: str) -> None:
    for data in (b"", b"\n", b"\n\n", b"x", b"\xff\n\xff\n\xff", b"answer\n.\n{}"):
        run(target, data)


@each_target
def test_changed_inputs_break_no_law(target: str) -> None:
    """A few, so that what breaks at once is seen without the fuzzer; they are always the same."""
    files = [file for file in KEPT if file.parent.name == target]
    for seed in range(200):
        data = files[seed % len(files)].read_bytes()
        run(target, mutate(data, 4096, seed, ["id", "type", "content"], bytes.swapcase))


def test_every_target_has_a_corpus_and_all_of_them_are_small() -> None:
    assert {file.parent.name for file in KEPT} == set(TARGETS)
    assert sum(file.stat().st_size for file in KEPT) <= MOST


def test_an_input_is_laid_out_as_it_is_read() -> None:
    entry = parse(write("a b", b"0123456789", ".# }!"))
    assert entry.words == ("a", "b")
    assert entry.is_on
    assert list(entry.pieces()) == [b"012", b"", b"345678", b"9", b""]
    assert entry.word(0, ["a"]) == "a"
    assert entry.word(1, ["x", "y"]) in ("x", "y")
    assert b"".join(parse(b"\n:\x00\xffA~ \n" + b"0" * 999).pieces()) == b"0" * 999
