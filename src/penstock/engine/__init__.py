"""Runs GGUF files with llama.cpp, each in a child process that holds nothing worth stealing.

Engines    which models are loaded, who uses them, and when they go (engines.py)
Model      a file and how it is to be run (model.py)
Engine     one child: its address, its key, how it ended (process.py)
installed  whether there is a llama.cpp
child.py   what runs in the child; imports nothing of penstock
"""

from penstock.engine.engines import Engines
from penstock.engine.installed import INSTALL, is_installed
from penstock.engine.model import CONTEXT, SLOTS, Model
from penstock.engine.process import Engine

__all__ = ["CONTEXT", "INSTALL", "SLOTS", "Engine", "Engines", "Model", "is_installed"]
