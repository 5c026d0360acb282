"""Answers whose finish reason may say that the service failed, which is no end of an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from penstock.errors import StreamFailed
from penstock.events import Event
from penstock.protocols.openai_chat.answer import ChatAnswer


class FailingAnswer(ChatAnswer):
    """Reads the finish reasons ``failures`` as errors amid the stream."""

    failures: ClassVar[frozenset[str]] = frozenset(("error",))

    def end(self) -> Iterator[Event]:
        if self.raw_reason in self.failures:
            self.ended = True
            raise StreamFailed(f"the service broke its answer off ({self.raw_reason}); try again")
        yield from super().end()
