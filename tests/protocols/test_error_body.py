"""Error bodies in all their shapes become one error of our tree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import (
    ContentFiltered,
    InvalidRequest,
    PenstockError,
    RateLimited,
    Unauthorized,
    Unavailable,
    UnknownModel,
    error_for_status,
)
from penstock.protocols import json
from penstock.protocols.error_body import error_from_body, looks_like_html
from protocols.strategies import values

statuses = st.integers(300, 599)


@given(statuses, st.binary(max_size=80))
def test_any_body_is_an_error_with_that_status(status: int, body: bytes) -> None:
    error = error_from_body(status, body)
    assert error.status == status
    error.message.encode()


@given(statuses, values, values, values, values)
def test_any_json_is_an_error(status: int, message: Any, code: Any, type: Any, param: Any) -> None:
    inner = {"message": message, "code": code, "type": type, "param": param}
    for value in (inner, {"error": inner}, {"error": message}, {"detail": message}, message):
        error = error_from_body(status, json.encode(value))
        assert isinstance(error, PenstockError)
        assert isinstance(error.message, str)
        assert error.message
        for word in (error.type, error.code, error.param):
            assert word is None or isinstance(word, str)


@pytest.mark.parametrize(
    ("body", "message", "type", "code"),
    [
        (b'{"error": {"message": "No", "type": "t", "code": "c"}}', "No", "t", "c"),
        (b'{"error": {"code": 429, "message": "No"}, "user_id": "u"}', "No", None, "429"),
        (b'{"error": "No"}', "No", None, None),
        (b'{"code": "c", "error": "No"}', "No", None, "c"),
        (b'{"detail": "No"}', "No", None, None),
        (b'{"object": "error", "message": "No", "type": "t", "code": 1}', "No", "t", "1"),
        (b'{"id": "1", "message": "No"}', "No", None, None),
        (b'{"code": "c", "message": "No", "type": "t"}', "No", "t", "c"),
        ('{"error": {"message": "Нет \u2028"}}'.encode(), "Нет \u2028", None, None),
        (b'{"error": {"message": "\\ud83d"}}', "\ufffd", None, None),
    ],
)
def test_every_shape_gives_its_words(
    body: bytes, message: str, type: str | None, code: str | None
) -> None:
    error = error_from_body(400, body)
    assert (error.message, error.type, error.code) == (message, type, code)
    assert isinstance(error, InvalidRequest)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "model_not_found", UnknownModel),
        (404, "DeploymentNotFound", UnknownModel),
        (400, "content_filter", ContentFiltered),
        (400, "invalid_api_key", Unauthorized),
        (403, "insufficient_quota", RateLimited),
        (401, "x", Unauthorized),
        (429, None, RateLimited),
        (503, None, Unavailable),
        (404, 404, InvalidRequest),
    ],
)
def test_a_known_code_says_more_than_the_status(
    status: int, code: object, kind: type[PenstockError]
) -> None:
    body = json.encode({"error": {"message": "No", "code": code}})
    assert type(error_from_body(status, body)) is kind


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"Bad gateway", b"<html>secret"])
def test_without_an_error_object_the_status_speaks(status: int, body: bytes) -> None:
    error = error_from_body(status, body, "Reason")
    assert type(error) is error_for_status(status)
    assert error.message.startswith(f"the service answered {status} Reason")
    assert "secret" not in error.message
    assert ("Bad gateway" in error.message) == (body == b"Bad gateway")


def test_a_long_body_is_shown_in_part() -> None:
    assert len(error_from_body(500, b"x" * 100_000).message) < 400


@pytest.mark.parametrize("head", [b"", b"\n \t\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_a_web_page_is_known_by_its_first_sign(head: bytes) -> None:
    assert looks_like_html(head + b"<!doctype html>")
    assert not looks_like_html(head + b"text with <b>")
    assert not looks_like_html(head)
