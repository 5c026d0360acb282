"""Changes that keep an input readable: values inside its JSON, lines, and what it asks.

Bytes changed at random are bad JSON nearly always, and no decoder gets to see more of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

Change = Callable[[bytes], bytes]

ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    1.5,
    2**31,
    2**63,
    2**64,
    -(2**70),
    1e308,
    float("nan"),
    float("inf"),
    "",
    " ",
    "0",
    "1",
    "\ud83d",
    "\ude00",
    "\ud83d\ude00",
    "\x00",
    "я",
    "[DONE]",
    "{}",
    '{"a":1}',
    '{"a":',
    "<html>",
    "a" * 300,
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": None},
    {"a": {"b": []}},
)
"""Values that a careless reader does not think of."""

_PER_LINE = 4


def mutate(data: bytes, most: int, seed: int, words: Sequence[str], bytewise: Change) -> bytes:
    """An input made of ``data``, of ``most`` bytes; ``words`` are keys and texts that mean
    something, ``bytewise`` is the change that knows nothing of the layout."""
    chance = Random(seed)
    if chance.random() < 0.25:
        return bytewise(data)
    head, _, rest = data.partition(b"\n")
    knobs, _, body = rest.partition(b"\n")
    lines = body.split(b"\n")
    for _ in range(chance.randint(1, 3)):
        match chance.randrange(12):
            case 0:
                head = _head(head, chance, words)
            case 1:
                knobs = _knobs(chance)
            case 2 | 3:
                lines = _lines(lines, chance)
            case _:
                _value(lines, chance, words)
    return b"\n".join((head, knobs, *lines))[:most]


def _head(head: bytes, chance: Random, words: Sequence[str]) -> bytes:
    said = head.split()
    if said:
        said[chance.randrange(len(said))] = chance.choice(words).encode()
    return b" ".join(said)


def _knobs(chance: Random) -> bytes:
    lengths = chance.choices(" !!!\"#$'+/7ABDMZt}", k=chance.randint(0, 16))
    return (chance.choice(".:") + "".join(lengths)).encode()


def _lines(lines: list[bytes], chance: Random) -> list[bytes]:
    """Lines repeated, left out, in another order, or with another end."""
    at = chance.randrange(len(lines))
    other = chance.randrange(len(lines))
    match chance.randrange(5):
        case 0:
            return [*lines[:at], *lines[other : other + _PER_LINE], *lines[at:]]
        case 1:
            return [*lines[:at], *lines[at + 1 :]] or [b""]
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
            return lines
        case 3:
            return lines[: at + 1]
        case _:
            return [line + b"\r" for line in lines] if chance.random() < 0.2 else lines


def _value(lines: list[bytes], chance: Random, words: Sequence[str]) -> None:
    """Change one value in the JSON of one line."""
    at = chance.randrange(len(lines))
    line = lines[at]
    starts = [n for n in (line.find(b"{"), line.find(b"[")) if n >= 0]
    if not starts:
        return
    start = min(starts)
    try:
        value = json.loads(line[start:])
    except (ValueError, RecursionError):
        return
    changed = _changed(value, chance, words)
    plain = chance.random() < 0.3 and _is_whole(changed)
    written = json.dumps(changed, ensure_ascii=not plain, separators=(",", ":"))
    lines[at] = line[:start] + written.encode()


def _is_whole(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _changed(value: Any, chance: Random, words: Sequence[str]) -> Any:
    holders = list(_holders(value))
    if not holders:
        return chance.choice(ODD)
    holder = chance.choice(holders)
    if isinstance(holder, dict):
        _change_object(holder, holders, chance, words)
    else:
        _change_list(holder, holders, chance, words)
    return value


def _holders(value: Any) -> list[Any]:
    """The objects and lists in a value, each with something in it."""
    found, left = [], [value]
    while left:
        each = left.pop()
        if isinstance(each, dict | list) and each:
            found.append(each)
            left.extend(each.values() if isinstance(each, dict) else each)
    return found


def _change_object(
    holder: dict[str, Any], holders: list[Any], chance: Random, words: Sequence[str]
) -> None:
    key = chance.choice(list(holder))
    match chance.randrange(6):
        case 0:
            del holder[key]
        case 1:
            holder[chance.choice(words)] = holder[key]
        case 2:
            holder[chance.choice(words)] = _new(holders, chance, words)
        case _:
            holder[key] = _other(holder[key], holders, chance, words)


def _change_list(
    holder: list[Any], holders: list[Any], chance: Random, words: Sequence[str]
) -> None:
    at = chance.randrange(len(holder))
    match chance.randrange(4):
        case 0:
            del holder[at]
        case 1:
            holder.insert(at, _copy(holder[at]))
        case _:
            holder[at] = _other(holder[at], holders, chance, words)


def _other(value: Any, holders: list[Any], chance: Random, words: Sequence[str]) -> Any:
    """Something in the place of a value."""
    match value:
        case str() if value and chance.random() < 0.3:
            at = chance.randrange(len(value))
            return value[:at] + chance.choice(("", "\ud83d", "\n", "{", "я", value)) + value[at:]
        case int() if chance.random() < 0.4:
            return value + chance.choice((-1, 1, 2, 10))
        case _ if chance.random() < 0.1:
            return [_copy(value)]
    return _new(holders, chance, words)


def _new(holders: list[Any], chance: Random, words: Sequence[str]) -> Any:
    match chance.randrange(5):
        case 0:
            return chance.choice(words)
        case 1:
            return _copy(chance.choice(holders))
        case _:
            return _copy(chance.choice(ODD))


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))
