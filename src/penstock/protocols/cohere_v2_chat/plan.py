"""A plan of which tools to call: reasoning that Cohere says in a place of its own."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.protocols.cohere_v2_chat.names import NAME
from penstock.protocols.kept import kept_for
from penstock.protocols.loss import RAW
from penstock.types import Metadata

PLAN = "tool_plan"
PLANNED: Metadata = {NAME: {RAW: {PLAN: True}}}
"""Marks such reasoning; a mark of shape, so that other protocols lose nothing by it."""


def is_plan(metadata: Metadata | None) -> bool:
    """Whether reasoning is a plan of which tools to call."""
    raw = kept_for(NAME, metadata).get(RAW)
    return isinstance(raw, Mapping) and bool(raw.get(PLAN))
