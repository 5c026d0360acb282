"""One question, one answer."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from raw import (
    CHUNKED,
    DONE,
    FIN,
    LAST,
    STAY,
    Gate,
    Script,
    Upstream,
    chunk,
    head,
    refused_port,
    say,
)
from raw import spoken as answer
from shell import COMMAND, EXTRAS, Started, Terminal, environment, run

ECHO = ("chat", "-m", "builtin/echo")


def sent(upstream: Upstream, n: int = 0) -> Any:
    """The JSON body of a request that has arrived."""
    connection = upstream.asked(n).result(5)
    return json.loads(connection.requests[-1].partition(b"\r\n\r\n")[2])


def test_the_answer_is_written_while_it_comes() -> None:
    gate = Gate()
    script: Script = [
        CHUNKED,
        chunk(say("Hello, ")),
        gate,
        chunk(say("world", "stop") + DONE),
        LAST,
    ]
    with Upstream(script) as upstream, Started("chat", "hi", "--base-url", upstream.url) as started:
        assert started.expect(b"Hello, ") == b""
        gate.open()
        assert started.end() == (0, b"world\n", b"")


@pytest.mark.parametrize(
    ("args", "stdin", "asked"),
    [
        (("how", "are", "you"), b"", b"how are you"),
        ((), b"from the pipe", b"from the pipe"),
        (("summarise",), b"a file\n", b"summarise\n\na file"),
        (("summarise",), b" \n", b"summarise"),
    ],
)
def test_what_is_piped_in_is_the_question_or_is_added_to_it(
    args: tuple[str, ...], stdin: bytes, asked: bytes
) -> None:
    done = run(*ECHO, *args, stdin=stdin)
    assert (done.returncode, done.stdout, done.stderr) == (0, asked + b"\n", b"")


def test_a_question_that_is_not_asked_is_a_callers_error() -> None:
    done = run("chat")
    assert done.returncode == 2
    assert done.stderr.startswith(b"penstock: nothing is asked")
    done = run("chat", stdin=b"\xff\xfe")
    assert done.returncode == 2
    assert b"UTF-8" in done.stderr


def test_eliza_says_that_it_is_she_who_answers() -> None:
    done = run("chat", "Men are all alike.", without=EXTRAS)
    assert done.stdout == b"IN WHAT WAY\n"
    told = b"ELIZA (1966) answers, no model is set up: see `penstock providers`\n"
    assert done.stderr == told


def test_a_named_model_needs_no_introduction() -> None:
    assert run("chat", "-m", "builtin", "Men are all alike.").stderr == b""


def test_a_pipe_gets_every_character_as_it_came() -> None:
    text = "\x1b[31mred\x07 \N{SNOWMAN} # no *Markdown*\n\n\n"
    assert run(*ECHO, stdin=text.encode()).stdout == text.encode()


def test_an_encoding_that_lacks_a_character_gets_a_question_mark() -> None:
    done = run(
        *ECHO, stdin="gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n".encode(), PYTHONIOENCODING="ascii"
    )
    assert done.stdout == b"gr?n\n"


@pytest.mark.parametrize("without", [(), EXTRAS])
def test_a_terminal_gets_nothing_that_would_steer_it(
    without: tuple[str, ...], tmp_path: Path
) -> None:
    with Terminal(*ECHO, "a\x1b]0;title\x07b", folder=tmp_path, without=without) as terminal:
        code, shown = terminal.end()
    assert code == 0
    assert "a\N{SYMBOL FOR ESCAPE}]0;title\N{SYMBOL FOR BELL}b" in shown


def test_every_event_is_a_line_of_json() -> None:
    done = run(*ECHO, "--json", "one two")
    start, one, two, finish = map(json.loads, done.stdout.splitlines())
    assert start == {"type": "start", "id": "", "model": "builtin/echo"}
    assert one["type"] == two["type"] == "text_delta"
    assert one["text"] + two["text"] == "one two"
    assert finish["type"] == "finish"
    assert finish["reason"] == "stop"
    assert finish["usage"]["provenance"] == "estimated"


def test_a_tool_call_and_reasoning_are_lines_of_json_too() -> None:
    call = {"index": 0, "id": "c1", "function": {"name": "clock", "arguments": "{}"}}
    deltas = [{"reasoning_content": "hm"}, {"tool_calls": [call]}]
    events = [
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"
        for delta in deltas
    ]
    script = [CHUNKED, *map(chunk, events), chunk(say("", "tool_calls") + DONE), LAST]
    with Upstream(script) as upstream:
        done = run("chat", "--json", "hi", "--base-url", upstream.url)
    types = [json.loads(line)["type"] for line in done.stdout.splitlines()]
    assert types == ["start", "reasoning_delta", "tool_call_start", "tool_call_delta", "finish"]
    assert b"asks for a tool" in done.stderr


def test_a_cut_answer_shows_what_came_and_then_fails() -> None:
    with Upstream([CHUNKED, chunk(say("half an")), FIN]) as upstream:
        done = run("chat", "hi", "--base-url", upstream.url)
    assert (done.returncode, done.stdout) == (1, b"half an\n")
    assert done.stderr.startswith(b"penstock: ")
    assert done.stderr.count(b"\n") == 1


def test_a_cut_answer_is_an_error_event_in_json() -> None:
    done = run(*ECHO, "--json", "-o", "fault=cut", "-o", "after=1", "one two")
    *_, word, error = map(json.loads, done.stdout.splitlines())
    assert word["text"] == "one "
    message = "echo was asked to cut the stream"
    assert error == {"type": "error", "error": "stream_truncated", "message": message}
    assert (done.returncode, done.stderr) == (1, f"penstock: {message}\n".encode())


def test_a_service_that_fails_exits_with_1_and_a_caller_who_errs_with_2() -> None:
    base = f"http://127.0.0.1:{refused_port()}"
    assert run("chat", "hi", "--base-url", base).returncode == 1
    with Upstream([head("401 Unauthorized", "application/json", content_length=2), b"{}"]) as up:
        assert run("chat", "hi", "--base-url", up.url).returncode == 2
    for wrong in (
        ("-m", "nobody/knows"),
        ("-m", "openai"),
        ("--config", "missing.toml"),
        ("-o", "model=x"),
        ("-o", "api_key=x"),
        ("-o", "transport=x"),
        ("-o", "self=x"),
        ("--base-url", "ftp://x"),
    ):
        done = run("chat", "hi", *wrong)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.startswith(b"penstock: ")
        assert b"Traceback" not in done.stderr


def test_options_and_the_system_message_reach_the_service() -> None:
    with Upstream(answer("ok")) as upstream:
        base = ("--base-url", upstream.url)
        done = run("chat", *base, "-m", "qwen3", "-s", "Be brief.", "-o", "temperature=0.5", "hi")
        assert done.stdout == b"ok\n"
        body = sent(upstream)
    assert body["model"] == "qwen3"
    assert body["stream"] is True
    assert body["temperature"] == 0.5
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_no_stream_asks_for_the_whole_answer() -> None:
    message = {"role": "assistant", "content": "all of it"}
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    body = json.dumps(whole).encode()
    script = [head(content_type="application/json", content_length=len(body)), body]
    with Upstream(script) as upstream:
        done = run("chat", "--no-stream", "--base-url", upstream.url, "hi")
        assert not sent(upstream).get("stream")
    assert (done.returncode, done.stdout) == (0, b"all of it\n")


def test_the_proxy_is_asked_instead_of_the_service() -> None:
    with Upstream(answer("by proxy")) as proxy:
        done = run("chat", "--proxy", proxy.url, "--base-url", "http://service.invalid/v1", "hi")
        request = proxy.asked().result(5).requests[0]
    assert request.startswith(b"POST http://service.invalid/v1/chat/completions ")
    assert done.stdout == b"by proxy\n"


def test_the_timeout_is_for_the_whole_answer() -> None:
    with Upstream([CHUNKED, chunk(say("a")), STAY]) as upstream:
        done = run("chat", "--timeout", "0.3", "--base-url", upstream.url, "hi")
    assert (done.returncode, done.stdout) == (1, b"a\n")
    assert b"0.3 s" in done.stderr


def test_the_config_says_which_model_answers(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('default = "builtin/echo"')
    assert run("chat", "--config", str(config), "hi").stdout == b"hi\n"
    assert run("chat", "hi", PENSTOCK_CONFIG=str(config)).stdout == b"hi\n"


def test_an_answer_that_is_not_whole_says_so() -> None:
    done = run(*ECHO, "-o", "max_tokens=1", "one two")
    assert (done.returncode, done.stdout) == (0, b"one \n")
    assert b"not whole" in done.stderr
    filtered = [CHUNKED, chunk(say("a") + say("", "content_filter") + DONE), LAST]
    with Upstream(filtered) as upstream:
        done = run("chat", "--base-url", upstream.url, "hi")
    assert b"filtered" in done.stderr


def test_how_it_ended_and_what_it_used_is_told_when_asked_for() -> None:
    done = run(*ECHO, "-v", "one two")
    assert done.stdout == b"one two\n"
    finish = b"finish: stop; model: builtin/echo; "
    assert done.stderr == finish + b"tokens: input 2, output 2, total 4 (estimated)\n"


@pytest.mark.parametrize("without", [(), ("uvloop",)])
def test_an_interrupt_closes_the_connection_and_exits_with_130(without: tuple[str, ...]) -> None:
    with (
        Upstream([CHUNKED, chunk(say("Hello")), STAY]) as upstream,
        Started("chat", "hi", "--base-url", upstream.url, without=without) as started,
    ):
        started.expect(b"Hello")
        started.interrupt()
        upstream.asked().result(5).closed.result(5)
        assert started.end() == (130, b"\n", b"penstock: stopped\n")


def test_a_reader_who_leaves_hears_no_complaint(tmp_path: Path) -> None:
    text = "line\n" * 100_000
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [*COMMAND, *ECHO],
        stdin=subprocess.PIPE,
        stdout=writer,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(tmp_path),
    )
    os.close(writer)
    assert process.stdin is not None
    process.stdin.write(text.encode())
    process.stdin.close()
    assert os.read(reader, 5) == b"line\n"
    os.close(reader)
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(10) == 0


def test_an_answer_that_cannot_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    for args in (ECHO, (*ECHO, "--json"), ("providers",), ("models", "-l")):
        with open("/dev/full", "wb") as full:  # noqa: PTH123 - no file
            done = subprocess.run(
                [*COMMAND, *args, *(["hi"] if args[0] == "chat" else [])],
                stdin=subprocess.DEVNULL,
                stdout=full,
                stderr=subprocess.PIPE,
                cwd=tmp_path,
                env=environment(tmp_path),
            )
        told = b"penstock: the answer cannot be written: no space left on device\n"
        assert (done.returncode, done.stderr) == (1, told)


def test_no_python_is_told_at_a_terminal() -> None:
    assert run("chat", "-m", "openai", "hi").stderr == (
        b"penstock: openai needs a key: set OPENAI_API_KEY\n"
    )
    assert run("chat", "-m", "azure", "hi").stderr == (
        b"penstock: azure needs an address: set AZURE_OPENAI_ENDPOINT, or PENSTOCK_AZURE_BASE_URL\n"
    )
    assert run("chat", "-m", "openai-compatible/x", "hi").stderr == (
        b"penstock: openai-compatible needs an address that begins with http:// or https://: "
        b"set PENSTOCK_OPENAI_COMPATIBLE_BASE_URL\n"
    )


def test_an_engine_that_does_not_run_is_told_so() -> None:
    place = f"127.0.0.1:{refused_port()}"
    done = run("chat", "-m", "ollama/qwen3", "hi", OLLAMA_HOST=place, PENSTOCK_DISCOVERY="0")
    assert done.returncode == 1
    assert done.stderr.startswith(b"penstock: ollama does not run: ")
    assert done.stderr.endswith(b"; start it, or set PENSTOCK_OLLAMA_BASE_URL to where it is\n")
    said = run("chat", "-m", "ollama/qwen3", "hi", PENSTOCK_OLLAMA_BASE_URL=f"http://{place}")
    assert b"no connection to" in said.stderr


def test_plain_is_bare_text_on_a_terminal(tmp_path: Path) -> None:
    with Terminal(*ECHO, "--plain", "some *bold* text", folder=tmp_path) as terminal:
        assert terminal.end() == (0, "some *bold* text\r\n")


def test_markdown_is_rendered_on_a_terminal_with_rich(tmp_path: Path) -> None:
    with Terminal(*ECHO, "some *bold* text", folder=tmp_path) as terminal:
        code, shown = terminal.end()
    assert code == 0
    assert "*" not in shown
    assert "\x1b[3mbold\x1b[0m" in shown


def test_without_rich_a_terminal_gets_bare_text(tmp_path: Path) -> None:
    with Terminal(*ECHO, "some *bold* text", folder=tmp_path, without=("rich",)) as terminal:
        assert terminal.end() == (0, "some *bold* text\r\n")
