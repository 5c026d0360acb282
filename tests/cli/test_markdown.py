"""Markdown that streams: however it comes, what stays on the screen is the whole answer, once."""

import asyncio
import io
import re
from contextlib import redirect_stdout

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.cli import markdown
from penstock.cli.markdown import Block, MarkdownScreen, last_block
from penstock.events import Event, Finish, ReasoningDelta, Start, TextDelta

HEIGHT, WIDTH = 12, 40

DOCUMENT = """\
# A title

A paragraph with **bold**, `code` and
a second line. Then List<String>, <b>HTML</b>, [a link](https://example.org/x)
and ![an image](https://example.org/y.png).
#hashtag is no heading

1. first item, which is so long that the terminal wraps it
2. second
   - nested
   - nested too
10. tenth

| name | value |
|------|------:|
| a    | averyveryveryverylongwordthatnocolumncanhold |

```python
def f(x):
    return x
NUMBERS

# and no heading
```

> quoted
> twice

Setext
------

The *end*.
""".replace("NUMBERS", "\n".join(f"a{n} = {n}" for n in range(16)))

PIECES = [
    *("# ", "## ", "- ", "+ ", "1. ", "2) ", "10. ", "    ", "> ", "\n", "\n\n", "\r\n", "\t"),
    *("```", "```py\n", "~~~", "---", "===", "| a | b |\n|---|---|\n", "| c |", "long" * 15),
    *("**", "*", "_", "`", "``", "[x](y)", "[a]: /u", "[x][a]", "![i](u)", "~~", "\\*", "$x$"),
    *("<b>", "<http://a.b>", "&amp;", "word", "two words", "日本語", "\N{LINE SEPARATOR}"),
]

BARE = "\n\n".join(["one", "two", "three"])


class Screen(io.StringIO):
    """What a terminal shows, scrolled lines included. Knows the few sequences that we write."""

    encoding = "utf-8"

    def __init__(self) -> None:
        super().__init__()
        self.lines = [""]
        self.written = ""
        self._row = self._column = 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.written += text
        for sequence, number, kind, plain in re.findall(
            r"(\x1b\[([\d;]*)([A-Za-z]))|([^\x1b])", text
        ):
            self._put(plain) if plain else self._obey(kind, number, sequence)
        return len(text)

    def _put(self, character: str) -> None:
        if character == "\n":
            self._row, self._column = self._row + 1, 0
            if self._row == len(self.lines):
                self.lines.append("")
        elif character == "\r":
            self._column = 0
        else:
            line = self.lines[self._row].ljust(self._column)
            self.lines[self._row] = line[: self._column] + character + line[self._column + 1 :]
            self._column += 1

    def _obey(self, kind: str, number: str, sequence: str) -> None:
        match kind:
            case "A":
                self._row -= int(number)
                assert self._row >= max(0, len(self.lines) - HEIGHT), "that has scrolled away"
            case "K":
                self.lines[self._row] = self.lines[self._row][: self._column]
            case "J":
                self.lines[self._row] = self.lines[self._row][: self._column]
                del self.lines[self._row + 1 :]
            case "m":
                pass
            case _:
                raise AssertionError(f"{sequence!r} is not known here")

    def text(self) -> list[str]:
        return [line.rstrip() for line in self.lines]


@pytest.fixture(autouse=True)
def small_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.setenv("LINES", str(HEIGHT))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(markdown, "_PAUSE", 0)
    monkeypatch.setattr(markdown, "_SHARE", 0)


async def show(*events: Event, error: BaseException | None = None) -> Screen:
    """What is on the screen after a drawing for every event."""
    screen = Screen()
    with redirect_stdout(screen):
        renderer = MarkdownScreen()
        await draw(renderer, *events)
        renderer.end(error)
    return screen


async def draw(renderer: MarkdownScreen, *events: Event) -> None:
    for event in events:
        renderer.render(event)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def sliced(text: str, size: int) -> list[Event]:
    return [TextDelta(text[i : i + size]) for i in range(0, len(text), size)]


