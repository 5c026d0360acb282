"""Accounts: who asks where there is no key, and how that is proved to the service.

aws.py      signs each request; aws_sigv4.py is the arithmetic of it
tokens.py   asks for a token that runs out, and keeps it until then
google.py   whose tokens those are at Google; azure.py at Microsoft
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar, TypeAlias

from penstock.transport import Request, Response

Send: TypeAlias = Callable[[Request], Awaitable[Response]]


class Account(ABC):
    """One kind of account; what it is made of is looked up in the environment at each call."""

    how: ClassVar[str]
    """What to set where it is missing, to stand after a semicolon."""

    @abstractmethod
    def is_there(self) -> bool:
        """Whether the environment names one."""

    @abstractmethod
    async def prove(self, request: Request, send: Send) -> Request:
        """``request`` with the headers that prove who asks. ``send`` reaches whoever gives out
        tokens. Raises ``Unauthorized`` where the account is refused, and what ``send`` raises."""

    def refused(self, request: Request) -> None:  # noqa: B027 - a signature is made anew each time
        """What ``prove`` made of ``request`` was not believed: not that again."""

    def trusts(self, url: str) -> bool:
        """Whether an address that is not the vendor's own may see the proof."""
        return False
