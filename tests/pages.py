"""A page of documentation as a reader follows it: its examples run in order, in one folder.

What happens with a block stands in its language and in a comment above it:

    python                  runs; all of a page's run in one process
    sh                      its ``penstock``, ``curl`` and ``export`` commands run
    text after one of them  is what that one prints; ``…`` stands for anything
    <!-- file: PATH -->     is saved there
    <!-- source: PATH -->   stands word for word in that file of the repository
    <!-- exits: CODE -->    ends with that exit code
    <!-- not run: WHY -->   is only looked at

The gateway of the examples, 127.0.0.1:7360, is one of the reader's own on a free port: it starts at
``penstock serve``, or where it is first spoken of.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from penstock.cli import arguments
from served import clean_environment
from shell import Terminal

ROOT = Path(__file__).resolve().parent.parent
GATEWAY = "127.0.0.1:7360"
WITHIN = 20.0
"""Seconds until an example has failed."""

_BLOCK = re.compile(
    r"^(?P<marks>(?:<!-- [^\n]* -->\n)*)```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_MARK = re.compile(r"<!-- ([a-z ]+): (.*) -->")

# Runs what it is sent, line by line; what an example prints goes back, a traceback to stderr.
_PYTHON = """
import contextlib, io, json, os, sys
space = {"__name__": "__main__"}
for line in sys.stdin:
    environment, code = json.loads(line)
    os.environ.update(environment)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(compile(code, "<example>", "exec"), space)
    print(json.dumps(said.getvalue()), flush=True)
"""


@dataclass(frozen=True)
class Block:
    """A fenced block, with the comments above it."""

    language: str
    text: str
    marks: dict[str, str]
    line: int


def blocks(page: Path) -> list[Block]:
    """The page's fenced blocks, in order."""
    text = page.read_text("utf-8")
    return [
        Block(
            found["language"],
            found["text"],
            dict(_MARK.findall(found["marks"])),
            text.count("\n", 0, found.start("text")),
        )
        for found in _BLOCK.finditer(text)
    ]


class Reader:
    """Someone who follows a page in ``folder``, with nothing configured at the start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._exported: dict[str, str] = {}
        self._python: subprocess.Popen[str] | None = None
        self._gateways: list[subprocess.Popen[str]] = []
        self._address = ""
        self._said: str | None = None

    def follow(self, block: Block) -> None:
        """Do what the block says. Raises ``AssertionError`` where that does not work."""
        before, self._said = self._said, None
        match block:
            case Block(marks={"source": source}):
                assert block.text in (ROOT / source).read_text("utf-8"), f"{source} differs"
            case Block(language, marks={"not run": why}):
                assert why
                if language == "python":
                    compile(block.text, "<example>", "exec")
            case Block(marks={"file": name}):
                self._save(self.folder / name, block.text)
            case Block("python"):
                self._said = self._run_python(block.text)
            case Block("sh"):
                self._said = "".join(self._run_shell(block))
            case Block("text") if before is not None:
                _compare(before.replace(self._address or GATEWAY, GATEWAY), block.text)
            case Block("toml"):
                tomllib.loads(block.text)

    def _save(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._here(text), "utf-8")

    def _here(self, text: str) -> str:
        if GATEWAY in text and not self._address:
            self._serve("penstock serve")
        return text.replace(GATEWAY, self._address)

    def _run_python(self, code: str) -> str:
        if self._python is None:
            self._python = self._start([sys.executable, "-c", _PYTHON], stdin=subprocess.PIPE)
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        print(json.dumps([self._exported, self._here(code)]), file=self._python.stdin, flush=True)
        answer = self._python.stdout.readline()
        assert answer, f"the example failed:\n{code}\n{self._python.communicate()[1]}"
        said: str = json.loads(answer)
        return said

    def _run_shell(self, block: Block) -> Iterator[str]:
        for command in _commands(block.text):
            words = shlex.split(command)
            if words[0] == "export":
                name = words[1].partition("=")[0]
                self._exported[name] = self._run(f'{command}; echo "${name}"').stdout.strip()
            elif words[:2] == ["penstock", "serve"]:
                self._serve(command)
            elif words[:2] == ["penstock", "chat"] and _is_interactive(command):
                self._converse(words[1:])
            elif {"penstock", "curl"} & set(_programs(command)):
                done = self._run(command)
                expected = int(block.marks.get("exits", 0))
                assert done.returncode == expected, f"{command}\n{done.stdout}\n{done.stderr}"
                yield done.stdout

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", self._here(command)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self._environment(),
            timeout=WITHIN,
        )

    def _serve(self, command: str) -> None:
        gateway = self._start(["sh", "-c", f"exec {command} --port 0"])
        self._gateways.append(gateway)
        assert gateway.stdout is not None
        found = (re.search(r"127\.0\.0\.1:\d+", line) for line in gateway.stdout)
        address = next((match for match in found if match), None)
        assert address, f"{command} ended: {gateway.communicate()[1]}"
        self._address = address[0]

    def _converse(self, words: list[str]) -> None:
        with Terminal(*words, folder=self.folder, without=(), **self._exported) as terminal:
            terminal.expect(">")
            terminal.type("/exit\r")
            assert terminal.end()[0] == 0

    def _start(self, command: list[str], stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self._environment(),
        )

    def _environment(self) -> dict[str, str]:
        return {
            **clean_environment(),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "PENSTOCK_STATUS": str(self.folder / "status.json"),
            "PYTHONWARNINGS": "error",
            **self._exported,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        for process in self._gateways:
            process.terminate()
            process.communicate(timeout=WITHIN)
        if self._python is not None:
            _, complaints = self._python.communicate(timeout=WITHIN)
            assert kind is not None or not complaints, complaints


def _commands(text: str) -> Iterator[str]:
    """Whole commands, over as many lines as their quotes and backslashes hold together."""
    command = ""
    for line in text.splitlines(keepends=True):
        command += line
        try:
            words = shlex.split(command, comments=True)
        except ValueError:  # a quote is open
            continue
        if not command.endswith("\\\n"):
            if words:
                yield command.strip()
            command = ""
    assert not command, f"not a whole command: {command}"


def _programs(command: str) -> Iterator[str]:
    """The programs that a command runs, those of its pipes too."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    begins = True
    for word in map(str, lexer):
        if set(word) <= set("|&;"):
            begins = True
        elif begins and "=" not in word:
            begins = False
            yield word


def _is_interactive(command: str) -> bool:
    words = shlex.split(command, comments=True)
    return not {"|", "<", ">"} & set(words) and not arguments.parse(words[1:]).prompt


def _compare(said: str, expected: str) -> None:
    said, expected = ("\n".join(map(str.rstrip, text.splitlines())) for text in (said, expected))
    pattern = ".*?".join(map(re.escape, expected.rstrip().split("…")))
    found = re.fullmatch(pattern, said.rstrip(), re.DOTALL)
    assert found, f"it should print\n{expected}\nand prints\n{said}"
