"""``penstock pull``: a model from a hub, kept on this machine."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from datetime import datetime

from penstock import config
from penstock.catalog import Catalog
from penstock.cli import default, running
from penstock.cli.bar import Bar
from penstock.cli.sizes import size_of
from penstock.cli.table import print_table
from penstock.cli.terminal import command, note
from penstock.errors import InvalidRequest
from penstock.hub import names, store
from penstock.hub.pull import pull
from penstock.hub.remote import HUGGING_FACE, Hub
from penstock.hub.store import Pulled
from penstock.hub.suggested import SUGGESTED


def run(args: Namespace) -> None:
    """Do what the arguments say. Raises ``PenstockError``."""
    if args.list:
        _list_pulled()
    elif args.remove:
        _remove(args.name)
    elif not args.name:
        _suggest()
    else:
        _pull(args)


def _pull(args: Namespace) -> None:
    said, name = config.load(args.config), names.parse(args.name).name
    needed, bar = default.engine_needed(), Bar(name)
    if needed:  # a person may want it first: what is fetched now takes minutes
        note(f"To run {name}, penstock needs an extra: {needed}")
    pulled = _fetch(args.name, _hub(args, said), bar)
    print(pulled.path, flush=True)
    _explain(pulled, Catalog(said), is_new=bar.has_loaded)


def _hub(args: Namespace, said: config.Config) -> Hub:
    return Hub(
        os.environ.get("HF_ENDPOINT") or HUGGING_FACE,
        token=os.environ.get("HF_TOKEN", ""),
        proxy=args.proxy or os.environ.get("PENSTOCK_PROXY") or said.proxy,
    )


def _fetch(name: str, hub: Hub, bar: Bar) -> Pulled:
    try:
        with running.runner() as runner:
            return runner.run(pull(name, hub, bar.show))
    except KeyboardInterrupt:
        bar.end()
        note("penstock: what came is kept; the same command goes on from there")
        raise
    finally:
        bar.end()


def _explain(pulled: Pulled, catalog: Catalog, *, is_new: bool) -> None:
    """What there is now, and what to do with it."""
    state = "is here" if is_new else "was here already"
    note(f"{pulled.name} {state}, {size_of(pulled.size)}, its SHA-256 is right.")
    if needed := default.engine_needed():
        note(f"To run it, first: {needed}")
    note(f"Chat with it: {command()} chat{_choice(pulled, catalog)}")


def _choice(pulled: Pulled, catalog: Catalog) -> str:
    """How to name the model, where another one, of a running engine perhaps, answers unasked."""
    with running.runner() as runner:
        runner.run(catalog.discover())
    model = f"local/{pulled.name}"
    return "" if catalog.default() == model else f" -m {model}"


def _list_pulled() -> None:
    """What is here, and below it what pulls that were broken off left."""
    rows = [
        *([p.name, size_of(p.size), _day(p.when), str(p.path)] for p in store.installed()),
        *([p.name, size_of(p.size), "not whole", str(p.path)] for p in store.unfinished()),
    ]
    if not rows:
        note(f"nothing was pulled; `{command()} pull` lists models to begin with")
        return
    print_table(["NAME", "SIZE", "PULLED", "FILE"], rows, whole=True)


def _day(when: datetime) -> str:
    return f"{when:%Y-%m-%d}"


def _remove(name: str) -> None:
    if not name:
        raise InvalidRequest(f"name what to remove; `{command()} pull --list` lists it")
    for path in store.remove(name):
        note(f"deleted {path}")


def _suggest() -> None:
    """A newcomer sees the choice, sizes and licences before anything large moves."""
    here = {pulled.name for pulled in store.installed()}
    rows = [
        [s.name, size_of(s.size), s.licence, "here" if s.name in here else s.repo]
        for s in SUGGESTED
    ]
    print_table(["NAME", "SIZE", "LICENCE", "FROM"], rows, whole=True)
    sys.stdout.flush()
    note(f"\nTo fetch one: {command()} pull {SUGGESTED[0].name}")
