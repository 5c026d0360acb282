"""Markdown on a terminal, rendered while it comes, with rich.

What is settled (every block but the last one) is written once and scrolls away as any text does;
the open block alone is drawn anew below it. An open block that is taller than the terminal
shows its end, and the whole of it once it is settled; the lines of an open code block do not
change any more, so those that have no room are settled at once.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TypeAlias

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.markdown import ListElement, ListItem, Markdown, TableDataElement
from rich.segment import Segment, Segments
from rich.text import Text

from penstock.cli.rendering import Renderer
from penstock.cli.terminal import visible
from penstock.events import Event, ReasoningDelta, TextDelta

Lines: TypeAlias = list[list[Segment]]

_PAUSE = 0.04
"""Seconds between two drawings; longer where one takes long, so that most of the time is free."""
_SHARE = 5

# Raw HTML, images and addresses of references are not drawn by rich: as text, they are not lost.
_PARSER = (
    MarkdownIt("commonmark", {"html": False})
    .enable(["strikethrough", "table"])
    .disable(["image", "reference"])
)


class MarkdownScreen(Renderer):
    """One answer on the terminal: text as Markdown, reasoning dimmed."""

    def __init__(self) -> None:
        self._console = Console()
        self._open = ""  # the text that is not settled
        self._reasoning = False  # whether that text is reasoning
        self._gap = False  # whether an empty line comes before it
        self._written = 0  # lines of it that are written for good
        self._height = 0  # lines of it that the next drawing replaces
        self._pause = _PAUSE
        self._timer: asyncio.TimerHandle | None = None

    def render(self, event: Event) -> None:
        if not isinstance(event, TextDelta | ReasoningDelta):
            return
        reasoning = isinstance(event, ReasoningDelta)
        if reasoning != self._reasoning:
            self._draw(self._settled(len(self._open), gap=True), [])
            self._reasoning = reasoning
        self._open += visible(event.text)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._pause, self._refresh)

    def end(self, error: BaseException | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._draw(self._settled(len(self._open), gap=True), [])

    def _refresh(self) -> None:
        start = time.perf_counter()
        self._timer = None
        last = last_thought if self._reasoning else last_block
        settled = self._settled(*last(self._open))
        lines = self._lines(self._open)
        excess = max(0, len(lines) - self._console.height + 1)
        if excess and not self._reasoning and is_code(self._open):
            settled += lines[:excess]
            self._written += excess
        self._draw(settled, lines[excess:])
        self._pause = max(_PAUSE, _SHARE * (time.perf_counter() - start))

    def _settled(self, size: int, gap: bool) -> Lines:
        """Take the first ``size`` characters off the open text: its lines, to be written for
        good. ``gap``: whether an empty line follows them."""
        lines = self._lines(self._open[:size])
        if size:
            self._gap = gap and (bool(lines) or self._gap or self._written > 0)
            self._open, self._written = self._open[size:], 0
        return lines

    def _lines(self, text: str) -> Lines:
        """The lines of ``text`` that are not yet written for good."""
        shown = Text(text.strip("\n"), "dim") if self._reasoning else Block(text)
        lines = _trimmed(self._console.render_lines(shown, pad=False))
        if lines and self._gap:
            lines.insert(0, [])
        return lines[self._written :]

    def _draw(self, above: Lines, below: Lines) -> None:
        """Write over what the last drawing left open, in one go, so that nothing flickers. The
        screen is never cleared: some terminals would keep a copy of it above."""
        up = f"\r\x1b[{self._height}A" if self._height else ""  # ^C may stand behind the cursor
        lines = "".join(f"\x1b[K{self._encoded(line)}\n" for line in above + below)
        if not up and not lines:
            return
        sys.stdout.write(f"{up}{lines}\x1b[J")
        sys.stdout.flush()
        self._height = len(below)

    def _encoded(self, line: list[Segment]) -> str:
        with self._console.capture() as captured:
            self._console.print(Segments(line), end="")
        return captured.get()


class _Cell(TableDataElement):
    """A table's cell that breaks long words instead of cutting them."""

    def __init__(self, justify: JustifyMethod) -> None:
        super().__init__(justify)
        self.content.overflow = "fold"


class _Item(ListItem):
    """An item that keeps the number it was given, whether or not the others are there."""

    number = 0

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> _Item:
        item = cls()
        item.number = int(token.info or 0)
        return item


class _List(ListElement):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for item in self.items:
            if isinstance(item, _Item) and self.list_type == "ordered_list_open":
                yield from item.render_number(console, options, item.number, item.number)
            else:
                yield from item.render_bullet(console, options)


class Block(Markdown):
    """Rich's Markdown, but nothing is lost: numbers, line breaks, HTML, addresses, long words."""

    elements = {  # noqa: RUF012 - rich's
        **Markdown.elements,
        "bullet_list_open": _List,
        "ordered_list_open": _List,
        "list_item_open": _Item,
        "td_open": _Cell,
        "th_open": _Cell,
    }

    def __init__(self, text: str) -> None:
        super().__init__("", justify="default", hyperlinks=False)
        self.parsed = _PARSER.parse(text)
        for token in self.parsed:
            for child in token.children or ():
                if child.type == "softbreak":
                    child.type = "hardbreak"


def last_block(text: str) -> tuple[int, bool]:
    """Where the last block of the text begins, or the last item of a list, and whether an empty
    line comes before it. Only whole lines count: half a line may still become anything."""
    starts: dict[int, bool] = {}
    for token in _PARSER.parse(text[: text.rfind("\n") + 1]):
        is_item = token.level == 1 and token.type == "list_item_open"
        if token.map and token.nesting >= 0 and (token.level == 0 or is_item):
            starts.setdefault(token.map[0], not is_item)
    if not starts:
        return 0, False
    line = max(starts)
    return sum(len(whole) + 1 for whole in text.split("\n")[:line]), starts[line]


def last_thought(text: str) -> tuple[int, bool]:
    """Where the last paragraph of reasoning begins."""
    end = text.rfind("\n\n")
    return (end + 2, True) if end >= 0 else (0, False)


def is_code(text: str) -> bool:
    tokens = _PARSER.parse(text)
    return len(tokens) == 1 and tokens[0].type == "fence"


def _trimmed(lines: Lines) -> Lines:
    """Without the empty lines at both ends."""
    said = [number for number, line in enumerate(lines) if _says(line)]
    return lines[said[0] : said[-1] + 1] if said else []


def _says(line: list[Segment]) -> bool:
    """Whether there is anything to see: a character, or the ground of a code block."""
    return any(part.text.strip() or (part.style and part.style.bgcolor) for part in line)
