"""What an SDK's objects say of an answer, in one form for every SDK, streams and whole answers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple


class Call(NamedTuple):
    """A tool call. ``arguments``: text where the SDK gives text, else the object."""

    id: str
    name: str
    arguments: Any


class Seen(NamedTuple):
    """An answer, as its reader has it. A field that the SDK has no place for stays empty."""

    id: str = ""
    model: str = ""
    text: str = ""
    reasoning: str = ""
    signature: str = ""
    refusal: str = ""
    calls: tuple[Call, ...] = ()
    finish: str | None = None
    usage: Mapping[str, int] | None = None

    def unlike(self, other: Seen) -> dict[str, tuple[Any, Any]]:
        """The fields that differ, each with both values."""
        pairs = zip(self._fields, self, other, strict=True)
        return {name: (mine, yours) for name, mine, yours in pairs if mine != yours}


class Hearing:
    """An answer as its pieces come; ``seen`` is what they amount to."""

    def __init__(self) -> None:
        self.id = self.model = ""
        self.finish: str | None = None
        self.usage: Mapping[str, int] | None = None
        self._said: dict[str, list[str]] = {}
        self._calls: dict[Hashable, tuple[str, str, list[str]]] = {}
        self._whole: list[Call] = []

    def say(self, kind: str, text: str | None) -> None:
        """A piece of ``text``, ``reasoning``, ``signature`` or ``refusal``."""
        if text:
            self._said.setdefault(kind, []).append(text)

    def begin(self, key: Hashable, id: str | None, name: str | None) -> None:
        """A tool call begins, known as ``key`` from here on."""
        self._calls.setdefault(key, (id or "", name or "", []))

    def go_on(self, key: Hashable, fragment: str | None) -> None:
        """A piece of a call's arguments."""
        self._calls[key][2].append(fragment or "")

    def call(self, id: str | None, name: str | None, arguments: Any) -> None:
        """A tool call that comes whole."""
        self._whole.append(Call(id or "", name or "", arguments))

    def seen(self) -> Seen:
        grown = (Call(id, name, "".join(said)) for id, name, said in self._calls.values())
        said = {kind: "".join(pieces) for kind, pieces in self._said.items()}
        calls = (*grown, *self._whole)
        usage = self.usage or None
        return Seen(self.id, self.model, calls=calls, finish=self.finish, usage=usage, **said)


def numbers(value: Mapping[str, Any], **places: str) -> dict[str, int]:
    """The usage numbers that were said, under common names."""
    return {name: value[key] for name, key in places.items() if value.get(key) is not None}
