"""Every check of the workers holds on both environments, and fails when its subject is broken."""

import pytest

from stacks.environments import ENVIRONMENTS
from tests.templates.breakages.common import Breakage
from tests.templates.checks.common import Check
from tests.templates.synthesis import Platform, platform
from tests.templates.worker_breakages import BREAKAGES
from tests.templates.worker_checks import CHECKS, GROUP
from tests.templates.worker_start_checks import group_without_instances_starts_one

everywhere = pytest.mark.parametrize("environment", ENVIRONMENTS)


@everywhere
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_check_finds_nothing_in_the_templates(check: Check, environment: str):
    assert list(check(platform(environment))) == []


def with_the_warehouse_alone(of: Platform) -> Platform:
    """The platform without the stacks of other workers."""
    others = {group.stack for group in of.all(GROUP)} - {of.one(GROUP, "Warehouse").stack}
    left = {stack: found for stack, found in of.templates.items() if stack not in others}
    return Platform(environment=of.environment, templates=left)


@pytest.mark.parametrize(
    ("check", "break_it"),
    [pytest.param(*case, id=f"{case[0].__name__}-{i}") for i, case in enumerate(BREAKAGES)],
)
def test_check_reports_breakage(check: Check, break_it: Breakage):
    starts = check is group_without_instances_starts_one
    broken = with_the_warehouse_alone(platform("dev" if starts else "prod").copy())
    offender = break_it(broken)

    lines = list(check(broken))

    assert lines != []
    assert all(line.startswith(f"{offender}: ") for line in lines)


def test_every_worker_check_has_a_breakage():
    assert {check for check, _ in BREAKAGES} == set(CHECKS)
