"""The error tree is the one drawn in its docstring, and says whether to try again."""

from __future__ import annotations

import inspect
import re

import pytest

from penstock import errors
from penstock.errors import (
    CallerError,
    InvalidRequest,
    PenstockError,
    RateLimited,
    Redirected,
    ServiceError,
    Timeout,
    Unauthorized,
    Unavailable,
    UnknownModel,
    error_for_status,
)

TREE = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, PenstockError)
]


def drawn() -> dict[str, str]:
    """Each class of the drawing, and the one it stands under."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]
        if found := re.match(r"^([│├└─ ]*)([A-Z]\w+)(  .*)?$", line):
            depth = len(found[1]) // 4 - 1
            path = [*path[:depth], found[2]]
            parents[found[2]] = path[-2] if depth else "Exception"
    return parents


def test_the_tree_is_the_one_that_is_drawn() -> None:
    assert {kind.__name__: kind.__bases__[0].__name__ for kind in TREE} == drawn()


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: str(kind.__name__))
def test_every_error_carries_what_the_service_said(kind: type[PenstockError]) -> None:
    error = kind(
        "Слишком", status=429, type="t", code="c", param="p", provider="groq", retry_after=7.0
    )
    assert str(error) == error.message == "Слишком"
    said = (error.status, error.type, error.code, error.param, error.provider, error.retry_after)
    assert said == (429, "t", "c", "p", "groq", 7.0)
    assert kind.__doc__


def test_the_caller_s_faults_are_not_worth_repeating_and_the_service_s_mostly_are() -> None:
    once = {kind.__name__ for kind in TREE if not kind.retryable and issubclass(kind, ServiceError)}
    assert once == {"CertificateRejected", "Redirected"}
    assert not any(kind.retryable for kind in TREE if issubclass(kind, CallerError))


def test_a_wrong_value_is_a_value_error_too() -> None:
    assert issubclass(InvalidRequest, ValueError)
    with pytest.raises(ValueError, match="no such model"):
        raise UnknownModel("no such model")


@pytest.mark.parametrize(
    "status", [300, 307, 400, 401, 403, 404, 408, 409, 413, 422, 429, 499, 500, 502, 503, 504, 529]
)
def test_every_failed_status_has_a_class(status: int) -> None:
    kind = error_for_status(status)
    special = {401: Unauthorized, 403: Unauthorized, 408: Timeout, 429: RateLimited, 504: Timeout}
    usual = (Redirected, InvalidRequest, Unavailable)[max(0, status // 100 - 3)]
    assert kind is special.get(status, usual)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: str(kind.__name__))
def test_every_error_has_a_status_to_answer_with(kind: type[PenstockError]) -> None:
    assert 400 <= kind.http_status < 600
