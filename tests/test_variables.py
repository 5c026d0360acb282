"""Addresses with variables in them lead where the vendor is, and nowhere else."""

from __future__ import annotations

import pytest

from penstock import variables
from penstock.errors import ConfigError

REGIONAL = "https://runtime.{A_REGION|B_REGION:us-east-1}.vendor.invalid/v1"
RESOURCE = "https://{A_RESOURCE}.vendor.invalid/v1"
OWN = "{A_HOST}/serving"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("A_REGION", "B_REGION", "A_RESOURCE", "A_HOST"):
        monkeypatch.delenv(name, raising=False)


def test_the_first_variable_that_is_set_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert variables.first("") == variables.first("A_REGION|B_REGION") == ""
    monkeypatch.setenv("B_REGION", "b")
    assert variables.first("A_REGION|B_REGION") == "b"
    monkeypatch.setenv("A_REGION", "a")
    assert variables.first("A_REGION|B_REGION") == "a"


def test_a_variable_of_nothing_but_space_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_REGION", " \n")
    assert variables.which("A_REGION|B_REGION") == variables.first("A_REGION|B_REGION") == ""
    monkeypatch.setenv("B_REGION", " b ")
    assert variables.which("A_REGION|B_REGION") == "B_REGION"
    assert variables.first("A_REGION|B_REGION") == "b"


def test_an_address_is_filled_or_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert variables.fill("https://plain.invalid") == "https://plain.invalid"
    assert variables.fill(REGIONAL) == "https://runtime.us-east-1.vendor.invalid/v1"
    assert variables.fill(RESOURCE) == variables.fill(OWN) == ""
    assert list(variables.missing(RESOURCE)) == ["A_RESOURCE"]
    monkeypatch.setenv("A_RESOURCE", "mine-2")
    assert variables.fill(RESOURCE) == "https://mine-2.vendor.invalid/v1"
    assert list(variables.missing(RESOURCE)) == []


@pytest.mark.parametrize(
    "said",
    ["https://mine.invalid", "https://mine.invalid/", "mine.invalid", " mine.invalid/ "],
)
def test_a_whole_address_may_stand_at_the_start(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_HOST", said)
    assert variables.fill(OWN) == "https://mine.invalid/serving"
    assert variables.covers(OWN, "https://mine.invalid/serving")
    assert not variables.covers(OWN, "https://other.invalid/serving")


@pytest.mark.parametrize(
    "said",
    [
        "ftp://mine.invalid",
        "http://mine.invalid",
        "https://mine.invalid?o=7",
        "https://me:canary@mine.invalid",
        "https://mine.invalid#x",
        "https://",
        "https://mine.invalid:99999",
        "two words",
        "https://[::1",
    ],
)
def test_what_is_no_address_is_refused(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_HOST", said)
    with pytest.raises(ConfigError, match="A_HOST must be an address") as raised:
        variables.fill(OWN)
    assert "canary" not in str(raised.value)


def test_this_machine_may_be_asked_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_HOST", "http://127.0.0.1:8080")
    assert variables.fill(OWN) == "http://127.0.0.1:8080/serving"


@pytest.mark.parametrize("evil", ["evil.invalid/", "a@evil.invalid", "x?", "#", "", "..", "a b"])
def test_a_name_cannot_lead_elsewhere(evil: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_RESOURCE", evil)
    if not evil:
        assert variables.fill(RESOURCE) == ""
        return
    with pytest.raises(ConfigError, match="A_RESOURCE must be a name"):
        variables.fill(RESOURCE)


@pytest.mark.parametrize(
    ("url", "is_home"),
    [
        ("https://runtime.us-east-1.vendor.invalid/v1", True),
        ("https://runtime.eu-west-3.vendor.invalid/v1", True),
        ("https://runtime.evil.invalid/.vendor.invalid/v1", False),
        ("https://runtime.x@evil.invalid#.vendor.invalid/v1", False),
        ("https://runtime.us-east-1.vendor.invalid.evil.invalid/v1", False),
        ("http://runtime.us-east-1.vendor.invalid/v1", False),
        ("", False),
    ],
)
def test_a_region_of_the_vendors_is_home_and_no_other_address(url: str, is_home: bool) -> None:
    assert variables.covers(REGIONAL, url) is is_home


def test_an_address_without_variables_covers_itself_alone() -> None:
    assert variables.covers("https://plain.invalid", "https://plain.invalid")
    assert not variables.covers("https://plain.invalid", "https://plainxinvalid")
    assert not variables.covers("", "")
