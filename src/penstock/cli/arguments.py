"""The commands and their options. Imports nothing of penstock but its version."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from penstock import __version__

_EXIT_CODES = """\
exit codes: 0 all is well, 1 the service failed or the answer could not be
written, 2 the question or a setting is wrong, 130 interrupted.
Every option is explained by `penstock COMMAND --help`."""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments of one command. Exits with 2 on a wrong one, with 0 after help."""
    parser = _parser()
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        getattr(args, "refuse", parser.error)(f"unrecognized arguments: {' '.join(unknown)}")
    if args.command is None:
        parser.print_help()
        sys.exit(0)
    return args


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="penstock",
        description="Chat with any model, or serve every model to every client.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"penstock {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_chat(commands)
    _add_serve(commands)
    _add_listings(commands)
    _add_status(commands)
    _add_pull(commands)
    _add_faults(commands)
    for command in commands.choices.values():
        command.set_defaults(refuse=command.error)  # with its own usage, not that of the program
    return parser


def _add_chat(commands: Any) -> None:
    help = "ask once, or start a conversation"
    chat = commands.add_parser(
        "chat",
        help=help,
        description="Ask a model and read its answer as it comes. Text that is piped in is the "
        "question, or is added to it. Without a question, in a terminal: a conversation.",
    )
    add = chat.add_argument
    add("prompt", nargs="*", metavar="PROMPT", help="the question")
    add("-m", "--model", default="", metavar="NAME", help="provider/model, or a provider's name")
    add("-s", "--system", default="", metavar="TEXT", help="the system message")
    add(
        "-o",
        "--option",
        action="append",
        default=[],
        type=_option,
        metavar="KEY=VALUE",
        help="a field of the request, as temperature=0.2; VALUE is JSON if it can be read as "
        "such, else text; repeatable",
    )
    add("--proxy", metavar="URL", help="http, https, socks5 or socks5h proxy to the service")
    add(
        "--base-url",
        metavar="URL",
        help="where the service is; without a provider in --model, any that speaks OpenAI chat",
    )
    add("--timeout", type=_seconds, metavar="SECONDS", help="for the whole answer")
    _add_config(chat)
    add("--no-stream", action="store_true", help="ask for the whole answer at once")
    add("--json", action="store_true", help="write every event as a line of JSON")
    add("--plain", action="store_true", help="write bare text, even where rich is installed")
    add(
        "-v",
        "--verbose",
        action="store_true",
        help="say on stderr how it ended, what it used and cost, and whom a route asked on the way",
    )


def _add_serve(commands: Any) -> None:
    help = "start the gateway"
    serve = commands.add_parser(
        "serve",
        help=help,
        description="Answer clients of OpenAI, Anthropic, Gemini and Ollama on this machine with "
        "every configured model.",
    )
    add = serve.add_argument
    add("--host", metavar="ADDRESS", help="loopback only; the config's, else 127.0.0.1")
    add("--port", type=_port, metavar="PORT", help="0: any free one; the config's, else 7360")
    _add_config(serve)
    add("--hello", action="store_true", help="ask it one question after the start and show both")
    add("-v", "--verbose", action="store_true", help="log what happens, not only what goes wrong")


def _add_listings(commands: Any) -> None:
    providers = commands.add_parser(
        "providers",
        help="list providers, and say which model answers by default",
        description="List the providers that are configured, which model answers by default, and "
        "who else there is. With NAME: what there is to know about that one.",
    )
    add = providers.add_argument
    add(
        "name", nargs="?", default="", metavar="NAME", help="tell about this one; it may be a route"
    )
    add("-a", "--all", action="store_true", help="a line for each, as in a pipe")
    models = commands.add_parser(
        "models",
        help="list models with their limits and prices",
        description="List the models of every configured provider: their names, and, on a terminal "
        "or with --long, their limits in tokens, prices and capabilities.",
    )
    add = models.add_argument
    add(
        "provider",
        nargs="?",
        metavar="PROVIDER",
        help="of this one only; of a route: those it asks",
    )
    add("-l", "--long", action="store_true", help="limits, prices and capabilities in a pipe too")
    add("--refresh", action="store_true", help="first fetch the newest public data about models")
    for listing in (providers, models):
        _add_config(listing)
        listing.add_argument("--json", action="store_true", help="write JSON")


def _add_status(commands: Any) -> None:
    status = commands.add_parser(
        "status",
        help="say what is working, as measured",
        description="Say how each model stood when it was asked last: by the calls and the probes "
        "that programs have noted. Asks nobody without --probe.",
    )
    add = status.add_argument
    add(
        "names",
        nargs="*",
        metavar="NAME",
        help="a provider, provider/model, or a route: its targets; else all",
    )
    add(
        "--probe",
        action="store_true",
        help="ask each one short question; without NAME each provider's default model; it costs a "
        "few tokens",
    )
    add(
        "--thorough",
        action="store_true",
        help="ask five: a whole answer, a stream, a tool, JSON, and one that is left early",
    )
    _add_config(status)
    add("--json", action="store_true", help="write JSON")


def _add_pull(commands: Any) -> None:
    pull = commands.add_parser(
        "pull",
        help="fetch a small model to run on this machine",
        description="Fetch a model by its name from a hub, check it, and keep it for "
        "`penstock chat`. What was broken off goes on where it ended. Without NAME: list small "
        "models to begin with.",
    )
    add = pull.add_argument
    add(
        "name",
        nargs="?",
        default="",
        metavar="NAME",
        help="a short name, owner/repo, owner/repo:Q8_0 or owner/repo/file.gguf",
    )
    instead = pull.add_mutually_exclusive_group()
    instead.add_argument(
        "--list", action="store_true", help="list what was pulled, and where it is"
    )
    instead.add_argument("--remove", action="store_true", help="delete NAME, or what came of it")
    add("--proxy", metavar="URL", help="http, https, socks5 or socks5h proxy to the hub")
    _add_config(pull)


def _add_faults(commands: Any) -> None:
    faults = commands.add_parser(
        "faults",
        help="start a service that fails on purpose",
        description="Answer on this machine as OpenAI, Anthropic, Gemini, Ollama, Cohere, Bedrock "
        "and chatbot-ui do, and fail as they do: the model's name says how. For trying what a "
        "gateway or an SDK makes of it.",
    )
    add = faults.add_argument
    add("--port", type=_port, default=8401, metavar="PORT", help="0: any free one; else 8401")
    add("--list", action="store_true", help="list every fault, and what is right to do about it")
    add(
        "--pace",
        type=_milliseconds,
        default=5,
        metavar="MS",
        help="milliseconds between two tokens; else 5",
    )
    add("--tls", nargs=2, metavar=("CERT", "KEY"), help="speak TLS, with these files")
    add("-v", "--verbose", action="store_true", help="log every question and every end")


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", metavar="FILE", help="instead of the penstock.toml found")


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return key, json.loads(value, parse_constant=_refuse)
    except ValueError:
        return key, value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON, though Python reads it")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _milliseconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 60_000):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of milliseconds, 0 to 60000")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return int(text)
