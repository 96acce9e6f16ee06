"""The console in a real browser, against the whole platform: a walk through its pages.

Each page is checked for accessibility in light and dark. `build/console` gets pictures of the
pages, which `make pictures` puts into the documentation.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.support.browser import running_browser, take_picture
from tests.support.console_platform import Platform, await_state, running_platform
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "build" / "console"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PLACE = "purchasing/LowStockDeadLetters"
UNDELIVERED = "orders/StartFulfilmentRuleUndelivered"
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
SCALE = 1.5
WIDE: ViewportSize = {"width": 1280, "height": 760}
NARROW: ViewportSize = {"width": 390, "height": 844}
MILLISECONDS = 15_000


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with running_platform() as platform:
        yield platform


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(params=SCHEMES)
def page(chromium: Browser, platform: Platform, request: pytest.FixtureRequest) -> Iterator[Page]:
    with entered(chromium, platform, scheme=request.param) as page:
        yield page


@contextmanager
def entered(
    chromium: Browser, platform: Platform, *, size: ViewportSize = WIDE, scheme: Scheme = "light"
) -> Iterator[Page]:
    """Open the printed address, and fail on whatever the browser refuses or cannot load."""
    errors: list[str] = []
    with chromium.new_context(
        viewport=size, color_scheme=scheme, device_scale_factor=SCALE
    ) as context:
        context.set_default_timeout(MILLISECONDS)
        page = context.new_page()
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(platform.address)
        expect(page.get_by_role("heading", level=1)).to_have_text("Map")
        yield page
    assert errors == []


def look(page: Page, name: str) -> None:
    """Check the page's accessibility, and take its picture."""
    page.wait_for_load_state("load")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")["violations"]
    shown = [(each["id"], node["html"]) for each in found for node in each["nodes"]]
    assert shown == [], name
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    take_picture(page, PICTURES / f"{name}{'-dark' if is_dark else ''}.png")


def test_map_leads_from_the_services_to_a_function_and_its_code(page: Page):
    expect(page.locator("[data-live='purchasing.dead']")).to_have_text("1")
    look(page, "map")

    page.get_by_role("link", name="purchasing").click()
    look(page, "service")
    page.locator("svg a", has_text="Raise purchase").click()

    expect(page.get_by_text("lambdas/purchasing/raise_purchase_orders.py")).to_be_visible()
    look(page, "thing")


def test_orders_are_found_and_their_journeys_are_drawn(page: Page, platform: Platform):
    page.get_by_role("link", name="Orders", exact=True).last.click()
    look(page, "orders")
    page.get_by_label("State").select_option("REJECTED")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name=platform.rejected[:12]).click()

    expect(page.locator(".box.failed text").first).to_have_text("Book shipment")
    expect(page.locator(".box.done", has_text="Release stock")).to_be_visible()
    look(page, "journey")

    page.goto(f"{platform.base}/orders/{platform.dispatched}")
    expect(page.locator(".box.done", has_text="Confirm")).to_be_visible()
    expect(page.locator(".timeline")).to_contain_text("ShipmentDispatched")
    look(page, "journey-dispatched")


def test_views_show_the_stream_and_what_the_scaler_decided(page: Page, platform: Platform):
    def has_decided() -> bool:
        page.goto(f"{platform.base}/views")
        return page.get_by_role("region", name="Decisions").count() > 0

    # The scaler runs every minute.
    wait_until("the scaler decided", has_decided)
    expect(page.get_by_role("link", name="storefront/UpdateTimelines")).to_be_visible()
    expect(page.get_by_role("rowheader", name="timelines")).to_be_visible()
    look(page, "views")


def test_alarms_say_which_would_ring_by_what_a_queue_holds(page: Page):
    page.get_by_role("link", name="Alarms").click()

    ringing = page.get_by_role("region", name="Alarms that ring")
    expect(ringing.get_by_role("row")).to_have_count(2)
    expect(ringing).to_contain_text("would ring")
    look(page, "alarms")


def test_narrow_page_needs_no_scrolling_to_the_side(chromium: Browser, platform: Platform):
    pages = {
        "map": "/map",
        "service": "/map/orders",
        "orders": "/orders",
        "journey": f"/orders/{platform.rejected}",
        "dead-letter": f"/dead-letters/{PLACE}",
        "views": "/views",
        "alarms": "/alarms",
        "play": "/play",
    }
    with entered(chromium, platform, size=NARROW) as page:
        for name, path in pages.items():
            page.goto(f"{platform.base}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path
            look(page, f"narrow-{name}")


def test_page_is_used_by_keyboard_alone(page: Page):
    page.goto(page.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).not_to_have_text("Map")


def test_pages_work_without_scripts(chromium: Browser, platform: Platform):
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(platform.address)

        expect(page.locator("[data-live='purchasing.dead']")).to_have_text("1")


def test_dead_letter_is_redriven_after_a_dry_run_and_the_map_shows_it(
    chromium: Browser, platform: Platform
):
    """It fails again, as a poison record does, and comes back with its history."""
    with entered(chromium, platform) as watcher, entered(chromium, platform) as page:
        page.get_by_role("link", name="Dead letters").click()
        look(page, "dead-letters")
        page.get_by_role("link", name=PLACE).click()
        expect(page.get_by_text("lambdas/purchasing/raise_purchase_orders.py")).to_be_visible()
        look(page, "dead-letter")

        page.get_by_role("button", name="Redrive the chosen").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Dry run: 1 of 1 would be moved")
        look(page, "dry-run")
        page.get_by_role("button", name="Redrive 1 now").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("1 moved")

        def came_back() -> bool:
            page.goto(f"{platform.base}/dead-letters/{PLACE}")
            return page.get_by_text("redriven once").count() > 0

        wait_until("the poison record is a dead letter again", came_back)
        page.get_by_role("button", name="Purge the chosen").click()
        page.get_by_role("button", name="Purge 1 now").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("1 deleted")
        # Without loading the page again: the count was pushed.
        expect(watcher.locator("[data-live='purchasing.dead']")).to_have_text("0")


def test_player_breaks_something_finds_it_and_puts_it_back(chromium: Browser, platform: Platform):
    """No saga can start for an order; a redrive lets it start once it may again."""
    with entered(chromium, platform) as page:
        page.get_by_role("link", name="Play").click()
        page.get_by_role("button", name="Break: saga start denied").click()
        page.get_by_label("Orders that").select_option("go well")
        page.get_by_role("button", name="Place").click()
        expect(page.get_by_role("list", name="Placed orders").get_by_role("link")).to_have_count(1)
        order = page.get_by_role("list", name="Placed orders").get_by_role("link").inner_text()

        def is_dead_lettered() -> bool:
            page.goto(f"{platform.base}/play")
            dead = page.get_by_role("region", name="Dead letters now")
            return dead.get_by_role("link", name=UNDELIVERED).count() > 0

        wait_until("the order's event is a dead letter", is_dead_lettered)
        look(page, "play")
        page.get_by_role("button", name="Put back: saga start denied").click()
        expect(page.get_by_role("button", name="Break: saga start denied")).to_be_visible()

        page.get_by_role("region", name="Dead letters now").get_by_role(
            "link", name=UNDELIVERED
        ).click()
        page.get_by_role("button", name="Redrive the chosen").click()
        page.get_by_role("button", name="Redrive 1 now").click()
        await_state(platform.cloud, platform.outputs, order, "CONFIRMED")
