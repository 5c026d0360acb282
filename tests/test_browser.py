"""A browser session that the user opened: its cookies for the service and its User-Agent."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext as AsyncContext
from playwright.async_api import async_playwright
from playwright.sync_api import BrowserContext, sync_playwright
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

import programs
from penstock import browser
from penstock.errors import ConfigError, Unauthorized
from penstock.providers.aura import Aura
from raw import LAST, Script, Upstream, chunk, head

# Which cookies go where: the law of RFC 6265, section 5.4.


class Driver:
    """What a Selenium driver can do, as far as we ask it."""

    def __init__(self, *cookies: dict[str, Any]) -> None:
        self._cookies = [{"name": "c", "value": "1", **cookie} for cookie in cookies]

    def execute_script(self, script: str) -> str:
        assert script == "return navigator.userAgent"
        return "Browser/1.0"

    def get_cookies(self) -> list[dict[str, Any]]:
        return self._cookies


@pytest.mark.parametrize(
    ("cookie", "url", "sent"),
    [
        ({"domain": "chat.example"}, "https://chat.example/api", True),
        ({"domain": "chat.example"}, "https://CHAT.example:8443/api", True),
        ({"domain": "chat.example"}, "https://sub.chat.example/", False),
        ({"domain": ".chat.example"}, "https://sub.chat.example/", True),
        ({"domain": ".chat.example"}, "https://chat.example/", True),
        ({"domain": ".chat.example"}, "https://evilchat.example/", False),
        ({"domain": "chat.example"}, "https://chat.example.evil/", False),
        ({"domain": "127.0.0.1"}, "http://localhost/", False),
        ({"domain": "localhost"}, "http://127.0.0.1/", False),
        ({"domain": "a.b", "path": "/api"}, "https://a.b/api", True),
        ({"domain": "a.b", "path": "/api"}, "https://a.b/api/chat", True),
        ({"domain": "a.b", "path": "/api/"}, "https://a.b/api/chat", True),
        ({"domain": "a.b", "path": "/api"}, "https://a.b/apis", False),
        ({"domain": "a.b", "path": "/other"}, "https://a.b/api/chat", False),
        ({"domain": "a.b", "path": "/"}, "https://a.b", True),
        ({"domain": "a.b", "secure": True}, "https://a.b/", True),
        ({"domain": "a.b", "secure": True}, "http://a.b/", False),
        ({"domain": "localhost", "secure": True}, "http://localhost/", True),
        ({"domain": "127.evil.example", "secure": True}, "http://127.evil.example/", False),
        ({"domain": "a.b", "expiry": 1}, "https://a.b/", False),
        ({"domain": "a.b", "expires": 1.5}, "https://a.b/", False),
        ({"domain": "a.b", "expires": -1}, "https://a.b/", True),
        ({"domain": "a.b", "expiry": 2**40}, "https://a.b/", True),
    ],
)
async def test_a_cookie_goes_where_a_browser_would_send_it(
    cookie: dict[str, Any], url: str, sent: bool
) -> None:
    headers = await browser.session_headers(Driver(cookie), url)
    assert headers == {"User-Agent": "Browser/1.0", **({"Cookie": "c=1"} if sent else {})}


async def test_cookies_are_joined_as_a_browser_joins_them() -> None:
    driver = Driver({"domain": "a.b"}, {"domain": "c.d"}, {"domain": "a.b", "name": "e"})
    headers = await browser.session_headers(driver, "https://a.b/")
    assert headers["Cookie"] == "c=1; e=1"


@pytest.mark.parametrize("wrong", ["chromium", 7, object(), ["cookie"]])
async def test_what_is_no_browser_session_is_the_configurations_fault(wrong: Any) -> None:
    provider = Aura(webdriver=wrong, base_url="http://127.0.0.1:1")
    with pytest.raises(ConfigError, match="Selenium WebDriver or a Playwright page or context"):
        await provider.create_async("m", "Hi")


# A service that answers its own browser only.


class GuardedService:
    """Its page's JavaScript sets a cookie; only with that, and with the User-Agent that fetched
    the page, it answers."""

    def __init__(self) -> None:
        self.key = secrets.token_hex(8)
        self.agent = ""
        self.questions: list[dict[str, str]] = []
        self.upstream = Upstream(self.answer)

    def answer(self, request: bytes) -> Script:
        lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
        if lines[0].startswith("POST /api/chat "):
            self.questions.append(headers)
            return self.chat(headers)
        if lines[0].startswith("GET / "):
            self.agent = headers["user-agent"]
            return self.page(headers["host"])
        return [head("404 Not Found", content_length=0)]

    def page(self, host: str) -> Script:
        name = "key" if host.startswith("127.") else "foreign"
        script = (
            f"document.cookie = '{name}={self.key}; path=/';"
            "document.cookie = 'api=yes; path=/api';"
            "document.cookie = 'elsewhere=yes; path=/elsewhere';"
            "document.title = 'ready'"
        )
        page = f"<!doctype html><title>wait</title><script>{script}</script>".encode()
        return [head(content_type="text/html", content_length=len(page)), page]

    def chat(self, headers: dict[str, str]) -> Script:
        if (self.cookies.get("key"), headers["user-agent"]) != (self.key, self.agent):
            return [head("403 Forbidden", content_length=0)]
        text = [chunk("Здравствуй".encode()), chunk(b", browser"), LAST]
        return [head(content_type="text/plain", transfer_encoding="chunked"), *text]

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies of the last question."""
        return dict(re.findall(r"(\w+)=(\w+)", self.questions[-1].get("cookie", "")))

    @property
    def urls(self) -> tuple[str, str]:
        """The page under another host's name, and under its own."""
        return f"http://localhost:{self.upstream.port}/", f"{self.upstream.url}/"


