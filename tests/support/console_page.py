"""The console's pages as a person sees them: opened, checked for accessibility, pictured."""

import os
from collections.abc import Iterable, Iterator
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
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
SCALE = 1.5
WIDE: ViewportSize = {"width": 1280, "height": 760}
MILLISECONDS = 15_000


@contextmanager
def entered(
    chromium: Browser,
    platform: Platform,
    *,
    size: ViewportSize = WIDE,
    motion: Literal["reduce", "no-preference"] = "no-preference",
) -> Iterator[Page]:
    """Open the printed address, and fail on whatever the browser refuses or cannot load."""
    errors: list[str] = []
    with chromium.new_context(
        viewport=size, color_scheme="light", device_scale_factor=SCALE, reduced_motion=motion
    ) as context:
        context.set_default_timeout(MILLISECONDS)
        page = context.new_page()
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(platform.address)
        expect(page.get_by_role("heading", level=1)).to_have_text("Map")
        yield page
    assert errors == []


def look(page: Page, name: str, *, schemes: Iterable[Scheme] = SCHEMES) -> None:
    """Check the page's accessibility in its colours, and take its pictures if these are wanted.

    They are with ``PICTURES`` in the environment: to draw and to write them takes a third of the
    test's time.
    """
    page.wait_for_load_state("load")
    page.evaluate(AXE.read_text())
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        found = page.evaluate("axe.run()")["violations"]
        shown = [(each["id"], node["html"]) for each in found for node in each["nodes"]]
        assert shown == [], f"{name}, {scheme}"
        if "PICTURES" in os.environ:
            suffix = "-dark" if scheme == "dark" else ""
            take_picture(page, PICTURES / f"{name}{suffix}.png")
    page.emulate_media(color_scheme="light")
