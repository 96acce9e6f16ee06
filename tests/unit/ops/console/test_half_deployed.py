"""Pages of a platform whose deployment has not finished: one plain line, or what there is."""

from collections.abc import Callable
from typing import Any

import pytest

from ops.console.page import Console
from ops.console.uses import Use, passed
from ops.dlq.templates import DeployedStack, Templates
from tests.support.asgi import Browser
from tests.unit.ops.console.conftest import FakeDeployed
from tests.unit.ops.console.test_play import Pool
from tests.unit.ops.console.test_play import pool as pool
from tests.unit.ops.console.test_views import answers as answers
from tests.unit.ops.dead_letter_samples import templates

PAGES = ("/map", "/map/orders", "/dead-letters", "/play")
FORMS = ("/play/deny", "/play/permit", "/play/slow", "/play/prompt", "/play/message")
STACKS = sorted(templates().by_stack)
Shrink = Callable[[str, DeployedStack], DeployedStack | None]


def deploy(deployed: FakeDeployed, shrink: Shrink) -> None:
    """Make some stacks smaller, or leave them out."""
    smaller = {name: shrink(name, each) for name, each in templates()._stacks.items()}
    found = Templates({name: each for name, each in smaller.items() if each is not None})
    deployed.templates = lambda: found  # type: ignore[method-assign]


def failures(browser: Browser, console: Console) -> list[str]:
    """Visit pages and send forms; return the paths of those that failed."""
    form = [("csrf", console.secrets.csrf), ("fault", "0")]
    order = [("csrf", console.secrets.csrf), ("kind", "card"), ("count", "1")]
    answers = {path: browser.get(path) for path in PAGES}
    answers |= {path: browser.post(path, form) for path in FORMS}
    answers["/play/orders"] = browser.post("/play/orders", order)
    return [path for path, each in answers.items() if each.status == 500]


each_stack = pytest.mark.parametrize("stack", STACKS)
each_way = pytest.mark.parametrize(
    "shrink",
    [
        lambda is_it, each: None if is_it else each,
        lambda is_it, each: each if is_it else None,
    ],
    ids=["without", "only"],
)


@each_stack
@each_way
def test_no_page_fails_on_what_is_not_deployed_yet(
    browser: Browser,
    console: Console,
    deployed: FakeDeployed,
    pool: Pool,
    stack: str,
    shrink: Callable[[bool, DeployedStack], DeployedStack | None],
):
    deploy(deployed, lambda name, each: shrink(name == stack, each))
    deployed.sqs.send_message = lambda **_: None

    assert failures(browser, console) == []


@each_stack
@each_way
def test_page_of_the_views_does_not_fail_on_what_is_not_deployed_yet(
    browser: Browser,
    deployed: FakeDeployed,
    answers: Any,
    stack: str,
    shrink: Callable[[bool, DeployedStack], DeployedStack | None],
):
    deploy(deployed, lambda name, each: shrink(name == stack, each))

    assert browser.get("/views").status != 500


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(
    ("without", "path", "missing"),
    [
        ("CardProvider", "/play", "cardprovider/HandleRequest is not deployed"),
        ("Storefront", "/play", "storefront/AvailabilitySubscriberQueue is not deployed"),
        ("Backbone", "/views", "no order stream is deployed"),
    ],
)
def test_page_names_what_is_missing(
    browser: Browser,
    deployed: FakeDeployed,
    pool: Pool,
    without: str,
    path: str,
    missing: str,
    begun: bool,
):
    def shrink(name: str, each: DeployedStack) -> DeployedStack | None:
        # A stack whose deployment has begun has a template, and no resources yet.
        less = DeployedStack(each.template, {}) if begun else None
        return less if name.endswith(without) else each

    deploy(deployed, shrink)

    answer = browser.get(path)

    assert answer.status == 409
    assert f"{missing}: finish the deployment" in answer.text


def test_nothing_has_passed_where_no_bus_is_deployed():
    deployed: Any = FakeDeployed()
    deploy(deployed, lambda name, each: None if name.endswith(("Backbone", "Disputes")) else each)

    assert passed([Use("s3:PutObject", "a", "b", "", 1)], deployed) == {}
