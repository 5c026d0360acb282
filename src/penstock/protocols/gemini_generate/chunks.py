"""Gemini's chunks: the usual one as a type, every other as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from penstock.errors import PenstockError
from penstock.protocols import json

_IN_PIECES = frozenset(("text",))
"""Text that comes in pieces, so that half a character may wait for the other half."""


NOTHING = msgspec.Raw(b"")


class _PlainPart(Struct, forbid_unknown_fields=True, gc=False):
    text: str


class _PlainContent(Struct, forbid_unknown_fields=True, gc=False):
    parts: tuple[_PlainPart]
    role: str = ""


class _PlainCandidate(Struct, forbid_unknown_fields=True, gc=False):
    content: _PlainContent
    index: int = 0


class PlainChunk(Struct, forbid_unknown_fields=True, rename="camel"):
    """The usual chunk, as a type: a piece of text, what all cost so far, and nothing else."""

    candidates: tuple[_PlainCandidate]
    usage_metadata: msgspec.Raw = NOTHING
    model_version: str | None = None
    response_id: str | None = None
    create_time: str | None = None

    def usage(self) -> msgspec.Raw | None:
        """What all cost so far, still to be read: each chunk says it, and only the last counts.
        Raises one of ``json.UNREADABLE`` where it is no object."""
        if self.usage_metadata is NOTHING:
            return None
        if not bytes(self.usage_metadata).startswith(b"{"):
            raise ValueError("usageMetadata")
        return self.usage_metadata


decode_plain = msgspec.json.Decoder(PlainChunk).decode


def decode_chunk(data: bytes, wrong: type[PenstockError]) -> Mapping[str, Any]:
    """An event of any kind, or a whole answer. Raises ``wrong`` where the data is neither."""
    return json.read_object(data, wrong, _IN_PIECES)
