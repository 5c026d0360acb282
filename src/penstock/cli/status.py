"""``penstock status``: what is working, as measured; ``--probe`` measures it now."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from penstock import config
from penstock.catalog import Catalog
from penstock.cli import running
from penstock.cli.table import print_table
from penstock.cli.terminal import command, in_one_line, note
from penstock.errors import ConfigError, ServiceError
from penstock.health import file, here, probes
from penstock.health.probes import Target
from penstock.health.report import Status, Trial, ago, of
from penstock.health.results import Result
from penstock.provider import Provider

_WITHIN = 30.0
"""Seconds for one probe: an engine may have to load its model first."""


def run(args: Namespace) -> None:
    """Tell how things stand. Raises ``ConfigError`` for a name that nobody has, ``ServiceError``
    after all was told where a probe failed."""
    file.load()
    catalog = Catalog(config.load(args.config))
    if args.probe or args.thorough:
        with running.runner() as runner, file.kept():
            runner.run(_measure(catalog, args))
    else:
        _tell(list(_known(catalog, args.names)), args)


# What is known


def _known(catalog: Catalog, names: Sequence[str]) -> Iterator[Status]:
    """Each model once: those that were named; else those of all that are configured, and whatever
    else was measured."""
    for name in _spelt_out(catalog, names) or _all(catalog):
        provider, _, model = name.partition("/")
        models = [model] if model else here.models(provider)
        if not models:
            models = [catalog.get(provider).default_model]
        elif not here.models(provider):
            catalog.get(provider)  # raises where there is none
        for one in models:
            yield of(here, provider, one)


def _spelt_out(catalog: Catalog, names: Sequence[str]) -> list[str]:
    """The names, with its targets instead of a route; each once."""
    found: dict[str, None] = {}
    for name in names:
        if name in catalog.config.routes:
            found |= {f"{provider.name}/{model}": None for provider, model in _of(catalog, name)}
        else:
            found[name] = None
    return list(found)


def _of(catalog: Catalog, route: str) -> list[tuple[Provider, str]]:
    """The targets of a route."""
    from penstock.cli import route as routes  # they are loaded where there are any

    return routes.targets(catalog.get(route))


def _all(catalog: Catalog) -> list[str]:
    measured = {provider for (provider, _), _ in here.items()}
    return sorted(measured | {provider.name for provider in catalog.configured()})


def _tell(statuses: list[Status], args: Namespace) -> None:
    if args.json:
        _print_json(statuses)
        return
    print_table(_TITLES, [_row(status) for status in statuses])
    if any(status.state == "unknown" for status in statuses):
        sys.stdout.flush()
        names = " ".join(args.names) or "NAME"
        note(f"`{command()} status --probe {names}` asks; each question costs a few tokens")


_TITLES = ["MODEL", "STATE", "AGE", "ERROR", "FIRST", "WHOLE", "TRIED"]


def _row(status: Status) -> list[str]:
    answer = status.tried[0] if status.tried else None
    stream = next((trial for trial in status.tried if trial.what == "stream"), answer)
    return [
        status.name,
        status.state,
        "-" if status.age is None else ago(status.age),
        status.error or "-",
        str(stream.first or "-") if stream else "-",
        str(stream.took or "-") if stream else "-",
        ", ".join(map(_short, status.tried)) or "-",
    ]


def _short(trial: Trial) -> str:
    return trial.what if trial.verdict == "worked" else f"{trial.what} {trial.verdict}"


def _print_json(statuses: list[Status]) -> None:
    print(json.dumps(list(map(_object, statuses)), ensure_ascii=False, indent=2))


def _object(status: Status) -> dict[str, Any]:
    """The same for programs; ages in tenths of a second."""
    tried = [msgspec.to_builtins(trial) | {"age": round(trial.age, 1)} for trial in status.tried]
    age = None if status.age is None else round(status.age, 1)
    said: dict[str, Any] = msgspec.to_builtins(status)
    return {**said, "tried": tried, "age": age, "error": status.error}


# What is measured now


async def _measure(catalog: Catalog, args: Namespace) -> None:
    targets = await _targets(catalog, args.names)
    things = probes.ALL if args.thorough else ("stream",)
    calls = len(targets) * len(things)
    note(f"asking {len(targets)} {_models(targets)}: each question costs a few tokens")
    width = max((len(_name(target)) for target in targets), default=0)
    failed: list[str] = []
    tries = probes.probe_all(targets, things, within=_WITHIN)
    async for target, result in tries:
        if result.verdict == "failed":
            failed.append(_name(target))
        if not args.json:
            print(_line(_name(target).ljust(width), result), flush=True)
    if args.json:
        _print_json([of(here, target.provider.name, target.model) for target in targets])
    _judge(failed, calls)


async def _targets(catalog: Catalog, names: Sequence[str]) -> list[Target]:
    """Whom to ask: who was named, else all that are configured, each by its default model."""
    if names:
        found = [await catalog.resolve(name) for name in _spelt_out(catalog, names)]
    else:
        await catalog.discover()
        found = [(provider, provider.default_model) for provider in catalog.configured()]
    targets = []
    for provider, said in found:
        if model := said or next(iter(provider.models), ""):
            targets.append(Target(provider, model))
        else:
            _leave_out(provider, names)
    return targets


def _leave_out(provider: Provider, names: Sequence[str]) -> None:
    lack = f"{provider.name} names no model: say {provider.name}/MODEL"
    if names:
        raise ConfigError(lack)
    note(f"{lack} to have it asked")


def _judge(failed: list[str], calls: int) -> None:
    if failed:
        sys.stdout.flush()  # what is said of them stands below them
        why = f"`{command()} chat -m {failed[0]} hello` says why"
        raise ServiceError(f"{len(failed)} of {calls} failed; {why}")


def _line(name: str, result: Result) -> str:
    first = "-" if result.first is None else f"{result.first:.2f} s"
    cells = [in_one_line(name), f"{result.what:6}", f"{result.verdict:11}", f"{first:>7}"]
    return "  ".join([*cells, f"{result.took:.2f} s", result.error]).rstrip()


def _models(targets: list[Target]) -> str:
    return "model" if len(targets) == 1 else "models"


def _name(target: Target) -> str:
    return "/".join(filter(None, (target.provider.name, target.model)))