@pytest.mark.parametrize("size", [1, 7, 50, 400])
async def test_any_slicing_leaves_the_same_text_on_the_screen(size: int) -> None:
    screen = await show(Start(), *sliced(DOCUMENT, size), Finish())
    at_once = await show(TextDelta(DOCUMENT))
    assert " ".join(screen.text()).split() == " ".join(at_once.text()).split()


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_is_the_same_on_the_screen_however_it_comes(text: str) -> None:
    piecemeal = asyncio.run(show(*sliced(text, 2)))
    at_once = asyncio.run(show(TextDelta(text)))
    assert "".join(piecemeal.text()).split() == "".join(at_once.text()).split()


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_paragraphs_are_an_empty_line_apart(size: int) -> None:
    screen = await show(*sliced(BARE, size))
    assert screen.text() == ["one", "", "two", "", "three", ""]


@pytest.mark.parametrize("size", [1, 1000])
async def test_items_of_a_list_are_not_apart(size: int) -> None:
    screen = await show(*sliced("1. one\n2. two\n\ntext\n", size))
    assert screen.text() == [" 1 one", " 2 two", "", "text", ""]


async def test_a_code_block_taller_than_the_screen_scrolls_line_by_line() -> None:
    code = "```\n" + "".join(f"line {n}\n" for n in range(40))
    screen = Screen()
    with redirect_stdout(screen):
        renderer = MarkdownScreen()
        await draw(renderer, *sliced(code, 9))
        assert [line.strip() for line in screen.text()][1:31] == [f"line {n}" for n in range(30)]
        renderer.end(None)
    assert [line.strip() for line in screen.text() if line] == [f"line {n}" for n in range(40)]


async def test_a_stopped_answer_keeps_what_came() -> None:
    screen = await show(TextDelta("half **an"), error=asyncio.CancelledError())
    assert screen.text() == ["half **an", ""]


async def test_what_steers_a_terminal_is_only_shown() -> None:
    screen = await show(TextDelta("a\x1b[2Jb\r\n\x9bc"))
    assert screen.text() == ["a␛[2Jb", "�c", ""]


async def test_reasoning_is_dim_and_apart_from_the_answer() -> None:
    thoughts = [ReasoningDelta(text) for text in ("first *I* thi", "nk\n\nthen", "!")]
    screen = await show(*thoughts, TextDelta("An answer"))
    assert screen.text() == ["first *I* think", "", "then!", "", "An answer", ""]
    assert "\x1b[2mthen!\x1b[0m" in screen.written


async def test_nothing_said_is_nothing_shown() -> None:
    assert (await show(Start(), TextDelta(""), Finish())).text() == [""]
    assert (await show(TextDelta("\n\n"))).text() == [""]


@pytest.mark.parametrize(
    ("text", "settled"),
    [
        ("a paragraph\n", ""),
        ("a paragraph\n#", ""),
        ("a paragraph\n\nanother", ""),
        ("a paragraph\n\nanother\n", "a paragraph\n\n"),
        ("text\n- one\n- two\n", "text\n- one\n"),
        ("```\n\n# code\n\n- code\n", ""),
        ("```\ncode\n```\nmore\n", "```\ncode\n```\n"),
        ("> a\n\n> b\n", "> a\n\n"),
    ],
)
def test_a_block_is_settled_once_the_next_one_has_begun(text: str, settled: str) -> None:
    assert text[: last_block(text)[0]] == settled


def test_what_is_settled_never_changes() -> None:
    starts = [last_block(DOCUMENT[:size])[0] for size in range(len(DOCUMENT))]
    assert starts == sorted(starts)


def test_rich_drops_nothing_that_was_said() -> None:
    from rich.console import Console

    console = Console(width=30, file=io.StringIO(), force_terminal=False)
    text = (
        "<b>x</b> ![alt](http://i) [t](http://l)\n\n[r]: http://r\n\n| a |\n|---|\n| "
        + "w" * 60
        + " |\n"
    )
    with console.capture() as captured:
        console.print(Block(text))
    said = captured.get()
    for part in ("<b>x</b>", "alt", "http://i", "http://l", "[r]: http://r"):
        assert part in said
    assert said.count("w") == 60
