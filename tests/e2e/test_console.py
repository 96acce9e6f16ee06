"""The console in a real browser, against the whole platform: a walk through its pages.

Each page is checked for accessibility in light and dark. `make pictures` also takes pictures of the
pages, into `build/console`, and puts some into the documentation.
"""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.support.browser import running_browser
from tests.support.console_page import MILLISECONDS, entered, look
from tests.support.console_platform import Platform, await_state, running_platform
from tests.support.waiting import wait_until

PLACE = "storefront/AvailabilitySubscriberDeadLetters"
UNDELIVERED = "orders/StartFulfilmentRuleUndelivered"
NARROW: ViewportSize = {"width": 390, "height": 844}
NOTE_LIGHTS = """() => {
  window.lit = [];
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes)
      if (node.matches?.(".light")) window.lit.push(change.previousSibling.dataset.line);
  }).observe(document.querySelector("svg[data-live-source]"), { childList: true });
}"""
"""Note the lines along which a light runs."""


def await_page(what: str, shows: Callable[[], bool]) -> None:
    """Look once a second: a browser that draws takes a core from what the test waits for."""
    wait_until(what, shows, interval=1.0)


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with running_platform() as platform:
        yield platform


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser, platform: Platform) -> Iterator[Page]:
    with entered(chromium, platform) as page:
        yield page


def test_map_leads_from_the_services_to_a_function_and_its_code(page: Page):
    expect(page.locator("[data-live='storefront.dead']")).to_have_text("1")
    look(page, "map")

    page.locator("a[href='/map/storefront']").click()
    look(page, "service")
    page.locator("svg a", has_text="Update avail").click()

    expect(page.get_by_text("lambdas/storefront/update_availability.py")).to_be_visible()
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
    wait_until("the scaler decided", has_decided, interval=5.0)
    expect(page.get_by_role("link", name="storefront/UpdateTimelines")).to_be_visible()
    expect(page.get_by_role("rowheader", name="timelines")).to_be_visible()
    look(page, "views")


def test_alarms_say_which_would_ring_by_what_a_queue_holds(page: Page):
    page.get_by_role("link", name="Alarms").click()

    ringing = page.get_by_role("region", name="Alarms that ring")
    expect(ringing.get_by_role("row")).to_have_count(2)
    expect(ringing).to_contain_text("would ring")
    look(page, "alarms")


def test_costs_are_those_of_what_the_run_did(page: Page):
    page.get_by_role("link", name="Costs").click()

    row = page.get_by_role("row")
    for what in ("states and retries", "writes of tables", "events", "messages of FIFO queues"):
        expect(row.filter(has_text=what)).not_to_have_count(0)
    look(page, "costs")


