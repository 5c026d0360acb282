"""Laws that hold for every fault, in every protocol."""

from __future__ import annotations

import pytest

from faults.caller import PROTOCOLS, ask
from pages import ROOT
from penstock.faults import FAULTS, Fault, Step, serve
from penstock.faults.answers import make
from penstock.faults.failoverbench import NAMES
from penstock.faults.listing import text
from penstock.protocols import Protocol
from penstock.types import ChatRequest

each_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda each: each.name)
each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda each: each.name)
SILENT = {"silent", "hangup", "reset"}
MINIMAL = {
    "silent",
    "hangup",
    "reset",
    "headers",
    "stall",
    "drip",
    "pings",
    "slow",
    "endless",
    "hints",
}


@each_fault
def test_a_fault_says_what_it_does_and_what_is_right(fault: Fault) -> None:
    (line,) = (line for line in text().splitlines() if line.startswith(fault.usage + " "))
    assert fault.does in line
    assert fault.right in line
    assert not fault.does.endswith(".")


@each_protocol
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_every_fault_has_a_script_in_every_protocol(protocol: Protocol, stream: bool) -> None:
    answer = make(protocol, ChatRequest(model="m", stream=stream))
    for fault in FAULTS.values():
        script = fault.script(answer, *(number.usual for number in fault.numbers))
        assert script is None or all(isinstance(step, bytes | Step) for step in script), fault.name
        assert script is None or sum(len(s) for s in script if isinstance(s, bytes)) < 2**20


@each_fault
async def test_every_fault_is_played_on_a_socket(fault: Fault) -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, fault.example, most=2**18)
        assert heard.end in ("FIN", "RST", "more", "silence")
        assert (heard.end == "silence") == (
            fault.name in MINIMAL - {"hangup", "reset", "endless", "hints"}
        )
        assert bool(heard.raw) == (fault.name not in SILENT)
        assert (await ask(server, "ok")).is_whole  # it lives on


def test_the_page_has_every_fault_as_the_table_has() -> None:
    said = (ROOT / "docs" / "faults.md").read_text("utf-8")
    for fault in FAULTS.values():
        assert f"| `{fault.usage}` | {fault.does} | {fault.right} |\n" in said
    for name, ours in NAMES.items():
        assert f"| `{name}` | `{ours}` |\n" in said
