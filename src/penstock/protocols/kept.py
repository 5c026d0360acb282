"""What a protocol keeps as it came, in ``metadata`` under its own name, and where it finds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.protocols.loss import RAW
from penstock.types import Metadata


def rest(value: Mapping[str, Any], *known: str) -> dict[str, Any]:
    """What an object says beyond the keys that are understood."""
    return {key: item for key, item in value.items() if key not in known}


def beside(value: Mapping[str, Any], *known: str) -> dict[str, Any]:
    """The same of a part or a message, to be kept beside it: without a ``raw``, which would be
    taken for what we say there ourselves (``loss.RAW``)."""
    return rest(value, *known, RAW)


def keep(name: str, kept: Mapping[str, Any], **shared: Any) -> Metadata | None:
    """Metadata that holds this for the protocol ``name``, and what any protocol can say
    (``cache``, ``citations``); ``None`` where there is nothing to hold."""
    metadata = {key: value for key, value in shared.items() if value}
    if kept:
        metadata[name] = dict(kept)
    return metadata or None


def kept_for(name: str, metadata: Metadata | None) -> dict[str, Any]:
    """What was kept for the protocol ``name``; a fresh dict."""
    kept = (metadata or {}).get(name)
    return dict(kept) if isinstance(kept, Mapping) else {}
