"""What runs in the child process: llama.cpp's server for one model, and nothing else.

stdin says what to load, in one line of JSON; stdout answers with the port, or why not; when stdin
ends, because the parent has, so does this process. It is run as a file and imports nothing of
penstock: a model file is other people's data for a parser in C++ that has had its holes.
"""

import importlib
import json
import os
import signal
import sys
from typing import Any

_SHOWN = 2000
"""Characters of an error: the parent reads no more than 64 KiB, and JSON may write one as six."""


def main() -> None:
    told = json.loads(sys.stdin.buffer.readline())
    answer = _keep_stdout()
    _leave_no_core()
    _end_with_the_parent()
    sys.path.append(told["packages"])
    try:
        xllamacpp = importlib.import_module("xllamacpp")
        start, parameters = xllamacpp.Server, _parameters(xllamacpp.CommonParams(), told)
    except BaseException as error:  # a package that is broken raises anything, SystemExit too
        _say(answer, {"unusable": _in_words(error)})
        return
    try:
        server = start(parameters)
    except RuntimeError:  # what llama.cpp has written to stderr says more
        sys.exit(1)
    _say(answer, {"port": int(server.listening_address.rpartition(":")[2])})
    sys.stdin.buffer.read()
    os._exit(0)  # llama.cpp's own end waits for the answers that are under way


def _parameters(parameters: Any, told: dict[str, Any]) -> Any:
    parameters.model.path = told["path"]
    parameters.model_alias = {told["name"]}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [told["key"]]
    parameters.cors_origins = ""
    parameters.ui = parameters.endpoint_slots = False
    parameters.endpoint_props = parameters.endpoint_metrics = False
    parameters.n_ctx = told["context"] * told["slots"]
    parameters.n_batch = parameters.n_ubatch = told["batch"]
    parameters.embedding = told["embeds"]
    parameters.n_parallel = told["slots"]
    parameters.kv_unified = False  # shared, one conversation too long would end all of them
    parameters.cache_ram_mib = told["cache"]
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = told["threads"]
    parameters.warmup = False
    parameters.verbosity = 1
    return parameters


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:_SHOWN]


def _keep_stdout() -> int:
    """A descriptor for our answer alone; whatever else is printed goes to stderr."""
    answer = os.dup(1)
    os.dup2(2, 1)
    return answer


def _say(answer: int, what: dict[str, Any]) -> None:
    os.write(answer, json.dumps(what).encode() + b"\n")
    os.close(answer)


def _leave_no_core() -> None:
    """A crash must not write what people said to the disk."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with_the_parent() -> None:
    """While a model loads no Python runs here (xllamacpp keeps the interpreter's lock), so nobody
    reads stdin: have Linux send a signal, which ends us, when it is closed. Elsewhere the end of
    the loading is the end."""
    if sys.platform == "linux":
        import fcntl

        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


if __name__ == "__main__":
    main()
