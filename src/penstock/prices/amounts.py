"""What a price and a limit may be: numbers that somebody could mean, said in so many digits."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, TypeAlias

from msgspec import Meta

Tokens: TypeAlias = Annotated[int, Meta(ge=0, le=10**12)]
"""How many of them there may be."""

_HIGHEST, _DECIMALS = 10**6, 30


def check(*amounts: object) -> None:
    """Raises ``ValueError`` where one of the numbers is none from 0 to a million, or is said in
    more than 30 decimals. What is no number has been looked at before."""
    for amount in amounts:
        if isinstance(amount, Decimal) and not _is_one(amount):
            raise ValueError("a price is no number from 0 to a million")


def _is_one(amount: Decimal) -> bool:
    exponent = amount.as_tuple().exponent
    is_short = isinstance(exponent, int) and -_DECIMALS <= exponent <= _DECIMALS
    return is_short and 0 <= amount <= _HIGHEST
