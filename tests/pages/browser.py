"""A real browser that looks at pages: what it loads, what it complains about, and whether everybody can use them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.async_api import Browser, ConsoleMessage, Page, Request

SCREENS = Path(__file__).parents[2] / "build" / "screens"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
PHONE, ZOOMED, DESK = (320, 640), (640, 400), (1280, 800)
"""The narrowest phone; a desk at 200 % (half as many pixels of CSS); a desk."""


@dataclass
class Looking:
    """A tab, and everything that it should not have had to say or load."""

    tab: Page
    address: str
    script: bool = True
    complaints: list[str] = field(default_factory=list)
    hosts: set[str | None] = field(default_factory=set)

    def hear(self, message: ConsoleMessage) -> None:
        """Keeps errors and warnings; that a page is an error page is no complaint."""
        expected = message.text.startswith("Failed to load resource") and message.location["url"] == self.tab.url
        if message.type in {"error", "warning"} and not expected:
            self.complaints.append(message.text)

    def count(self, request: Request) -> None:
        """Keeps the host of everything that is loaded."""
        if not request.url.startswith("data:"):
            self.hosts.add(urlsplit(request.url).netloc)

    async def open(self, path: str) -> int:
        """Goes to a page; its status."""
        answer = await self.tab.goto(self.address + path)
        assert answer is not None
        return answer.status


@asynccontextmanager
async def looking(
    browser: Browser, address: str, *, script: bool = True, issuer: str | None = None
) -> AsyncIterator[Looking]:
    """A tab at this address; at the end nothing may have come from elsewhere, and nothing may have been refused.

    Who signs in goes to the `issuer` and comes back.
    """
    context = await browser.new_context(viewport={"width": DESK[0], "height": DESK[1]}, java_script_enabled=script)
    context.set_default_timeout(20_000)
    tab = await context.new_page()
    eyes = Looking(tab, address, script)
    tab.on("console", eyes.hear)
    tab.on("pageerror", lambda error: eyes.complaints.append(str(error)))
    tab.on("request", eyes.count)
    yield eyes
    await context.close()
    known = {urlsplit(one).netloc for one in (address, issuer) if one}
    assert (eyes.complaints, eyes.hosts) == ([], known)


async def assert_accessible(tab: Page, name: str) -> None:
    """No rule of WCAG 2.2 AA is broken and nothing is cut off, on a phone, zoomed, and at a desk; keeps pictures."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    await tab.evaluate(AXE_SCRIPT)  # once for all sizes: that takes longer than the looking
    for width, height in (PHONE, ZOOMED, DESK):
        await tab.set_viewport_size({"width": width, "height": height})
        overflow = await tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{name} at {width} px is {overflow} px too wide"
        if width != ZOOMED[0]:
            found = AxeResults(
                await tab.evaluate("rules => axe.run({runOnly: rules, resultTypes: ['violations']})", WCAG)
            )
            assert found.violations_count == 0, f"{name} at {width} px: {found.generate_report()}"
            await tab.screenshot(path=SCREENS / f"{name}-{width}.png", full_page=True)
