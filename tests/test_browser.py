"""A browser session for real: headless Chromium under Selenium and under Playwright.

The service answers only with the cookie that its own page's script set, and only to the browser
that has it: its User-Agent must be the same.
"""

from __future__ import annotations

import base64
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.async_api import async_playwright
from playwright.sync_api import sync_playwright
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from penstock import Aura, Unauthorized
from penstock.browser import session_headers
from penstock.errors import ConfigError
from programs import find

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


class Service(BaseHTTPRequestHandler):
    """The page for a browser; an answer for whoever holds what the page set."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200, "text/html", PAGE)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        agent = self.headers.get("User-Agent", "")
        cookie = f"session={base64.b64encode(agent.encode()).decode()[:12]}"
        if "Chrome/" in agent and self.headers.get("Cookie") == cookie:
            self._answer(200, "text/plain", b"welcome")
        else:
            self._answer(401, "text/plain", b"")

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def aura() -> Iterator[str]:
    """The service's address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def selenium() -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = find("chromium")
    driver_path = find("chromedriver")
    with tempfile.TemporaryDirectory() as profile:
        for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        driver = Chrome(options, ChromeService(driver_path))
        try:
            yield driver
        finally:
            driver.quit()


def launch() -> dict[str, Any]:
    return {"executable_path": find("chromium"), "args": list(ARGUMENTS[1:])}


async def test_without_the_session_the_service_refuses(aura: str) -> None:
    with pytest.raises(Unauthorized):
        await Aura.create_async("", HELLO, base_url=aura)


@pytest.mark.slow
async def test_a_selenium_session_is_taken_over(aura: str) -> None:
    with selenium() as driver:
        driver.get(aura)
        stream = Aura.create_async_generator("", HELLO, base_url=aura, webdriver=driver)
        assert "".join([chunk async for chunk in stream]) == "welcome"


@pytest.mark.slow
async def test_cookies_of_another_host_stay_there(aura: str) -> None:
    elsewhere = aura.replace("127.0.0.1", "localhost")
    with selenium() as driver:
        driver.get(elsewhere)
        assert "Cookie" not in await session_headers(driver, aura + "/api/chat")
        assert "session=" in (await session_headers(driver, elsewhere + "/api/chat"))["Cookie"]


@pytest.mark.slow
async def test_an_asynchronous_playwright_session_is_taken_over(aura: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**launch())
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(aura)
        for session in (page, context):
            stream = Aura.create_async_generator("", HELLO, base_url=aura, webdriver=session)
            assert "".join([chunk async for chunk in stream]) == "welcome"
        elsewhere = aura.replace("127.0.0.1", "localhost")
        assert "Cookie" not in await session_headers(context, elsewhere)
        await browser.close()


@pytest.mark.slow
def test_a_synchronous_playwright_session_is_taken_over(aura: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch())
        context = browser.new_context()
        page = context.new_page()
        page.goto(aura)
        for session in (page, context):
            provider = Aura(base_url=aura, webdriver=session)
            assert list(provider.create_completion("", HELLO, stream=True)) == ["welcome"]
        browser.close()


async def test_anything_else_is_no_webdriver(aura: str) -> None:
    with pytest.raises(ConfigError, match="Selenium WebDriver or a Playwright page"):
        await Aura.create_async("", HELLO, base_url=aura, webdriver=object())


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
