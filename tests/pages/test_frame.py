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

STATUSES = (400, 401, 403, 404, 405, 409, 410, 412, 413, 422, 429, 500, 503)


def app_of(service: str, database: Database, *, ready: bool = True) -> FastAPI:
    """The service's real application, with one more address that ends in each kind of error."""
    errors = APIRouter(include_in_schema=False)

    @errors.get("/errors/{status}")
    async def fail(status: int) -> None:
        raise Problem(status, "tried")

    web = import_module(f"services.{service}.web")
    return make_app(Desk(home_of(service, database), ready=ready), errors, web.pages, site=web.site)


@pytest.mark.parametrize("service", SERVICES)
async def test_the_start_page_of_a_service_says_what_it_is_for_and_offers_only_what_is_there(
    service: str, browser: Browser, nowhere: Database
) -> None:
    site = import_module(f"services.{service}.web").site
    async with served(app_of(service, nowhere)) as address, looking(browser, address) as eyes:
        assert await eyes.open("/") == 200

        assert await eyes.tab.title() == f"{site.title} – Storyloop"
        assert await eyes.tab.locator("html").get_attribute("lang") == "en"
        assert site.says in await eyes.tab.inner_text("main")
        await assert_accessible(eyes.tab, f"start-{service}")

        offered = await eyes.tab.locator("main li a").evaluate_all(
            "links => links.map(link => link.getAttribute('href'))"
        )
        assert offered
        assert [await eyes.open(path) for path in offered] == [200] * len(offered)


@pytest.mark.prove
@pytest.mark.timeout(300)
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


@pytest.mark.parametrize("logo", [False, True], ids=["without logo", "with logo"])
async def test_settings_say_whose_service_it_is_and_where_one_can_ask(
    logo: bool, browser: Browser, nowhere: Database
) -> None:
    app = app_of("responder", nowhere)
    app.state.desk.home.settings = app.state.desk.home.settings.model_copy(
        update={
            "service_name": "Stories of care",
            "organisation_name": "Ottersley and Fenmoor Community Hospitals NHS Foundation Trust",
            "nhs_logo": logo,
            "accessibility_page": "https://www.example.org/accessibility",
            "contact_page": "https://www.example.org/contact",
        }
    )
    async with served(app) as address, looking(browser, address) as eyes:
        await eyes.open("/")

        banner, footer = eyes.tab.get_by_role("banner"), eyes.tab.get_by_role("contentinfo")
        assert "Stories of care" in await banner.inner_text()
        assert "Ottersley and Fenmoor" in await banner.inner_text()
        assert await banner.locator("svg").count() == logo
        assert await footer.get_by_role("link").all_inner_texts() == ["Accessibility", "Contact us"]
        await assert_accessible(eyes.tab, "header-with-logo" if logo else "header-without-logo")
