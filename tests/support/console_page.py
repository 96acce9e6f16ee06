"""The console's pages as a person sees them: opened, checked for accessibility, pictured."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.support.browser import take_picture
from tests.support.console_platform import Platform

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "build" / "console"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
Scheme = Literal["light", "dark"]
SCALE = 1.5
WIDE: ViewportSize = {"width": 1280, "height": 760}
MILLISECONDS = 15_000


@contextmanager
def entered(
    chromium: Browser,
    platform: Platform,
    *,
    size: ViewportSize = WIDE,
    scheme: Scheme = "light",
    motion: Literal["reduce", "no-preference"] = "no-preference",
) -> Iterator[Page]:
    """Open the printed address, and fail on whatever the browser refuses or cannot load."""
    errors: list[str] = []
    with chromium.new_context(
        viewport=size, color_scheme=scheme, device_scale_factor=SCALE, reduced_motion=motion
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
