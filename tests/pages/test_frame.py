"""Every service's start page and error pages: alike, for everybody, with nothing from elsewhere."""

from importlib import import_module

import pytest
from fastapi import APIRouter, FastAPI
from playwright.async_api import Browser

from deploy.local.system import SERVICES
from shared.database import Database
from shared.http import Desk, make_app
from shared.problems import Problem
from tests.pages.browser import assert_accessible, looking
from tests.pages.serving import served
from tests.service import home_of

STATUSES = (400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 500, 503)


def app_of(service: str, database: Database, *, ready: bool = True) -> FastAPI:
    """The service's real application, with one more address that ends in each kind of error."""
    errors = APIRouter(include_in_schema=False)

    @errors.get("/errors/{status}")
    async def fail(status: int) -> None:
        raise Problem(status, "tried")

    web = import_module(f"services.{service}.web")
    return make_app(Desk(home_of(service, database), ready=ready), errors, web.pages, site=web.site)


@pytest.mark.parametrize("service", SERVICES)
async def test_the_start_page_of_a_service_says_what_it_is_for(
    service: str, browser: Browser, nowhere: Database
) -> None:
    site = import_module(f"services.{service}.web").site
    async with served(app_of(service, nowhere)) as address, looking(browser, address) as eyes:
        assert await eyes.open("/") == 200

        assert await eyes.tab.title() == f"{site.title} – Storyloop"
        assert await eyes.tab.locator("html").get_attribute("lang") == "en"
        assert site.says in await eyes.tab.inner_text("main")
        await assert_accessible(eyes.tab, f"start-{service}")


@pytest.mark.parametrize("service", SERVICES)
async def test_everything_that_a_start_page_offers_is_there(service: str, browser: Browser, nowhere: Database) -> None:
    async with served(app_of(service, nowhere)) as address, looking(browser, address) as eyes:
        await eyes.open("/")
        offered = await eyes.tab.locator("main li a").evaluate_all(
            "links => links.map(link => link.getAttribute('href'))"
        )

        assert offered
        assert [await eyes.open(path) for path in offered] == [200] * len(offered)


@pytest.mark.parametrize("service", SERVICES)
async def test_every_error_has_a_page_that_says_what_one_can_do(
    service: str, browser: Browser, nowhere: Database
) -> None:
    async with served(app_of(service, nowhere)) as address, looking(browser, address) as eyes:
        for status in STATUSES:
            assert await eyes.open(f"/errors/{status}") == status
            assert "Storyloop" in await eyes.tab.title()
            assert "tried" not in await eyes.tab.content()
            if service == SERVICES[0]:
                await assert_accessible(eyes.tab, f"error-{status}")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_that_is_still_starting_says_so_in_a_whole_page(
    service: str, browser: Browser, nowhere: Database
) -> None:
    async with served(app_of(service, nowhere, ready=False)) as address, looking(browser, address) as eyes:
        assert await eyes.open("/") == 503

        assert await eyes.tab.inner_text("h1") == "The service is not available just now"
        await assert_accessible(eyes.tab, f"starting-{service}")
