"""What it costs to start: to import, to list names, to look around, to say who answers.

    python benchmarks/start.py --rounds 20

Each round is a process of its own, as a command is; the median counts. Milliseconds of the clock,
beside those of a bare interpreter with asyncio. Nothing is installed or configured for it: engines
that happen to run on this machine are found, and make the look around longer.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

BARE = "import asyncio"
LAPS = """
import asyncio, time
from penstock.catalog import Catalog
from penstock.config import Config
catalog = Catalog(Config())
def lap(do):
    began = time.perf_counter()
    do()
    return 1000 * (time.perf_counter() - began)
print(
    lap(catalog.names),
    lap(catalog.keys),
    lap(lambda: asyncio.run(catalog.discover())),
    lap(catalog.default),
    len(catalog.names()),
)
"""
TIMED = "import time; began = time.perf_counter()\n{}\nprint(1000 * (time.perf_counter() - began))"
WHOLE = {
    "import asyncio, alone": BARE,
    "import penstock": "import penstock",
    "from penstock import Catalog": "from penstock import Catalog",
    "penstock providers": (
        "import io, contextlib\nfrom penstock.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()): main(['providers'])"
    ),
}
NAMES = ("names()", "keys()", "discover()", "default()")


def run(program: str) -> list[float]:
    """The numbers that a program prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return [float(number) for number in done.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = range(parser.parse_args().rounds)
    for name, program in WHOLE.items():
        median = statistics.median(run(TIMED.format(program))[0] for _ in rounds)
        print(f"{name:32} {median:7.1f} ms")
    laps = [run(LAPS) for _ in rounds]
    print(f"{laps[0][-1]:.0f} providers, in a fresh catalog:")
    for column, name in enumerate(NAMES):
        print(f"{name:32} {statistics.median(lap[column] for lap in laps):7.2f} ms")


if __name__ == "__main__":
    main()
