"""A conversation at a real terminal, with and without the packages that make it prettier."""

import json
import signal
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from raw import CHUNKED, FIN, STAY, Connection, Gate, Step, Upstream, chunk, say
from raw import spoken as answer
from shell import EXTRAS, Terminal

UP, CTRL_D = "\x1b[A", "\x04"
ECHO = ("chat", "-m", "builtin/echo")

with_and_without_extras = pytest.mark.parametrize("without", [(), EXTRAS], ids=["extras", "bare"])


def asked(upstream: Upstream, n: int) -> list[tuple[str, str]]:
    """The turns that a request holds."""
    body = upstream.asked(n).result(5).requests[-1].partition(b"\r\n\r\n")[2]
    messages: list[dict[str, Any]] = json.loads(body)["messages"]
    return [(message["role"], message["content"]) for message in messages]


def history(folder: Path) -> Path:
    return folder / "state" / "penstock" / "history"


@pytest.mark.parametrize("without", [(), EXTRAS, ("rich",), ("prompt_toolkit",)])
def test_eliza_introduces_herself_and_answers(tmp_path: Path, without: tuple[str, ...]) -> None:
    with Terminal("chat", folder=tmp_path, without=without) as terminal:
        shown = terminal.prompt()
        assert "builtin/eliza answers:\r\nno model is configured: this is ELIZA (1966)" in shown
        for way in ("penstock pull qwen3-0.6b", "Ollama or LM Studio", "OPENAI_API_KEY"):
            assert way in shown
        assert "IN WHAT WAY" in terminal.ask("Men are all alike.")
        terminal.type("/exit\r")
        assert terminal.end()[0] == 0


@with_and_without_extras
def test_what_was_said_is_remembered_until_it_is_forgotten(
    tmp_path: Path, without: tuple[str, ...]
) -> None:
    with (
        Upstream(answer("pleased"), answer("Ada"), answer("who?")) as upstream,
        Terminal("chat", "--base-url", upstream.url, folder=tmp_path, without=without) as terminal,
    ):
        terminal.prompt()
        assert "pleased" in terminal.ask("I am Ada")
        terminal.ask("Who am I?")
        said = [("user", "I am Ada"), ("assistant", "pleased"), ("user", "Who am I?")]
        assert asked(upstream, 1) == said
        assert "forgotten" in terminal.ask("/new")
        assert "the system message is set" in terminal.ask("/system Be brief.")
        assert "who?" in terminal.ask("Who am I now?")
        assert asked(upstream, 2) == [("system", "Be brief."), ("user", "Who am I now?")]


@with_and_without_extras
def test_ctrl_c_stops_the_answer_and_not_the_program(
    tmp_path: Path, without: tuple[str, ...]
) -> None:
    with (
        Upstream([CHUNKED, chunk(say("The first half")), STAY], answer("the second")) as upstream,
        Terminal("chat", "--base-url", upstream.url, folder=tmp_path, without=without) as terminal,
    ):
        terminal.prompt()
        terminal.type("talk\r")
        terminal.expect("The first half")
        terminal.interrupt(until="\n[stopped]")
        upstream.asked().result(5).closed.result(5)
        terminal.prompt()
        assert "the second" in terminal.ask("go on")
        said = [("user", "talk"), ("assistant", "The first half"), ("user", "go on")]
        assert asked(upstream, 1) == said
        terminal.type(CTRL_D)
        assert terminal.end()[0] == 0


@with_and_without_extras
def test_ctrl_c_before_the_first_word_takes_the_question_back(
    tmp_path: Path, without: tuple[str, ...]
) -> None:
    with (
        Upstream([STAY], answer("yes")) as upstream,
        Terminal("chat", "--base-url", upstream.url, folder=tmp_path, without=without) as terminal,
    ):
        terminal.prompt()
        terminal.type("wrong\r")
        connection = upstream.asked().result(5)
        terminal.interrupt(until="[stopped]")
        connection.closed.result(5)
        terminal.prompt()
        assert "yes" in terminal.ask("right")
        assert asked(upstream, 1) == [("user", "right")]


@with_and_without_extras
def test_ctrl_c_at_the_prompt_says_how_to_leave(tmp_path: Path, without: tuple[str, ...]) -> None:
    with Terminal("chat", folder=tmp_path, without=without) as terminal:
        terminal.prompt()
        terminal.interrupt(until="\nCtrl-D or /exit leaves.")
        terminal.prompt()
        terminal.type(CTRL_D)
        assert terminal.end()[0] == 0


