"""The founding documents' own examples run again, over the gateway; and their class drops in.

The documents are read where they lie: ``PENSTOCK_SEEDS``, else ``../shared/seeds`` beside the
repository.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock import AsyncClient
from penstock.config import Config
from penstock.providers.builtin.eliza import converse
from served import clean_environment, gateway

HERE = Path(__file__).resolve().parent
SEEDS = Path(os.environ.get("PENSTOCK_SEEDS") or HERE.parent.parent / "shared" / "seeds")

# The only thing changed in an example: where its imports come from.
IMPORTS = {
    r"from \S*\.CodeLinkAva import CodeLinkAva": "from penstock import CodeLinkAva",
    r"from \S*\.Aivvm import Aivvm": "from penstock import Aivvm",
    r"from \S*\.Aura import Aura": "from penstock import Aura",
    r"from \S*\.typing import Messages": "from penstock import Messages",
    r"from \.\.\.typing import AsyncGenerator": "from typing import AsyncGenerator",
    r"from \.\.base_provider import": "from penstock import",
}


def document(number: str) -> str:
    found = list(SEEDS.glob(f"{number}_*.txt"))
    if not found:
        if os.environ.get("CI"):
            pytest.fail(f"the founding documents are not at {SEEDS}, and CI must have them")
        pytest.skip(f"the founding documents are not at {SEEDS}: set PENSTOCK_SEEDS")
    return found[0].read_text("utf-8")


def blocks(number: str) -> list[str]:
    """The document's code blocks; the last one may lack its closing fence."""
    text = document(number)
    return [
        block.strip("\n") for block in re.findall(r"```python\n(.*?)(?:```|\Z)", text, re.DOTALL)
    ]


def mapped(code: str) -> str:
    for old, new in IMPORTS.items():
        code = re.sub(old, new, code)
    return code


def examples(number: str) -> list[str]:
    """The blocks that ask something, ready to run; a coroutine nobody calls is called."""
    found = [mapped(b) for b in blocks(number) if "messages" in b and "class " not in b]
    return [code for code in found if not re.match(r"\s*@classmethod", code)]


def runnable(code: str) -> str:
    """An example that only defines its coroutine, or says how to run it in a comment, is run."""
    if "import" not in code:
        code = "from penstock import CodeLinkAva\n" + code
    if re.search(r"^\s*asyncio\.run\(", code, re.MULTILINE) or "async def" not in code:
        return code
    name = re.findall(r"async def (\w+)\(\)", code)[0]
    return f"{code}\nimport asyncio\nasyncio.run({name}())\n"


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with gateway() as address:
        yield address


def pointed_at(address: str) -> dict[str, str]:
    names = ("codelink-ava", "aivvm", "aura")
    return {
        f"PENSTOCK_{name.upper().replace('-', '_')}_BASE_URL": f"{address}/{name}" for name in names
    }


@pytest.mark.parametrize("number", ["000", "001", "003", "004"])
def test_every_example_prints_streamed_text(number: str, served: str) -> None:
    found = examples(number)
    assert len(found) == (2 if number == "003" else 1)
    for code in found:
        run = subprocess.run(
            [sys.executable, "-W", "error", "-c", runnable(code)],
            capture_output=True,
            text=True,
            env={**clean_environment(), **pointed_at(served)},
            timeout=30,
        )
        assert run.stderr == ""
        # Some examples print a line per chunk: white space apart, it is DOCTOR's answer.
        assert run.stdout.split() == converse(re.findall(r'"content": "(.*)"', code)).split()


def test_the_examples_answers_come_in_several_chunks(served: str) -> None:
    (code,) = examples("004")
    counted = code.replace('print(chunk, end="")', "print(repr(chunk))")
    run = subprocess.run(
        [sys.executable, "-c", counted],
        capture_output=True,
        text=True,
        env={**clean_environment(), **pointed_at(served)},
        check=True,
        timeout=30,
    )
    assert len(run.stdout.splitlines()) > 1


def mended_class(address: str) -> str:
    """Document 002's class: broken line ends mended, imports mapped, its URLs pointed here."""
    (code,) = blocks("002")
    code = mapped(code.replace("\\n", "\n"))
    code = code.replace("https://ava-alpha-api.codelink.io", f"{address}/codelink-ava")
    return code.replace("https://ava-ai-ef611.web.app", address)


@pytest.fixture
def old_class(tmp_path: Path, served: str) -> Path:
    (tmp_path / "old_ava.py").write_text(mended_class(served))
    return tmp_path


async def test_the_old_class_drops_in_as_a_users_own_provider(old_class: Path) -> None:
    client = AsyncClient(config=Config(providers_folder=str(old_class)))
    assert "old-ava" in client.catalog.names()
    reply = await client.chat("Men are all alike.", "old-ava/gpt-3.5-turbo")
    assert reply.text == "IN WHAT WAY"
    stream = client.stream("Men are all alike.", "old-ava/gpt-3.5-turbo")
    assert [str(event) for event in [e async for e in stream] if str(event)] == [
        "IN ",
        "WHAT ",
        "WAY",
    ]


def test_the_old_class_answers_at_the_command_line(old_class: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "penstock", "chat", "-m", "old-ava/x", "Men are all alike."],
        capture_output=True,
        text=True,
        env={**clean_environment(), "PENSTOCK_PROVIDERS": str(old_class)},
        timeout=30,
        check=True,
    )
    assert run.stdout == "IN WHAT WAY\n"


def test_the_old_class_answers_behind_the_gateway(old_class: Path) -> None:
    with gateway(environment={"PENSTOCK_PROVIDERS": str(old_class)}) as address:
        question = {"model": "old-ava/x", "messages": [{"role": "user", "content": "Hello"}]}
        request = urllib.request.Request(
            f"{address}/v1/chat/completions",
            json.dumps(question).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            said = json.load(answer)["choices"][0]["message"]["content"]
    assert said == "HOW DO YOU DO. PLEASE STATE YOUR PROBLEM"
