"""A service that fails on purpose, in any protocol, on one socket: ``penstock faults``.

script.py         what is done on a connection, step by step
answers.py        the answer that is always given: sixty words, in any protocol's bytes
events.py         a stream's bytes taken apart into events; http.py heads and chunks
endings.py        answers that begin well and end badly; contents.py those with bad bytes in them,
                  forms.py with odd ones, framing.py with bad HTTP, statuses.py those that fail by
                  their status
table.py          name -> fault; failoverbench.py the names of others; choice.py what a name asks
                  for
reading.py        requests out of bytes; paths.py which protocol a path speaks, questions.py what
                  is asked; listing.py what there is
connection.py     one connection; server.py the service
"""

from __future__ import annotations

from penstock.faults.answers import TEXT, WORDS, Answer
from penstock.faults.connection import Connection, Left
from penstock.faults.reading import Request
from penstock.faults.script import (
    FIN,
    RST,
    STAY,
    Bytewise,
    Drip,
    Flood,
    Repeat,
    Script,
    Step,
    Wait,
)
from penstock.faults.server import Play, Server, serve
from penstock.faults.table import FAULTS, Fault

__all__ = [
    "FAULTS",
    "FIN",
    "RST",
    "STAY",
    "TEXT",
    "WORDS",
    "Answer",
    "Bytewise",
    "Connection",
    "Drip",
    "Fault",
    "Flood",
    "Left",
    "Play",
    "Repeat",
    "Request",
    "Script",
    "Server",
    "Step",
    "Wait",
    "serve",
]
