"""Whether there is a llama.cpp to run, and how to come by one."""

from __future__ import annotations

from importlib.util import find_spec

INSTALL = '`pip install "penstock[local]"`, or `scripts/setup local` in a clone'
"""The step to take where there is none."""


def is_installed() -> bool:
    """Whether there is a llama.cpp to run."""
    return find_spec("xllamacpp") is not None
