"""Sizes of files as a person reads them."""

from __future__ import annotations

from penstock.hub.disk import megabytes


def size_of(size: int) -> str:
    """Bytes in kB, MB or GB, rounded up: what is there has a size."""
    return f"{-(-size // 1000)} kB" if size < 10**6 else megabytes(size)
