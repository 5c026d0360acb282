"""Which renderer the options and the terminal ask for."""

from __future__ import annotations

import os
import sys
from argparse import Namespace

from penstock.cli.rendering import JSONLines, PlainText, Renderer


def renderer(args: Namespace) -> Renderer:
    """The one that the options and the terminal ask for."""
    if args.json:
        return JSONLines()
    if args.plain or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return PlainText()
    try:
        from penstock.cli.markdown import MarkdownScreen
    except ModuleNotFoundError:  # rich comes with the extra
        return PlainText()
    return MarkdownScreen()
