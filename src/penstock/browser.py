"""A browser session that the user opened: its cookies for one service, and its User-Agent.

Takes a Selenium WebDriver, or a Playwright page or context (either of its two interfaces).
Nothing is opened, clicked or solved here, and no cookie of another host is read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from penstock.errors import ConfigError
from penstock.transport import is_loopback_host

WebDriver: TypeAlias = Any
"""Selenium's ``WebDriver``, Playwright's ``Page`` or ``BrowserContext``; no dependency."""

_USER_AGENT = "navigator.userAgent"


def hand_over(webdriver: WebDriver, url: str) -> WebDriver | dict[str, str]:
    """What may cross to another thread: Playwright's synchronous objects may not, so their
    session is read at once; anything else is handed on as it is."""
    if not _is_playwright(webdriver, "sync_api"):
        return webdriver
    page, context = _page_and_context(webdriver)
    opened = page or context.new_page()
    try:
        agent = opened.evaluate(_USER_AGENT)
    finally:
        if page is None:
            opened.close()
    return _headers(agent, context.cookies(url), url)


async def session_headers(webdriver: WebDriver | Mapping[str, str], url: str) -> dict[str, str]:
    """The ``User-Agent`` and ``Cookie`` headers of that session for ``url``."""
    if isinstance(webdriver, Mapping):
        return dict(webdriver)
    if _is_playwright(webdriver, "async_api"):
        return await _playwright_headers(webdriver, url)
    if hasattr(webdriver, "get_cookies") and hasattr(webdriver, "execute_script"):
        return await asyncio.to_thread(_selenium_headers, webdriver, url)
    raise ConfigError("webdriver must be a Selenium WebDriver or a Playwright page or context")


def _selenium_headers(driver: WebDriver, url: str) -> dict[str, str]:
    agent = driver.execute_script(f"return {_USER_AGENT}")
    return _headers(agent, driver.get_cookies(), url)


async def _playwright_headers(webdriver: WebDriver, url: str) -> dict[str, str]:
    page, context = _page_and_context(webdriver)
    opened = page or await context.new_page()
    try:
        agent = await opened.evaluate(_USER_AGENT)
    finally:
        if page is None:
            await opened.close()
    return _headers(agent, await context.cookies(url), url)


def _is_playwright(webdriver: WebDriver, interface: str) -> bool:
    return any(t.__module__.startswith(f"playwright.{interface}") for t in type(webdriver).__mro__)


def _page_and_context(webdriver: WebDriver) -> tuple[WebDriver | None, WebDriver]:
    """A page to ask for the User-Agent (none may be open) and the context with the cookies."""
    if hasattr(webdriver, "evaluate"):
        return webdriver, webdriver.context
    return (webdriver.pages[0] if webdriver.pages else None), webdriver


def _headers(agent: str, cookies: Iterable[Mapping[str, Any]], url: str) -> dict[str, str]:
    pairs = [f"{c['name']}={c['value']}" for c in cookies if _is_for(c, url)]
    headers = {"User-Agent": str(agent)}
    return headers | {"Cookie": "; ".join(pairs)} if pairs else headers


def _is_for(cookie: Mapping[str, Any], url: str) -> bool:
    """Whether a browser would send the cookie there (RFC 6265, section 5.4)."""
    target = urlsplit(url)
    host, path = (target.hostname or "").lower(), target.path or "/"
    domain = str(cookie.get("domain") or host).lower()
    bare = domain.lstrip(".")
    if host != bare and not (domain.startswith(".") and host.endswith("." + bare)):
        return False
    under = str(cookie.get("path") or "/")
    if path != under and not path.startswith(under.rstrip("/") + "/"):
        return False
    if cookie.get("secure") and target.scheme != "https" and not is_loopback_host(host):
        return False
    expires = cookie.get("expires", cookie.get("expiry", -1))
    return not isinstance(expires, int | float) or expires < 0 or expires > time.time()
