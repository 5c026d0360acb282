"""A browser session for real: headless Chromium under Selenium and under Playwright.

The service answers only with the cookie that its own page's script set, and only to the browser
that has it: its User-Agent must be the same.
"""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.async_api import async_playwright
from playwright.sync_api import sync_playwright
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from penstock import Aura, Unauthorized
from penstock.browser import session_headers
from penstock.errors import ConfigError
from programs import program
from raw import Script, Upstream, head

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PAGE = b"""<!doctype html><title>Aura</title><script>
document.cookie = "session=" + btoa(navigator.userAgent).slice(0, 12) + "; path=/";
document.cookie = "elsewhere=1; path=/other";
</script>"""
HELLO = [{"role": "user", "content": "Hello"}]


def service(request: bytes) -> Script:
    """The page for a browser; an answer for whoever holds what the page set."""
    if request.startswith(b"GET"):
        return [head(content_type="text/html", content_length=len(PAGE)) + PAGE]
    agent = _header(request, "user-agent")
    cookie = f"session={base64.b64encode(agent.encode()).decode()[:12]}"
    if "Chrome/" not in agent or _header(request, "cookie") != cookie:
        return [head("401 Unauthorized", content_length=0)]
    return [head(content_type="text/plain", content_length=7) + b"welcome"]


def _header(request: bytes, name: str) -> str:
    found = re.search(rf"(?mi)^{name}: (.*?)\r?$", request.partition(b"\r\n\r\n")[0].decode())
    return found[1] if found else ""


@pytest.fixture
def aura() -> Iterator[Upstream]:
    with Upstream(answer=service) as upstream:
        yield upstream


@contextmanager
def selenium() -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = program("chromium", "chromium")
    driver_path = program("chromedriver", "chromium-driver")
    with tempfile.TemporaryDirectory() as profile:
        for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        driver = Chrome(options, ChromeService(driver_path))
        try:
            yield driver
        finally:
            driver.quit()


def launch() -> dict[str, Any]:
    return {"executable_path": program("chromium", "chromium"), "args": list(ARGUMENTS[1:])}


async def test_without_the_session_the_service_refuses(aura: Upstream) -> None:
    with pytest.raises(Unauthorized):
        await Aura.create_async("", HELLO, base_url=aura.url)


@pytest.mark.slow
async def test_a_selenium_session_is_taken_over(aura: Upstream) -> None:
    with selenium() as driver:
        driver.get(aura.url)
        stream = Aura.create_async_generator("", HELLO, base_url=aura.url, webdriver=driver)
        assert "".join([chunk async for chunk in stream]) == "welcome"


@pytest.mark.slow
async def test_cookies_of_another_host_stay_there(aura: Upstream) -> None:
    elsewhere = aura.url.replace("127.0.0.1", "localhost")
    with selenium() as driver:
        driver.get(elsewhere)
        assert "Cookie" not in await session_headers(driver, aura.url + "/api/chat")
        assert "session=" in (await session_headers(driver, elsewhere + "/api/chat"))["Cookie"]


@pytest.mark.slow
async def test_an_asynchronous_playwright_session_is_taken_over(aura: Upstream) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**launch())
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(aura.url)
        for session in (page, context):
            stream = Aura.create_async_generator("", HELLO, base_url=aura.url, webdriver=session)
            assert "".join([chunk async for chunk in stream]) == "welcome"
        elsewhere = aura.url.replace("127.0.0.1", "localhost")
        assert "Cookie" not in await session_headers(context, elsewhere)
        await browser.close()


@pytest.mark.slow
def test_a_synchronous_playwright_session_is_taken_over(aura: Upstream) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch())
        context = browser.new_context()
        page = context.new_page()
        page.goto(aura.url)
        for session in (page, context):
            provider = Aura(base_url=aura.url, webdriver=session)
            assert list(provider.create_completion("", HELLO, stream=True)) == ["welcome"]
        browser.close()


async def test_anything_else_is_no_webdriver(aura: Upstream) -> None:
    with pytest.raises(ConfigError, match="Selenium WebDriver or a Playwright page"):
        await Aura.create_async("", HELLO, base_url=aura.url, webdriver=object())


class Driver:
    """A Selenium driver's two methods, with cookies of every kind."""

    def execute_script(self, script: str) -> str:
        assert script == "return navigator.userAgent"
        return "Browser/1"

    def get_cookies(self) -> list[dict[str, Any]]:
        def cookie(name: str, **more: Any) -> dict[str, Any]:
            return {"name": name, "value": "1", "domain": "chat.example.org", "path": "/", **more}

        return [
            cookie("own"),
            cookie("parent", domain=".example.org"),
            cookie("other_host", domain="example.com"),
            cookie("sibling", domain=".www.example.org"),
            cookie("host_only_parent", domain="example.org"),
            cookie("path", path="/api"),
            cookie("other_path", path="/apiary"),
            cookie("expired", expiry=1),
            cookie("session", expires=-1),
            cookie("secure", secure=True),
        ]


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://chat.example.org/api/chat", "own parent path session secure"),
        ("http://chat.example.org/api/chat", "own parent path session"),
        ("https://chat.example.org/", "own parent session secure"),
    ],
)
async def test_a_cookie_goes_where_the_browser_would_send_it(url: str, sent: str) -> None:
    headers = await session_headers(Driver(), url)
    assert headers["User-Agent"] == "Browser/1"
    assert headers["Cookie"] == "; ".join(f"{name}=1" for name in sent.split())