ANSWER = "Здравствуй, browser"
OPTIONS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--no-proxy-server"),
]


@pytest.fixture
def service() -> Iterator[GuardedService]:
    service = GuardedService()
    with service.upstream:
        yield service


async def test_without_the_session_the_service_refuses(service: GuardedService) -> None:
    with pytest.raises(Unauthorized):
        await Aura(base_url=service.upstream.url).create_async("m", "Hi")


@pytest.fixture
def selenium(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = programs.find("chromium", "google-chrome", "chrome")
    for option in (*OPTIONS, f"--user-data-dir={tmp_path}"):
        options.add_argument(option)
    driver = webdriver.Chrome(options, Service(programs.find("chromedriver")))
    yield driver
    driver.quit()


@pytest.mark.slow
async def test_a_selenium_session_is_taken_over(
    service: GuardedService, selenium: webdriver.Chrome
) -> None:
    for url in service.urls:
        selenium.get(url)
        assert selenium.title == "ready"
    provider = Aura(base_url=service.upstream.url, webdriver=selenium)
    stream = provider.create_async_generator("openchat_3.6", "Hi")
    assert "".join([text async for text in stream]) == ANSWER
    assert service.cookies == {"key": service.key}
    assert service.questions[-1]["user-agent"] == service.agent
    # Synchronously too, and given with the call.
    answer = Aura.create_completion(
        "openchat_3.6", "Hi", base_url=service.upstream.url, webdriver=selenium
    )
    assert "".join(answer) == ANSWER
    assert selenium.current_url == service.urls[1]  # nothing was opened or clicked


@pytest.fixture
async def async_context() -> AsyncIterator[AsyncContext]:
    async with async_playwright() as playwright:
        path = programs.find("chromium", "google-chrome", "chrome")
        chromium = await playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield await chromium.new_context()
        await chromium.close()


@pytest.mark.slow
async def test_an_asynchronous_playwright_session_is_taken_over(
    service: GuardedService, async_context: AsyncContext
) -> None:
    page = await async_context.new_page()
    for url in service.urls:
        await page.goto(url)
        assert await page.title() == "ready"

    async def ask(session: Any) -> None:
        stream = Aura.create_async_generator(
            "openchat_3.6", "Hi", base_url=service.upstream.url, webdriver=session
        )
        assert "".join([text async for text in stream]) == ANSWER
        assert service.cookies == {"key": service.key, "api": "yes"}
        assert service.questions[-1]["user-agent"] == service.agent

    await ask(page)
    await ask(async_context)
    assert async_context.pages == [page]
    assert page.url == service.urls[1]
    await page.close()
    await ask(async_context)  # a context without a page opens one and closes it again
    assert async_context.pages == []


@pytest.fixture
def context() -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        path = programs.find("chromium", "google-chrome", "chrome")
        chromium = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield chromium.new_context()
        chromium.close()


@pytest.mark.slow
def test_a_synchronous_playwright_session_is_taken_over(
    service: GuardedService, context: BrowserContext
) -> None:
    page = context.new_page()
    for url in service.urls:
        page.goto(url)
        assert page.title() == "ready"
    given: dict[str, Any] = {"base_url": service.upstream.url}
    for session in (page, context):
        for answer in (
            Aura.create_completion("openchat_3.6", "Hi", webdriver=session, **given),
            Aura(webdriver=session, **given).create_completion("openchat_3.6", "Hi", stream=True),
            Aura(webdriver=session).create_completion("openchat_3.6", "Hi", **given),
        ):
            assert "".join(answer) == ANSWER
            assert service.cookies == {"key": service.key, "api": "yes"}
            assert service.questions[-1]["user-agent"] == service.agent
    assert context.pages == [page]
    page.close()
    answer = Aura.create_completion("openchat_3.6", "Hi", webdriver=context, **given)
    assert "".join(answer) == ANSWER
    assert context.pages == []
