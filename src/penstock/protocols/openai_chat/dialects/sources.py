"""Answers whose sources stand beside their choices, as lists for all of the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.events import Event, TextDelta
from penstock.protocols.openai_chat.answer import ChatAnswer
from penstock.types import CITATIONS


class SourcedAnswer(ChatAnswer):
    """Reads ``citations`` (addresses) and ``search_results`` (addresses with titles) too: they
    are told as the citations of the last text, once, when the answer ends."""

    def __init__(self, reasoning_apart: bool = False) -> None:
        super().__init__(reasoning_apart)
        self._text: int | None = None

    def _part(self, kind: type[Event], refusing: bool = False) -> int:
        index = super()._part(kind, refusing)
        if kind is TextDelta and not refusing:
            self._text = index
        return index

    def end(self) -> Iterator[Event]:
        sources = list(_sources(self._about["answer"]))
        if sources and self._text is not None:
            yield TextDelta("", self._text, metadata={CITATIONS: sources})
        yield from super().end()


def _sources(about: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each source in the order in which the text's ``[1]`` and ``[2]`` count them."""
    addresses, results = _list(about.get("citations")), _list(about.get("search_results"))
    found = {
        result["url"]: result
        for result in results
        if isinstance(result, Mapping) and isinstance(result.get("url"), str)
    }
    for address in addresses or found:
        if isinstance(address, str):
            title = found.get(address, {}).get("title")
            yield {"url": address, "title": title} if isinstance(title, str) else {"url": address}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
