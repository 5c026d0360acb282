"""What is working, as measured: by what becomes of every call, and by probes.

results.py    what one try came to
standing.py   the rules: working, failing or unknown
store.py      the last results of every model; ``here`` is that of this process
report.py     ``status``: what is known of a provider, to be read
file.py       what outlives the process
probes.py     five small questions; prober.py asks one of them in the background

What a provider's class declares as ``working`` stays what its author wrote.
"""

from __future__ import annotations

from penstock import outcomes
from penstock.health.store import Store

here = Store()
"""What this process knows."""

outcomes.observe(here.observe, usage=False)
