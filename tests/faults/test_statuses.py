"""Answers that fail by their status: read by the protocol's own decoder."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from faults.caller import PROTOCOLS, ask, post, send
from penstock.errors import InvalidRequest, RateLimited, Unauthorized, Unavailable
from penstock.faults import serve
from penstock.protocols import Protocol

each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda each: each.name)


@each_protocol
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 502, 503, 529])
async def test_a_failed_answer_is_what_its_status_says(protocol: Protocol, status: int) -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, str(status), protocol)
        same = await ask(server, f"status-{status}", protocol)
    assert heard.raw == same.raw
    assert (heard.status, heard.is_whole, heard.end) == (status, True, "FIN")
    reason = heard.head.partition(b"\r\n")[0].decode().split(" ", 2)[2]
    error = protocol.decode_error(status, heard.body, reason, heard.headers)
    assert isinstance(
        error,
        {400: InvalidRequest, 401: Unauthorized, 404: InvalidRequest, 429: RateLimited}.get(
            status, Unavailable
        ),
    )


async def test_a_status_that_nobody_knows_is_one_all_the_same() -> None:
    async with serve(pace=0) as server:
        assert (await ask(server, "status-599")).status == 599


@pytest.mark.parametrize(
    ("model", "header", "value"),
    [
        ("429-seconds-7", "retry-after", "7"),
        ("429-ms-1500", "retry-after-ms", "1500"),
        ("429-reset-9", "x-ratelimit-reset-requests", "9s"),
        ("429-negative", "retry-after", "-7"),
        ("429-nan", "retry-after", "NaN"),
        ("429-list", "retry-after", "7, 8"),
        ("429-years", "retry-after", "315360000"),
    ],
)
async def test_when_to_come_again_is_said_in_many_ways(model: str, header: str, value: str) -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, model)
    assert (heard.status, heard.headers[header]) == (429, value)


async def test_a_date_is_so_many_seconds_after_that_of_the_answer() -> None:
    async with serve(pace=0) as server:
        headers = (await ask(server, "429-date-30")).headers
    date, later = (parsedate_to_datetime(headers[name]) for name in ("date", "retry-after"))
    assert (later - date).total_seconds() == 30


async def test_429_alone_says_nothing_of_when() -> None:
    async with serve(pace=0) as server:
        assert "retry-after" not in (await ask(server, "429")).headers


async def test_a_code_says_why_the_question_is_refused() -> None:
    async with serve(pace=0) as server:
        assert b"context_length_exceeded" in (await ask(server, "400-context")).body
        assert b"content_policy_violation" in (await ask(server, "400-content")).body


async def test_a_web_page_comes_with_an_error_and_without() -> None:
    async with serve(pace=0) as server:
        for model, status in (("error-html", 502), ("html", 200)):
            heard = await ask(server, model)
            assert heard.status == status
            assert heard.headers["content-type"].startswith("text/html")
            assert heard.body.startswith(b"<!DOCTYPE html>")


async def test_an_errors_body_may_be_huge() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "error-huge", most=2**26)
    assert (heard.status, heard.is_whole) == (500, True)
    assert len(heard.body) == 2**25


@each_protocol
async def test_an_error_may_come_with_200(protocol: Protocol) -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "error-ok", protocol, stream=False)
    assert heard.status == 200
    if protocol.name != "chatbot_ui":
        assert b"overloaded" in heard.body


async def test_a_redirect_leads_nowhere() -> None:
    async with serve(pace=0) as server:
        heard = await ask(server, "redirect")
    assert heard.status == 307
    assert heard.headers["location"].startswith("https://elsewhere.invalid/")


async def test_an_answers_beginning_is_refused_where_it_is_one() -> None:
    begun = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "t00"}]
    async with serve(pace=0) as server:
        for messages, status in ((begun, 400), (begun[:1], 200)):
            body = {"model": "no-prefill", "messages": messages}
            assert (await send(server, post("/v1/chat/completions", body))).status == status
