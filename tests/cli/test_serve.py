"""The gateway as a command."""

import json
import re
import shlex
import signal
import socket
import urllib.request
from pathlib import Path

import pytest

from raw import CHUNKED, STAY, Upstream, chunk, refused_port, say
from shell import Started, run

SERVE = ("serve", "--port", "0")


def address(started: Started) -> str:
    started.expect(b"listens on ")
    return started.expect(b"\n").decode()


def test_it_says_where_it_listens_who_answers_and_how_to_ask() -> None:
    with Started(*SERVE) as started:
        url = address(started)
        said = started.expect(b"Ctrl-C stops.\n").decode()
        assert "builtin/eliza answers:\nno model is configured" in said
        assert "penstock chat" in said
        command = said[said.index("curl") : said.index("Or chat")].replace("\\\n", " ")
        arguments = shlex.split(command)
        assert arguments[:3] == ["curl", "-N", f"{url}/v1/chat/completions"]
        assert ask(url, arguments[-1]).endswith(b"data: [DONE]\n\n")


def ask(url: str, body: str) -> bytes:
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", body.encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        answer: bytes = response.read()
        return answer


@pytest.mark.parametrize("behind_a_proxy", [False, True])
def test_hello_asks_it_through_its_own_socket_and_it_serves_on(behind_a_proxy: bool) -> None:
    proxy = f"http://127.0.0.1:{refused_port()}" if behind_a_proxy else ""
    with Started(*SERVE, "--hello", PENSTOCK_PROXY=proxy) as started:
        url = address(started)
        started.expect(b"\nyou: Men are all alike.\nbuiltin/eliza: IN WHAT WAY\n")
        body = {"model": "builtin/echo", "messages": [{"role": "user", "content": "still here"}]}
        assert b"still here" in ask(url, json.dumps(body))
        started.signal(signal.SIGTERM)
        assert started.end()[0] == 0


def test_hello_is_no_news_of_a_service(tmp_path: Path) -> None:
    status = tmp_path / "status.json"
    with Started(*SERVE, "--hello", PENSTOCK_STATUS=str(status)) as started:
        started.expect(b"IN WHAT WAY\n")
        started.signal(signal.SIGTERM)
        assert started.end()[0] == 0
    assert not status.exists()


def test_a_hello_that_fails_is_told_and_ends_nothing() -> None:
    with Started(*SERVE, "--hello", OPENAI_API_KEY="sk-x", PENSTOCK_OPENAI_BASE_URL="ftp://x") as s:
        url = address(s)
        s.expect(b"openai/gpt-5.4-mini: \n")
        with urllib.request.urlopen(f"{url}/health") as response:
            assert response.status == 200
        s.signal(signal.SIGTERM)
        code, _, err = s.end()
    assert code == 0
    assert b"base_url" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("without", [(), ("uvloop",)], ids=["uvloop", "asyncio"])
def test_a_signal_stops_it_cleanly(number: signal.Signals, without: tuple[str, ...]) -> None:
    with Started(*SERVE, without=without) as started:
        started.expect(b"Ctrl-C stops.\n")
        started.signal(number)
        code, out, err = started.end()
    assert (code, out) == (0, b"")
    assert err.startswith(b"penstock: stopping")
    assert err.count(b"\n") == 1


def test_a_second_signal_stops_it_at_once() -> None:
    with (
        Upstream([CHUNKED, chunk(say("Hello")), STAY]) as upstream,
        Started(*SERVE, PENSTOCK_OPENAI_COMPATIBLE_BASE_URL=upstream.url) as started,
        socket.create_connection(("127.0.0.1", int(address(started).rpartition(":")[2]))) as caller,
    ):
        messages = [{"role": "user", "content": "hi"}]
        body = json.dumps({"model": "openai-compatible/m", "stream": True, "messages": messages})
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        caller.sendall(f"{head.replace('x', '127.0.0.1')}\r\n{body}".encode())
        while b"Hello" not in caller.recv(2**16):
            pass
        started.signal(signal.SIGINT)
        assert started.process.stderr is not None
        assert started.process.stderr.readline().startswith(b"penstock: stopping")
        started.signal(signal.SIGINT)
        assert started.end()[0] == -signal.SIGINT


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org"])
def test_an_address_that_others_could_reach_is_refused(host: str) -> None:
    done = run("serve", "--host", host)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"loopback only" in done.stderr


def test_a_port_that_is_taken_is_a_callers_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = run("serve", "--port", str(port))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"choose another --port" in done.stderr


def test_the_config_says_where_it_listens_and_an_option_overrides_it(tmp_path: Path) -> None:
    config, port = tmp_path / "penstock.toml", refused_port()
    config.write_text(f"[gateway]\nhost = '127.0.0.2'\nport = {port}\n")
    with Started("serve", "--config", str(config)) as started:
        assert address(started) == f"http://127.0.0.2:{port}"
    with Started(*SERVE, "--host", "127.0.0.1", "--config", str(config)) as started:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address(started))


def test_an_ipv6_address_is_a_url_that_can_be_pasted() -> None:
    with Started(*SERVE, "--host", "::1") as started:
        url = address(started)
        assert url.startswith("http://[::1]:")
        with urllib.request.urlopen(f"{url}/health") as response:
            assert response.status == 200
