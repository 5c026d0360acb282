"""The faults of failoverbench under the names it publishes, with its times and numbers.

https://github.com/failoverbench/failoverbench (METHODOLOGY 0.1, profile ``full``): sixty tokens,
15 ms apart. ``fb-s08-stream-cut`` is what ``cut-40`` is here.
"""

from __future__ import annotations

_PACE = "@15"

_NAMES = {
    "fb-ok": "ok",
    "fb-ok-noprefill": "no-prefill",
    "fb-s01-429-retry-after": "once-429-seconds-2",
    "fb-s02-429-persistent": "429",
    "fb-s03-500-then-200": "once-500",
    "fb-s04-503-persistent": "503",
    "fb-s05-reset": "once-reset",
    "fb-s06-no-response": "silent-120",
    "fb-s07-slow-ttft": "slow-20",
    "fb-s08-stream-cut": "cut-40",
    "fb-s09-stream-stall": "stall-20-30",
    "fb-s10-malformed-chunk": "malformed-10",
    "fb-s11-no-done": "no-end",
    "fb-s12-context-length": "400-context",
    "fb-s13-content-filter": "400-content",
    "fb-s14-stream-cut": "cut-40",
    "fb-s15-flap": "flap-60",
    "fb-s16-503-persistent": "503",
}
NAMES = {name: ours + _PACE for name, ours in _NAMES.items()}
"""Its name -> ours."""
