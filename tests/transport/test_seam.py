"""What may stand in a message of a request, and what may not."""

from __future__ import annotations

import pytest

from penstock.transport import Request, origin


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.example.com/v1?key=canary", "https://api.example.com"),
        ("http://user:canary@host:8080/canary", "http://host:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("socks5h://user:canary@proxy:1080", "socks5h://proxy:1080"),
        ("/canary", ""),
        ("user:canary@host:8080", ""),
        ("http://user:canary?@host", ""),
        ("http://[canary", ""),
        ("", ""),
    ],
)
def test_only_scheme_host_and_port_of_a_url_are_shown(url: str, shown: str) -> None:
    assert origin(url) == shown


def test_a_request_shows_neither_headers_nor_body_nor_proxy() -> None:
    request = Request(
        "POST",
        "http://user:canary@host/canary",
        {"Authorization": "Bearer canary"},
        b"canary",
        "http://user:canary@proxy:1",
    )
    assert repr(request) == "Request(POST http://host)"
