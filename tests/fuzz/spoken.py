"""The protocols that are fuzzed, by name: all of penstock's own, and the founding providers'."""

from __future__ import annotations

from penstock.protocols import Protocol, shelf
from penstock.providers.aivvm import AivvmChat
from penstock.providers.aura import AuraChat
from penstock.providers.codelink_ava import CodeLinkAva

PROTOCOLS: dict[str, Protocol] = {
    **{name: kind() for name, kind in shelf.find().items()},
    "aivvm_chat": AivvmChat(),
    "aura_chat": AuraChat(),
    "codelink_ava_chat": CodeLinkAva.protocol,
}
NAMES = tuple(PROTOCOLS)


def bearing(*stream_types: str) -> tuple[str, ...]:
    """The names of those whose streams have one of these Content-Types."""
    return tuple(
        name for name, each in PROTOCOLS.items() if each.stream_type.startswith(stream_types)
    )
