"""The recorded traffic: where it lies, and its own loader.

It lies where ``PENSTOCK_CORPUS`` says, else in ``shared/corpus`` beside the repository. Where it
is absent, tests that need it are skipped; but on a CI machine (``CI=true``) they fail, so that
nobody takes "nothing was compared" for "nothing differs".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Case = dict[str, Any]

_BESIDE = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"


def root() -> Path:
    """The corpus's folder; the test module that asks is skipped, or fails, where it is absent."""
    given = os.environ.get("PENSTOCK_CORPUS")
    place = Path(given) if given else _BESIDE
    if not (place / "corpus.py").exists():
        reason = f"NOTHING RECORDED WAS COMPARED: no corpus at {place}; set PENSTOCK_CORPUS"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason, allow_module_level=True)
    return place


def module(name: str) -> ModuleType:
    """One of the corpus's own modules: ``corpus`` or ``request_summary``."""
    loader = _Reader(f"recorded_{name}", str(root() / f"{name}.py"))
    loaded = ModuleType(loader.name)
    loaded.__file__ = loader.path
    loader.exec_module(loaded)
    return loaded


class _Reader(SourceFileLoader):
    """Loads a module and writes no bytecode beside it."""

    def set_data(self, path: str, data: object, *, _mode: int = 0o666) -> None:
        pass


_corpus = module("corpus")


def answers(protocol: str, **filters: Any) -> list[Case]:
    """The recorded answers of one protocol."""
    return list(_corpus.load(protocol, **filters))


def malformed(protocol: str) -> list[Case]:
    """The answers that the vendor's own SDK cannot read."""
    return [case for case in _corpus.load_malformed() if case["protocol"] == protocol]


def requests(protocol: str) -> list[Case]:
    """The recorded requests of one protocol."""
    return list(_corpus.load_requests(protocol))


def body(case: Case) -> bytes:
    """An answer's bytes, as recorded."""
    data: bytes = _corpus.body_bytes(case)
    return data


def pieces(case: Case, size: int | None = None, seed: int | None = None) -> Iterator[bytes]:
    """An answer's bytes in pieces; with neither size nor seed as the network brought them."""
    yield from _corpus.pieces(case, size=size, seed=seed)


Test = Callable[[Case], None]

_BATCH = 16


def each(cases: list[Case]) -> Callable[[Test], Callable[[int], None]]:
    """Runs a test for each case, sixteen in one item: a suite of ten thousand items spends its time
    on items. What fails says which case it was."""

    def batched(test: Test) -> Callable[[int], None]:
        @pytest.mark.parametrize("batch", range(-(-len(cases) // _BATCH)))
        def run(batch: int) -> None:
            for case in cases[batch * _BATCH : (batch + 1) * _BATCH]:
                try:
                    test(case)
                except BaseException as error:
                    error.add_note(f"case {case['id']}")
                    raise

        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        return run

    return batched
