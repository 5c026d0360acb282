"""Prints the matrix; ends with 1 where a cell is not right."""

from __future__ import annotations

import asyncio
import sys
import time

from faults.expected import EXPECTED
from faults.matrix import MODES, PROTOCOLS, Row, table

_SHORT = {"stream": "s", "whole": "w"}
_SIGNS = {
    "complete": "ok",
    "StreamTruncated": "cut",
    "StreamStalled": "stall",
    "StreamFailed": "failed",
    "MalformedStream": "garbled",
    "EmptyStream": "empty",
    "UnexpectedAnswer": "odd",
    "Unavailable": "5xx",
    "RateLimited": "429",
    "Unauthorized": "key",
    "UnknownModel": "model",
    "InvalidRequest": "4xx",
    "ContentFiltered": "filter",
    "ConnectionFailed": "conn",
    "Redirected": "3xx",
    "Timeout": "time",
}


def _show(fault: str, seen: Row) -> None:
    cells = (seen[protocol, mode] for protocol in PROTOCOLS for mode in MODES)
    signs = (f"{'!' if cell.wrong else ''}{_SIGNS.get(cell.end, cell.end)}" for cell in cells)
    print(f"{fault:18}", *(f"{sign:8}" for sign in signs), flush=True)
    for (protocol, mode), cell in seen.items():
        for wrong in cell.wrong:
            print(f"    {protocol} {mode}: {wrong}; it ended with {cell.end}: {cell.message[:100]}")


def main(names: list[str]) -> int:
    """Show these rows, or all."""
    faults = names or list(EXPECTED)
    heads = (f"{protocol[:6]}/{_SHORT[mode]}" for protocol in PROTOCOLS for mode in MODES)
    print(f"{'':18}", *(f"{head:8}" for head in heads))
    began = time.monotonic()
    right = asyncio.run(table(_show, faults))
    cells = len(faults) * len(PROTOCOLS) * len(MODES)
    took = time.monotonic() - began
    print(f"{cells} cells, {'all right' if right else 'NOT all right'}, {took:.0f} s")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
