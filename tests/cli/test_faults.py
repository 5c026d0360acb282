"""The service that fails on purpose, as a command."""

import json
import shlex
import signal
import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from penstock.faults import FAULTS, TEXT
from penstock.faults.failoverbench import NAMES
from shell import Started, Terminal, run

FAULTS_COMMAND = ("faults", "--port", "0", "--pace", "0")


def address(started: Started) -> str:
    started.expect(b"listens on ")
    return started.expect(b"\n").decode()


def ask(url: str, body: str, context: ssl.SSLContext | None = None) -> bytes:
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", body.encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, context=context) as response:
        answer: bytes = response.read()
        return answer


def test_it_says_where_it_listens_and_how_to_ask() -> None:
    with Started(*FAULTS_COMMAND) as started:
        url = address(started)
        said = started.expect(b"Ctrl-C stops.\n").decode()
        assert "penstock faults --list" in said
        command = said[said.index("curl") :].replace("\\\n", " ")
        arguments = shlex.split(command)
        assert arguments[:3] == ["curl", "-N", f"{url}/v1/chat/completions"]
        body = json.loads(arguments[-1])
        assert body["model"] == "cut-40"
        # The cut is one that urllib sees, and what came before it is there.
        with pytest.raises(Exception, match="IncompleteRead"):
            ask(url, arguments[-1])
        whole = {**body, "model": "ok", "stream": False}
        answer = json.loads(ask(url, json.dumps(whole)))
        assert answer["choices"][0]["message"]["content"] == TEXT


def test_the_list_has_a_line_for_every_fault() -> None:
    done = run("faults", "--list")
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert len(lines) == len(FAULTS) + len(NAMES)
    assert [line.split()[0] for line in lines[: len(FAULTS)]] == [
        fault.usage for fault in FAULTS.values()
    ]
    assert all(" | right: " in line for line in lines)


def test_at_a_terminal_the_list_fits_it(tmp_path: Path) -> None:
    with Terminal("faults", "--list", folder=tmp_path) as terminal:
        _, shown = terminal.end()
    lines = shown.splitlines()
    assert max(map(len, lines)) < 80
    assert [line.split()[0] for line in lines if line[:1].strip()] == [
        *(fault.usage for fault in FAULTS.values()),
        *NAMES,
    ]
    assert sum(line.lstrip().startswith("right: ") for line in lines) == len(FAULTS) + len(NAMES)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("without", [(), ("uvloop",)], ids=["uvloop", "asyncio"])
def test_a_signal_stops_it_cleanly_amid_an_answer(
    number: signal.Signals, without: tuple[str, ...]
) -> None:
    with Started(*FAULTS_COMMAND, without=without) as started:
        port = int(address(started).rpartition(":")[2])
        started.expect(b"Ctrl-C stops.\n")
        with socket.create_connection(("127.0.0.1", port)) as caller:
            body = b'{"model": "stall-3", "stream": true}'
            head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
            caller.sendall(head % len(body) + body)
            while b"t02" not in caller.recv(2**16):
                pass
            if number == signal.SIGINT:
                started.interrupt()
            else:
                started.signal(number)
            code, out, err = started.end()
    assert (code, out, err) == (0, b"", b"penstock: stopping\n")


@pytest.mark.parametrize("without", [(), ("uvloop",)], ids=["uvloop", "asyncio"])
def test_fin_and_rst_are_what_they_say_on_any_loop(without: tuple[str, ...]) -> None:
    with Started(*FAULTS_COMMAND, without=without) as started:
        port = int(address(started).rpartition(":")[2])
        assert _end_of(port, "cut-3") == "FIN"
        assert _end_of(port, "rst-3") == "RST"
        assert _end_of(port, "reset") == "RST"
        assert _end_of(port, "hangup") == "FIN"


def _end_of(port: int, model: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        body = b'{"model": "%b", "stream": true}' % model.encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
        caller.sendall(head % len(body) + body)
        try:
            while caller.recv(2**16):
                pass
        except ConnectionResetError:
            return "RST"
        return "FIN"


def test_it_logs_what_was_asked() -> None:
    with Started(*FAULTS_COMMAND, "-v") as started:
        url = address(started)
        with pytest.raises(urllib.error.HTTPError):
            ask(url, '{"model": "503"}')
        started.interrupt()
        code, _, err = started.end()
    assert code == 0
    assert b"POST /v1/chat/completions: 503, whole" in err


def test_it_speaks_tls_with_a_certificate_and_a_key(tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(context)
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    files = ("--tls", str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    with Started(*FAULTS_COMMAND, *files) as started:
        url = address(started)
        assert url.startswith("https://")
        assert b"t59" in ask(url, '{"model": "ok"}', context)


def test_files_that_are_no_certificate_are_a_callers_error(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    for name, why in (("empty", "in PEM"), ("missing", "no file"), (".", "is a directory")):
        path = str(tmp_path / name)
        done = run(*FAULTS_COMMAND, "--tls", path, path)
        assert (done.returncode, done.stdout) == (2, b"")
        assert why in done.stderr.decode()
        assert path in done.stderr.decode()


def test_a_key_of_another_certificate_or_one_that_is_locked_is_told_of(tmp_path: Path) -> None:
    authority = trustme.CA()
    first, second = authority.issue_cert("127.0.0.1"), authority.issue_cert("127.0.0.1")
    certificate, key, locked = (str(tmp_path / name) for name in ("cert", "key", "locked"))
    first.cert_chain_pems[0].write_to_path(certificate)
    second.private_key_pem.write_to_path(key)
    secret = load_pem_private_key(first.private_key_pem.bytes(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    Path(locked).write_bytes(secret)
    for wrong, why in ((key, "is not the key of"), (locked, "is encrypted")):
        done = run(*FAULTS_COMMAND, "--tls", certificate, wrong)
        assert (done.returncode, done.stdout) == (2, b"")
        assert f"{wrong} {why}" in done.stderr.decode()


def test_a_port_that_is_taken_is_a_callers_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = run("faults", "--port", str(port))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"choose another --port" in done.stderr


@pytest.mark.parametrize("wrong", ["--pace -1", "--pace x", "--pace 60001", "--port 65536", "x"])
def test_a_wrong_option_is_refused(wrong: str) -> None:
    assert run("faults", *wrong.split()).returncode == 2