@with_and_without_extras
def test_the_history_survives_the_session_for_its_owner_only(
    tmp_path: Path, without: tuple[str, ...]
) -> None:
    with Terminal(*ECHO, folder=tmp_path, without=without) as terminal:
        terminal.prompt()
        terminal.ask("first")
        terminal.ask("second")
        assert "first" in terminal.ask(UP + UP)
        terminal.type(CTRL_D)
        assert terminal.end()[0] == 0
    assert history(tmp_path).stat().st_mode & 0o777 == 0o600
    with Terminal(*ECHO, folder=tmp_path, without=without) as terminal:
        terminal.prompt()
        assert "second" in terminal.ask(UP + UP)
    entries = [json.loads(line) for line in history(tmp_path).read_text().splitlines()]
    assert entries == ["first", "second", "first", "second"]


@with_and_without_extras
def test_a_history_that_cannot_be_kept_ends_nothing(
    tmp_path: Path, without: tuple[str, ...]
) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    with Terminal(*ECHO, folder=tmp_path, without=without) as terminal:
        terminal.prompt()
        assert "hello" in terminal.ask("hello")


def test_a_broken_history_file_is_read_as_far_as_it_can_be(tmp_path: Path) -> None:
    history(tmp_path).parent.mkdir(parents=True)
    history(tmp_path).write_text('"good"\nnot json\n42\n')
    with Terminal(*ECHO, folder=tmp_path, without=EXTRAS) as terminal:
        terminal.prompt()
        assert "good" in terminal.ask(UP)


@with_and_without_extras
def test_a_cut_answer_is_shown_and_told_and_the_session_goes_on(
    tmp_path: Path, without: tuple[str, ...]
) -> None:
    with (
        Upstream([CHUNKED, chunk(say("half an")), FIN], answer("whole")) as upstream,
        Terminal("chat", "--base-url", upstream.url, folder=tmp_path, without=without) as terminal,
    ):
        terminal.prompt()
        assert "half an\r\npenstock: the connection was cut" in terminal.ask("hi")
        assert "whole" in terminal.ask("again")


class Reached(Step):
    """Tells that the script has come this far."""

    def __init__(self) -> None:
        self.future: Future[None] = Future()

    async def play(self, connection: Connection) -> None:
        self.future.set_result(None)


@with_and_without_extras
def test_a_connection_that_was_closed_meanwhile_is_not_used(
    tmp_path: Path, without: tuple[str, ...]
) -> None:
    gate, closed = Gate(), Reached()
    with (
        Upstream([*answer("one"), gate, FIN, closed], answer("two")) as upstream,
        Terminal("chat", "--base-url", upstream.url, folder=tmp_path, without=without) as terminal,
    ):
        terminal.prompt()
        assert "one" in terminal.ask("hi")
        gate.open()
        closed.future.result(5)
        assert "two" in terminal.ask("hi")
        assert len(upstream.connections) == 2


def test_commands_are_obeyed_and_unknown_ones_are_told(tmp_path: Path) -> None:
    with Terminal("chat", folder=tmp_path) as terminal:
        terminal.prompt()
        for said, shown in [
            ("/help", "Ctrl-C stops an answer"),
            ("/hlep", "no command /hlep; /help lists them"),
            ("/model builtin/echo", "builtin/echo answers."),
            ("/model nobody/here", "penstock: no model 'nobody/here'"),
            ("/model", "builtin/echo answers."),
            ("/model builtin", "builtin/eliza answers."),
            ("/model openai/gpt-5", "penstock: openai is not set up: set OPENAI_API_KEY"),
            ("/model builtin/echo", "builtin/echo answers."),
            ("still echo", "still echo\r"),
            ("/system x", "the system message is set"),
            ("/system", "there is no system message"),
        ]:
            assert shown in terminal.ask(said)


def test_who_answers_unasked_is_said_in_a_line(tmp_path: Path) -> None:
    with Terminal("chat", folder=tmp_path, without=EXTRAS) as terminal:
        terminal.prompt()
        assert terminal.ask("/model") == (
            "/model\r\nELIZA (1966) answers, no model is set up: see `penstock providers`\r"
        )


@with_and_without_extras
def test_an_empty_line_asks_nothing(tmp_path: Path, without: tuple[str, ...]) -> None:
    with Terminal(*ECHO, folder=tmp_path, without=without) as terminal:
        terminal.prompt()
        terminal.ask(" ")
        assert "answer" in terminal.ask("answer")
    assert history(tmp_path).read_text() == '"answer"\n'


def test_a_wrong_config_ends_the_session_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text("defautl = 1")
    with Terminal("chat", folder=tmp_path) as terminal:
        code, shown = terminal.end()
    assert code == 2
    assert "penstock: penstock.toml: " in shown


def test_a_hangup_ends_the_session_and_the_answer(tmp_path: Path) -> None:
    with (
        Upstream([CHUNKED, chunk(say("Hello")), STAY]) as upstream,
        Terminal("chat", "--base-url", upstream.url, folder=tmp_path) as terminal,
    ):
        terminal.prompt()
        terminal.type("hi\r")
        terminal.expect("Hello")
        terminal.process.send_signal(signal.SIGHUP)
        upstream.asked().result(5).closed.result(5)
