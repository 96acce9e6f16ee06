"""What holds for all tests: an example of a property may take as long as the machine needs.

An assertion of a helper says what it compared, as one of a test does.
"""

import os
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from xdist.scheduler import LoadFileScheduling

pytest.register_assert_rewrite("tests.support")
settings.register_profile("orders", deadline=None)
settings.load_profile("orders")

STATE = TemporaryDirectory(prefix="orders-tests-")
"""Where MiniStack, which some tests import, keeps keys: by default in one place for all users."""
os.environ["STATE_DIR"] = STATE.name

LONGEST_FIRST = ("tests/e2e/", "tests/saga/", "tests/integration/")
"""Folders whose files take long. Where workers share the tests, short ones fill the end."""


def pytest_unconfigure() -> None:
    """Remove what MiniStack kept."""
    STATE.cleanup()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests begin with the folders whose files take long."""

    def rank(item: pytest.Item) -> int:
        return next(
            (i for i, folder in enumerate(LONGEST_FIRST) if item.nodeid.startswith(folder)),
            len(LONGEST_FIRST),
        )

    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadFileScheduling | None":
    """Give one worker what takes long to set up: a cloud that files share, or a synthesis."""
    if config.getvalue("dist") != "loadfile":
        return None
    # Only a run with several workers needs the plugin.
    from tests.support.work_units import LoadUnitScheduling

    return LoadUnitScheduling(config, log)
