"""A real llama.cpp server for tests, in a process of its own, on a free loopback port.

    with llama_server(tiny_gguf.write(folder / "tiny.gguf")) as server:
        provider = OpenAICompatible(base_url=server.url, api_key=server.key)

It is llama.cpp's own HTTP listener, out of the package xllamacpp: chat with streams, tools and
grammars, ``/completions``, ``/embeddings`` (of the mean of the tokens), ``/metrics``.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

KEY = "sk-of-the-test"
"""What the server wants to be shown."""


class Server(NamedTuple):
    """Where it listens: ``url`` ends in ``/v1``; ``pid`` is the server's process."""

    url: str
    key: str
    pid: int


@contextmanager
def llama_server(model: Path, *, context: int = 4096, slots: int = 2) -> Iterator[Server]:
    """The server, from when it listens until the block ends."""
    told = {"path": str(model), "context": context, "slots": slots}
    with subprocess.Popen(
        [sys.executable, __file__, json.dumps(told)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, f"llama.cpp ended with {process.wait()} before it listened"
            yield Server(f"{address}/v1", KEY, process.pid)
        finally:
            process.kill()


def main(told: dict[str, Any]) -> None:
    xllamacpp = importlib.import_module("xllamacpp")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = told["path"]
    parameters.model_alias = {"tiny"}
    parameters.hostnames = ["127.0.0.1"]
    parameters.api_keys = [KEY]
    parameters.ui = parameters.warmup = False
    parameters.endpoint_metrics = True
    parameters.embedding = True
    parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    parameters.n_ctx = told["context"] * told["slots"]
    parameters.n_parallel = told["slots"]
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
