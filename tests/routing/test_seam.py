"""Where a continuation meets what was said: nothing twice, nothing missing, however it is cut."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from penstock.routing.seam import Seam, instructed, prefilled

WORDS = ("one", "two", "drei", "четыре", "五", "I", "a-b", "**six**", "`seven`", "👩‍🚀", "1", "ha")
SPACES = (" ", " ", " ", "\n", "\n\n", ", ", "")
words = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SPACES)), min_size=1)
texts = st.one_of(
    st.text(max_size=80),
    st.text("ab \n", max_size=80),
    words.map(lambda pairs: "".join(word + space for word, space in pairs)),
)
seeds = st.integers(0, 2**32)


def joined(seam: Seam, text: str, seed: int) -> str:
    """What a seam gives of a text that comes in pieces of any size, empty ones too."""
    chance = random.Random(seed)
    cuts = sorted(chance.choices(range(len(text) + 1), k=chance.randint(0, 9)))
    edges = [0, *cuts, len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(edges)]
    return "".join(map(seam.feed, pieces)) + seam.close()


def repeats(said: str, text: str) -> bool:
    """Whether a text begins with an end of what was said, by the plainest reading of the rule."""
    ends = [said, said.lstrip(), *(said[i:] for i in range(len(said) - 11) if said[i].strip())]
    return any(text.startswith(end) for end in ends if end)


@given(texts, st.data(), seeds)
def test_an_exact_continuation_of_a_prefilled_answer_is_whole(
    whole: str, data: st.DataObject, seed: int
) -> None:
    cut = data.draw(st.integers(0, len(whole)))
    said = whole[:cut]
    rest = whole[len(said.rstrip()) :]  # the model is not given the white space
    assert said + joined(prefilled(said), rest, seed) == whole


@given(texts, st.data(), seeds)
def test_an_answer_that_says_its_beginning_again_is_whole(
    whole: str, data: st.DataObject, seed: int
) -> None:
    cut = data.draw(st.integers(0, len(whole)))
    said = whole[:cut]
    assert said + joined(prefilled(said, said.rstrip()), whole, seed) == whole


@given(texts, texts, seeds)
def test_what_does_not_repeat_is_never_trimmed(said: str, rest: str, seed: int) -> None:
    assume(not repeats(said, rest))
    assert joined(instructed(said), rest, seed) == rest


@given(texts, st.data(), seeds)
def test_whatever_is_repeated_is_said_once(whole: str, data: st.DataObject, seed: int) -> None:
    cut = data.draw(st.integers(1, max(len(whole), 1)))
    said, rest = whole[:cut], whole[cut:]
    starts = [i for i in range(len(said)) if _starts_a_word(said, i) and len(said) - i >= 12]
    start = data.draw(st.sampled_from([0, *starts]))
    longer = [i for i in {0, *starts} if i < start and (said[start:] + rest).startswith(said[i:])]
    assume(said.strip() and not longer)  # else more was repeated than that, by its letters
    assert said + joined(instructed(said), said[start:] + rest, seed) == whole


def _starts_a_word(said: str, i: int) -> bool:
    amid = i > 0 and said[i - 1].isalnum() and said[i].isalnum() and said[i] < "\u2e80"
    return not said[i].isspace() and not amid


@given(texts, texts, seeds, seeds)
def test_slicing_changes_nothing(said: str, text: str, one: int, other: int) -> None:
    for seam in (prefilled, instructed):
        assert joined(seam(said), text, one) == joined(seam(said), text, other)


@given(words, texts)
def test_nothing_is_held_back_but_what_may_be_repeated(
    pairs: list[tuple[str, str]], text: str
) -> None:
    said = "".join(word + space for word, space in pairs)
    seam, given_out, fed = instructed(said), "", ""
    for letter in said[-20:] + text:
        fed += letter
        given_out += seam.feed(letter)
        assert given_out or fed in said


@pytest.mark.parametrize(
    ("said", "rest", "new"),
    [
        ("The quick brown fox", " jumps.", " jumps."),
        ("The quick brown fox", "quick brown fox jumps.", " jumps."),
        ("The quick brown fox", "The quick brown fox jumps.", " jumps."),
        ("The quick brown fox", "brown fox jumps.", "brown fox jumps."),  # 9 characters are chance
        ("The quick brown fo", "quick brown fox jumps.", "x jumps."),
        ("The quick brown fox", "uick brown fox jumps.", "uick brown fox jumps."),
        ("The", "The quick", " quick"),
        ("  The", "The quick", " quick"),
        ("敏捷的棕色狐狸跳过了那只懒狗，然后", "狐狸跳过了那只懒狗，然后回家。", "回家。"),
        ("Code:\n```python\nx = 1\n", "```python\ny = 2\n```", "y = 2\n```"),
        ("Code:\n```python\nx = 1\n", "```\nDone.", "```\nDone."),  # closes it
        ("Code:\n```python\nvalue = 1\n", "```python\nvalue = 1\ny = 2\n", "y = 2\n"),
        ("A\n```python\nx\n```\n", "```python\ny\n```", "```python\ny\n```"),  # another block
        ("````md\n```python\n", "```python\nx", "```python\nx"),  # is text of the outer one
        ("one two three four ", "two three four five", "five"),
        ("said", "", ""),
    ],
)
def test_what_a_model_repeats_that_was_told_to_go_on(said: str, rest: str, new: str) -> None:
    assert joined(instructed(said), rest, 1) == new


@pytest.mark.parametrize(
    ("said", "rest", "new"),
    [
        ("Hello ", " world", "world"),
        ("Hello ", "world", "world"),
        ("Hello\n\n", "\nworld", "world"),
        ("Hello\n", "\n\nworld", "\nworld"),
        ("Hello", " world", " world"),
        ("ha", "ha", "ha"),
        (" \n", "\nHello", "\nHello"),
        ("\n", "\nHello", "Hello"),
    ],
)
def test_the_white_space_at_a_cut(said: str, rest: str, new: str) -> None:
    assert joined(prefilled(said), rest, 1) == new


def test_nothing_is_held_back_once_it_is_certain() -> None:
    seam = instructed("The quick brown fox jumps over the lazy dog")
    assert seam.feed("j") == ""  # it may repeat "jumps over the lazy dog"
    assert seam.feed("ust") == "just"
    assert seam.feed("j") == "j"


def test_a_long_answer_is_no_long_wait() -> None:
    said = "the cat sat on the mat and the dog sat by the door, " * 4000
    seam = instructed(said)
    assert [seam.feed(piece) for piece in ("the ", "cat ", "ran")] == ["", "", "the cat ran"]
