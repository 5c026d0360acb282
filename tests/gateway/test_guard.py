"""Who may ask: this machine alone."""

from __future__ import annotations

import pytest

from penstock.errors import ConfigError
from penstock.gateway.guard import Forbidden, check_address, check_caller


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_a_loopback_address_may_be_listened_on(host: str) -> None:
    check_address(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.org", ""])
def test_any_other_address_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="loopback"):
        check_address(host)


@pytest.mark.parametrize("host", ["127.0.0.1:7360", "localhost", "[::1]:7360", "LOCALHOST:1"])
def test_a_local_host_may_be_asked_for(host: str) -> None:
    check_caller(host, None)


@pytest.mark.parametrize("host", [None, "", "evil", "localhost.evil", "[::1", "localhost/x", "a@b"])
def test_any_other_host_is_refused(host: str | None) -> None:
    with pytest.raises(Forbidden):
        check_caller(host, None)


def test_a_route_may_allow_the_origin_of_its_own_service() -> None:
    check_caller("localhost", "https://a.example", "https://a.example")
    with pytest.raises(Forbidden):
        check_caller("localhost", "https://b.example", "https://a.example")
