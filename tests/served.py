"""A real gateway in a process of its own: ``penstock serve`` on a free port."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NO_CONFIG = ""


@contextmanager
def gateway(config: str = NO_CONFIG, environment: dict[str, str] | None = None) -> Iterator[str]:
    """The address (``http://127.0.0.1:PORT``) of a gateway with that ``penstock.toml``."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "penstock.toml").write_text(config)
        process = subprocess.Popen(
            [sys.executable, "-m", "penstock", "serve", "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**clean_environment(), **(environment or {})},
        )
        try:
            yield _address(process)
        finally:
            process.terminate()
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()


def clean_environment() -> dict[str, str]:
    """This process's environment without anything that configures penstock."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PENSTOCK_") and not name.endswith("_API_KEY")
    } | {"PYTHONUNBUFFERED": "1", "PENSTOCK_DISCOVERY": "0", "PENSTOCK_STATUS": "off"}


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError(f"the gateway ended with {process.wait()} before it listened")
