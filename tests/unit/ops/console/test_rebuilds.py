"""A view is rebuilt from its page: a dry run first, and a switch only when that was looked at."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ops.console.app import create_app
from ops.console.page import Console
from ops.console.rebuilds import Rebuilds
from ops.deployed import OperationError
from ops.views.registry import VIEWS
from tests.support.asgi import Browser
from tests.unit.ops.account_fakes import answering, fake_client
from tests.unit.ops.console.conftest import FakeDeployed

SECONDS = 10


@dataclass
class Work:
    """What a rebuild says, and how it ends, in place of `ops.views.rebuild.Rebuild`."""

    equal: bool = True
    error: Exception | None = None
    ran: list[dict[str, Any]] = field(default_factory=list)
    said: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)
    waits_for: str = ""
    """The line after which it waits until it ``goes_on``."""

    def __call__(self, *, deployed: Any, views: Any, progress: Any) -> "Work":
        self.progress = progress
        ((self.name, self.view),) = views.items()
        return self

    def run(self, *, switch: bool, ignore_differences: bool) -> dict[str, bool]:
        self.ran.append({"view": self.view.name, "switch": switch, "despite": ignore_differences})
        lines = ["read: 1 rows", "read: 2 rows", "differs: a <b>", "differs: c"]
        for line in [*lines, *(["switching", "switched: now"] if switch else [])]:
            self.progress(line)
            if line == self.waits_for:
                self.said.set()
                assert self.goes_on.wait(SECONDS)
        if self.error:
            raise self.error
        return {self.name: self.equal}


@pytest.fixture
def work(deployed: FakeDeployed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    work = Work()
    monkeypatch.setattr("ops.console.rebuilds.Rebuild", work)
    deployed.outputs = lambda stack: {  # type: ignore[method-assign]
        f"{view.name}Table": "table" for view in VIEWS.values()
    }
    deployed.parameters = lambda _: {  # type: ignore[attr-defined]
        f"{view.name}Slot": "1" for view in VIEWS.values()
    }
    deployed.clients["dynamodb"] = fake_client(describe_table=answering(Table={"ItemCount": 4}))
    yield work
    work.goes_on.set()


def start(browser: Browser, console: Console, how: str, view: str = "sales") -> int:
    form = [("csrf", console.secrets.csrf), ("how", how)]
    return browser.post(f"/views/{view}/rebuild", form).status


def ended(console: Console) -> None:
    thread = console.rebuilds._thread
    assert thread is not None
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_equal_view_is_switched_to_only_after_a_dry_run(
    browser: Browser, console: Console, deployed: FakeDeployed, work: Work
):
    assert "Rebuild and compare" in browser.get("/views/sales").text
    assert start(browser, console, "switch") == 409
    assert start(browser, console, "compare") == 303
    ended(console)

    page = browser.get("/views/sales").text
    assert "Dry run: both are equal" in page
    assert 'value="switch"' in page
    assert start(browser, console, "switch", "orders") == 409
    assert start(browser, console, "switch") == 303
    ended(console)

    assert ">Switched<" in browser.get("/views/sales").text
    sales = {"view": "Sales", "despite": False}
    assert work.ran == [sales | {"switch": False}, sales | {"switch": True}]
    assert deployed.forgotten == 2
    assert start(browser, console, "switch") == 409


def test_differing_view_is_switched_to_only_despite_the_differences(
    browser: Browser, console: Console, work: Work
):
    work.equal = False
    start(browser, console, "compare")
    ended(console)

    page = browser.get("/views/sales").text
    assert "Dry run: they differ" in page
    assert 'value="switch"' not in page
    start(browser, console, "despite")
    ended(console)

    assert work.ran[-1] == {"view": "Sales", "switch": True, "despite": True}


def test_progress_is_shown_with_the_last_count_of_each_kind_and_all_differences(
    browser: Browser, console: Console, work: Work
):
    start(browser, console, "compare")
    ended(console)

    page = browser.get("/views/sales").text

    assert "read: 1 rows" not in page
    assert '<li data-line="read">read: 2 rows</li>' in page
    assert ">differs: a &lt;b&gt;<" in page
    assert ">differs: c<" in page


def test_one_rebuild_runs_at_a_time_and_can_be_stopped(
    browser: Browser, console: Console, work: Work
):
    work.waits_for = "read: 1 rows"
    start(browser, console, "compare")
    assert work.said.wait(SECONDS)

    assert 'data-progress="/views/sales/progress"' in browser.get("/views/sales").text
    assert '<a href="/views/sales">sales</a>' in browser.get("/views/orders").text
    assert start(browser, console, "compare", "orders") == 409
    assert browser.post("/views/sales/stop", [("csrf", console.secrets.csrf)]).status == 303
    work.goes_on.set()
    ended(console)

    page = browser.get("/views/sales").text
    assert "it was stopped" in page
    assert "read: 2 rows" not in page
    assert "Rebuild and compare" in page


def test_switch_that_has_begun_is_not_stopped(browser: Browser, console: Console, work: Work):
    start(browser, console, "compare")
    ended(console)
    work.waits_for = "switching"
    start(browser, console, "switch")
    assert work.said.wait(SECONDS)

    console.rebuilds.stop()
    work.goes_on.set()
    console.rebuilds.close()

    assert ">Switched<" in browser.get("/views/sales").text


@pytest.mark.parametrize("error", [OperationError("a replay <b> runs"), KeyError("<b>")])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_rebuild_that_failed_says_why_and_cannot_be_confirmed(
    browser: Browser, console: Console, work: Work, error: Exception
):
    work.error = error
    start(browser, console, "compare")
    ended(console)

    page = browser.get("/views/sales").text

    assert "It ended early" in page
    assert "&lt;b&gt;" in page
    assert start(browser, console, "switch") == 409


def test_console_that_only_reads_rebuilds_nothing(console: Console, work: Work):
    reading = replace(console, may_write=False)
    browser = Browser(create_app(reading, port=8800))
    browser.get(f"/enter?key={reading.secrets.key}")

    assert "only reads" in browser.get("/views/sales").text
    assert start(browser, reading, "compare") == 409
    assert work.ran == []


@pytest.mark.parametrize("path", ["/views/nothing", "/views/nothing/progress"])
def test_unknown_view_is_not_found(browser: Browser, work: Work, path: str):
    assert browser.get(path).status == 404


def test_page_of_a_view_without_a_rebuild_has_no_progress(browser: Browser, work: Work):
    assert browser.get("/views/sales/progress").status == 404


def test_each_rebuild_sees_the_environment_as_it_is_then(work: Work):
    """What pages remember may name the live table as the idle one, which is emptied."""
    seen: list[str] = []

    def connect(environment: str) -> Any:
        seen.append(environment)
        return object()

    rebuilds = Rebuilds("prod", ended=lambda: None, connect=connect)
    for _ in range(2):
        rebuilds.start("sales")
        rebuilds.close()

    assert seen == ["prod", "prod"]
