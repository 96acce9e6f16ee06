"""A real browser, without a window."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
COLOURS = 256
"""How many colours a picture has: enough for a page, and a third of the bytes."""


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run Chromium. Skip the test where this machine has none; in CI, fail."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        why = "there is no Chromium: apt-get install chromium, or brew install chromium"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    # As root, which containers of CI are, Chromium runs without its sandbox only.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        try:
            yield browser
        finally:
            browser.close()


def take_picture(page: Page, path: Path) -> None:
    """Write a picture of the page, down to where its content ends."""
    area = page.locator("main").bounding_box()
    assert area is not None
    taken = page.screenshot(
        full_page=True,
        animations="disabled",
        clip={
            "x": 0,
            "y": 0,
            "width": page.evaluate("innerWidth"),
            "height": area["y"] + area["height"],
        },
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(BytesIO(taken)) as picture:
        small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        small.save(path, optimize=True)