def test_narrow_page_needs_no_scrolling_to_the_side(chromium: Browser, platform: Platform):
    pages = {
        "map": "/map",
        "service": "/map/orders",
        "orders": "/orders",
        "journey": f"/orders/{platform.rejected}",
        "dead-letter": f"/dead-letters/{PLACE}",
        "views": "/views",
        "rebuild": "/views/timelines",
        "alarms": "/alarms",
        "costs": "/costs",
        "play": "/play",
    }
    with entered(chromium, platform, size=NARROW) as page:
        for name, path in pages.items():
            page.goto(f"{platform.base}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path
            look(page, f"narrow-{name}", schemes=["light"])


def test_page_is_used_by_keyboard_alone(page: Page):
    page.goto(page.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).not_to_have_text("Map")


def test_page_that_is_looked_at_again_gets_counts_again(page: Page):
    look_away = """is => {
      Object.defineProperty(document, "hidden", { value: is, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(look_away, True)

    with page.expect_request("**/live"):
        page.evaluate(look_away, False)


def test_pages_work_without_scripts(chromium: Browser, platform: Platform):
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(platform.address)

        expect(page.locator("[data-live='storefront.dead']")).to_have_text("1")


def test_dead_letter_is_redriven_after_a_dry_run_and_the_map_shows_it(
    chromium: Browser, platform: Platform
):
    """It fails again, as a poison record does, and comes back with its history."""
    with entered(chromium, platform) as watcher, entered(chromium, platform) as page:
        page.get_by_role("link", name="Dead letters").click()
        look(page, "dead-letters")
        page.get_by_role("link", name=PLACE).click()
        expect(page.get_by_text("lambdas/storefront/update_availability.py")).to_be_visible()
        look(page, "dead-letter")

        page.get_by_role("button", name="Redrive the chosen").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Dry run: 1 of 1 would be moved")
        look(page, "dry-run")
        page.get_by_role("button", name="Redrive 1 now").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("1 moved")

        def came_back() -> bool:
            page.goto(f"{platform.base}/dead-letters/{PLACE}")
            return page.get_by_text("redriven once").count() > 0

        await_page("the poison record is a dead letter again", came_back)
        page.get_by_role("button", name="Purge the chosen").click()
        page.get_by_role("button", name="Purge 1 now").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("1 deleted")
        # Without loading the page again: the count was pushed.
        expect(watcher.locator("[data-live='storefront.dead']")).to_have_text("0")


def test_light_runs_along_the_lines_by_which_an_order_passes_but_for_who_wants_no_motion(
    chromium: Browser, platform: Platform
):
    published = "[data-line='line:orders>bus']"
    with (
        entered(chromium, platform) as watcher,
        entered(chromium, platform, motion="reduce") as calm,
        entered(chromium, platform) as player,
    ):
        for page in (watcher, calm):
            expect(page.locator(published)).to_have_attribute("data-passed", re.compile(r"\d"))
            page.evaluate(NOTE_LIGHTS)
        before = calm.locator(published).get_attribute("data-passed")
        player.get_by_role("link", name="Play").click()
        place_one(player)

        passed = {
            "line:httpapi>orders",
            "line:orders>bus",
            "line:bus>orders",
            "line:orders>payments",
        }
        wait_until("all lines were lit", lambda: passed <= {*watcher.evaluate("window.lit")})
        expect(calm.locator(published)).not_to_have_attribute("data-passed", str(before))
        assert calm.evaluate("window.lit") == []


def place_one(page: Page) -> str:
    """Place an order that goes well on the page to practise; return its id."""
    page.get_by_label("Orders that").select_option("go well")
    page.get_by_role("button", name="Place").click()
    placed = page.get_by_role("list", name="Placed orders").get_by_role("link")
    expect(placed).to_have_count(1)
    return placed.inner_text()


def break_and_place_one(page: Page, what: str) -> str:
    """Break something, and place an order; returns its id."""
    page.get_by_role("link", name="Play").click()
    page.get_by_role("button", name=f"Break: {what}").click()
    return place_one(page)


def test_player_breaks_something_finds_it_and_puts_it_back(chromium: Browser, platform: Platform):
    """No saga can start for an order; a redrive lets it start once it may again."""
    with entered(chromium, platform) as page:
        order = break_and_place_one(page, "saga start denied")

        def is_dead_lettered() -> bool:
            page.goto(f"{platform.base}/play")
            dead = page.get_by_role("region", name="Dead letters now")
            return dead.get_by_role("link", name=UNDELIVERED).count() > 0

        await_page("the order's event is a dead letter", is_dead_lettered)
        look(page, "play")
        page.get_by_role("button", name="Put back: saga start denied").click()
        expect(page.get_by_role("button", name="Break: saga start denied")).to_be_visible()

        page.get_by_role("region", name="Dead letters now").get_by_role(
            "link", name=UNDELIVERED
        ).click()
        page.get_by_role("button", name="Redrive the chosen").click()
        page.get_by_role("button", name="Redrive 1 now").click()
        await_state(platform.cloud, platform.outputs, order, "CONFIRMED")


def test_saga_tries_again_while_the_card_provider_is_slow_and_charges_when_it_is_put_back(
    chromium: Browser, platform: Platform
):
    with entered(chromium, platform) as page:
        order = break_and_place_one(page, "slow card provider")

        def is_tried_again() -> bool:
            page.goto(f"{platform.base}/orders/{order}")
            return page.locator(".box.active", has_text="2 tries").count() > 0

        await_page("the payment is tried again", is_tried_again)
        look(page, "journey-slow")
        page.goto(f"{platform.base}/play")
        page.get_by_role("button", name="Put back: slow card provider").click()
        await_state(platform.cloud, platform.outputs, order, "CONFIRMED")


def test_view_is_rebuilt_and_switched_to_after_a_dry_run(chromium: Browser, platform: Platform):
    with entered(chromium, platform) as page:
        page.get_by_role("link", name="Views").click()
        page.get_by_role("row", name="availability").get_by_role("link", name="Rebuild…").click()
        expect(page.get_by_text("It is read from slot 0")).to_be_visible()
        page.get_by_role("button", name="Rebuild and compare").click()
        # Without loading the page again: its lines and its end are pushed.
        expect(page.get_by_role("list", name="Progress")).to_contain_text("read: 1 rows")
        ended = page.get_by_role("heading", name="Dry run: both are equal")
        expect(ended).to_be_visible(timeout=MILLISECONDS)
        look(page, "rebuild")

        page.get_by_role("button", name="Rebuild and switch").click()
        switched = page.get_by_role("heading", name="Switched")
        expect(switched).to_be_visible(timeout=4 * MILLISECONDS)
        expect(page.get_by_text("It is read from slot 1")).to_be_visible()
