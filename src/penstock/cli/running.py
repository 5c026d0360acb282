"""The event loop of a command: uvloop's, where that is installed."""

from __future__ import annotations

import asyncio


def runner() -> asyncio.Runner:
    """One loop for all that a command runs. Ctrl-C cancels what it runs, cleanly."""
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)
