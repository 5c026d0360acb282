"""``penstock pull``: a model from a hub, kept on this machine."""

from __future__ import annotations

import os
from argparse import Namespace
from importlib.util import find_spec

from penstock import config
from penstock.catalog import Catalog
from penstock.cli import running
from penstock.cli.bar import Bar
from penstock.cli.table import print_table
from penstock.cli.terminal import command, note
from penstock.errors import InvalidRequest
from penstock.hub import names, store
from penstock.hub.disk import megabytes
from penstock.hub.pull import pull
from penstock.hub.remote import HUGGING_FACE, Hub
from penstock.hub.store import Pulled
from penstock.hub.suggested import SUGGESTED


def run(args: Namespace) -> None:
    """Do what the arguments say. Raises ``PenstockError``."""
    if args.list:
        _list_pulled()
    elif not args.name:
        _suggest(args.remove)
    elif args.remove:
        for path in store.remove(args.name):
            note(f"deleted {path}")
    else:
        _pull(args)


def _pull(args: Namespace) -> None:
    said = config.load(args.config)
    bar = Bar(names.parse(args.name).name)
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
    note(f"{pulled.name} {state}, {megabytes(pulled.size)}, its SHA-256 is right.")
    if find_spec("xllamacpp") is None:
        note('To run it in penstock itself, first: pip install "penstock[local]"')
    note(f"Chat with it: {command()} chat{_choice(pulled, catalog)}")


def _choice(pulled: Pulled, catalog: Catalog) -> str:
    """How to name the model, where another one, of a running engine perhaps, answers unasked."""
    with running.runner() as runner:
        runner.run(catalog.discover())
    model = f"local/{pulled.name}"
    return "" if catalog.default() == model else f" -m {model}"


def _list_pulled() -> None:
    rows = [
        [p.name, megabytes(p.size), f"{p.when:%Y-%m-%d}", str(p.path)] for p in store.installed()
    ]
    if not rows:
        note(f"nothing was pulled; `{command()} pull` lists models to begin with")
        return
    print_table(["NAME", "SIZE", "PULLED", "FILE"], rows)


def _suggest(is_removal: bool) -> None:
    """A newcomer sees the choice, sizes and licences before anything large moves."""
    if is_removal:
        raise InvalidRequest(f"name what to remove; `{command()} pull --list` lists it")
    here = {pulled.name for pulled in store.installed()}
    rows = [
        [s.name, megabytes(s.size), s.licence, "here" if s.name in here else s.repo]
        for s in SUGGESTED
    ]
    print_table(["NAME", "SIZE", "LICENCE", "FROM"], rows)
    raise InvalidRequest(f"name the model to pull, as `{command()} pull {SUGGESTED[0].name}`")
