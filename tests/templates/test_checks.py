"""Every check holds on both environments, and fails when its subject is broken."""

from functools import cache

import pytest

from stacks.environments import ENVIRONMENTS
from tests.templates.breakages import BREAKAGES
from tests.templates.breakages.common import Breakage
from tests.templates.checks import alarms, api, events, topics
from tests.templates.checks.common import CHECKS, Check
from tests.templates.synthesis import platform

ONLY_IN_PROD = {
    alarms.queue_has_alarm,
    api.route_requires_scope_of_its_callers,
    topics.topic_is_encrypted,
}
"""The checks of what only ``prod`` has: alarms on dead-letter queues, the operators' client, the
key of the operations topic.
"""


@cache
def found(check: Check, environment: str) -> list[str]:
    return list(check(platform(environment)))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_check_finds_nothing_in_the_templates(check: Check, environment: str):
    assert found(check, environment) == []


@pytest.mark.parametrize(
    ("check", "break_it"),
    [pytest.param(*case, id=f"{case[0].__name__}-{i}") for i, case in enumerate(BREAKAGES)],
)
def test_check_reports_breakage(check: Check, break_it: Breakage):
    environment = "prod" if check in ONLY_IN_PROD else "dev"
    broken = platform(environment).copy()
    offender = break_it(broken)

    # What is wrong without the breakage fails one test, which says what it is.
    lines = [line for line in check(broken) if line not in found(check, environment)]

    assert lines != []
    assert [line for line in lines if not line.startswith(f"{offender}: ")] == []


def test_every_check_has_a_breakage():
    assert {check.__name__ for check in CHECKS} == {check.__name__ for check, _ in BREAKAGES}


def test_stack_that_begins_to_publish_learns_where_to_be_listed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(events.SOURCES, "Catalog")
    role = "Orders-Dev-Catalog/RelayOutboxRole"

    (line,) = events.put_events_is_limited_to_own_source_and_types(platform("dev"))

    assert line.startswith(role)
    assert "tests/templates/checks/events.py" in line
    assert line.endswith("list 'Catalog' in both")
