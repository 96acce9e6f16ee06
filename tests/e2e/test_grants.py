"""Least privilege: whatever the app's templates grant is used when the platform runs.

This runs after all other tests of this directory, on what their clouds recorded.
"""

import json
from pathlib import Path

import pytest

from tests.support.grants import GrantUsage, Resource, among, names, recorded_grants
from tests.templates.checks.used_rights import RECORD

HERE = Path(__file__).parent
RECORDS = "with cloud_recording_grants("

UNUSED = {
    "*: xray:* on [*]": "the local cloud takes no traces",
    "*: logs:* on [*]": "the local cloud does not deliver Step Functions' own logs",
    "*/Topic: sns:Publish on Topic by cloudwatch.amazonaws.com for [*]": (
        "queues have no metrics in the local cloud, so no alarm rings"
    ),
    "*: logs:* by delivery.logs.amazonaws.com for *": (
        "AWS documents two names under which EventBridge may write; the local cloud uses the other"
    ),
    "Orders-Dev-Storefront/*: kinesis:DescribeStreamSummary on *": (
        "AWS lists it among what a mapping needs; the local cloud reads the longer description"
    ),
    "*: sqs:GetQueue* on ReplaysQueue by events.amazonaws.com for *": "the same as of Picking",
    "*: sqs:GetQueue* on Picking by events.amazonaws.com for *": (
        "the CDK grants it with what a target needs"
    ),
    "*: sqs:GetQueueUrl on *Queue": "the CDK grants it to every consumer of a queue",
    "*: sqs:ChangeMessageVisibility on AvailabilitySubscriberQueue": "the same",
    "*: sqs:ChangeMessageVisibility on LowStockQueue": "the same",
    "*/NotifyOfWorkerScalingRuleEventsRole: sns:Publish on Topic": "a group launches nothing here",
    "*/WorkersRole: autoscaling:CompleteLifecycleAction on *": "the same",
    "*/WorkersRole: logs:* on log-group:WorkersLogs:*": (
        "what sets an instance up ships its logs, and is not run here"
    ),
    "*/WorkersRole: s3:GetObject on cdk-*": "what sets an instance up fetches its code",
    "*/WorkersRole: ssm*:* on [*]": "people reach instances by Session Manager",
    "*/NotifyCustomerRole: ses:SendRawEmail on *": (
        "SES may ask for it where there is an attachment; the local cloud does not"
    ),
}
"""Rights that are never used here, each with the reason."""

BY_CHANCE = {
    "*ScheduleRole: lambda:InvokeFunction on *": "the tests may end before a schedule runs",
    "*/WorkersRole: sqs:ChangeMessageVisibility on Picking": (
        "a worker that is stopped returns the messages in flight, if it has any"
    ),
}
"""Permissions whose use cannot be seen here, each with the reason."""


@pytest.fixture
def of_all() -> GrantUsage:
    """What all clouds together granted, and what was used of it."""
    rights = recorded_grants()
    missing = watching() - rights.keys()
    assert not missing, f"run these first, what is not run uses no rights: {sorted(missing)}"
    return GrantUsage(
        granted=set().union(*(rights[module].granted for module in watching())),
        used=set().union(*(rights[module].used for module in watching())),
    )


def test_every_right_that_is_granted_is_used(of_all: GrantUsage) -> None:
    assert of_all.faults(UNUSED, BY_CHANCE) == [], (
        "let an end-to-end test use it, take it away, or give the reason in UNUSED"
    )


def test_rights_that_were_used_are_on_record(
    of_all: GrantUsage, request: pytest.FixtureRequest
) -> None:
    used = [right for right in sorted(of_all.used) if not among(BY_CHANCE, right)]
    if request.config.getoption("update_snapshots"):
        RECORD.write_text(json.dumps(used, indent=0) + "\n")

    assert json.loads(RECORD.read_text()) == used, (
        "pytest tests/e2e/test_grants.py --snapshot-update writes it; the checks of the templates"
        " (checks/used_rights.py) hold them against it"
    )


def watching() -> set[str]:
    """Return the modules of tests whose cloud records grants, theirs or that of an imported one.

    A package whose tests share such a cloud is among them.
    """
    modules = {
        f"tests.{path.parent.name}.{path.stem}": path.read_text()
        for folder in (HERE, HERE.parent / "support")
        for path in folder.glob("*.py")
        if path != Path(__file__)
    }
    recording = {module for module, text in modules.items() if RECORDS in text}
    assert recording, "no cloud records grants: has its function another name?"
    packages = {
        path.parent.name for path in HERE.glob("*/conftest.py") if RECORDS in path.read_text()
    }
    return packages | {
        name
        for module, text in modules.items()
        if (name := module.rpartition(".")[2]).startswith("test_")
        and (module in recording or any(f"from {each} import" in text for each in recording))
    }


def test_cloud_of_a_package_is_watched_as_that_of_a_module_is() -> None:
    assert {"orders", "test_ops", "test_read_side"} <= watching()


@pytest.mark.parametrize(
    ("reasons", "by_chance", "faults"),
    [
        ("", "", ["granted, never used: b"]),
        ("b", "", []),
        ("*", "", ["listed, but used: a"]),
        ("b c*", "", ["listed, but not granted: c*"]),
        ("", "*", []),
        ("b", "a c", ["listed, but not granted: c"]),
    ],
)
def test_granted_right_is_used_or_has_a_reason(
    reasons: str, by_chance: str, faults: list[str]
) -> None:
    ledger = GrantUsage(granted={"a", "b"}, used={"a"})
    given = (dict.fromkeys(patterns.split(), "because") for patterns in (reasons, by_chance))
    assert ledger.faults(*given) == faults


@pytest.mark.parametrize(
    ("physical_id", "name"),
    [
        ("94426688", "Api"),
        ("9442668a", "Api"),
        ("arn:aws:kinesis:r:1:stream/s/consumer/views:1764410000", None),
    ],
    ids=["an id of digits only", "an id", "the second in which a consumer was made"],
)
def test_physical_name_is_known_by_its_logical_one(physical_id: str, name: str | None) -> None:
    resource = Resource(stack="S", kind="K", logical_id="Api1A2B3C4D", physical_id=physical_id)

    assert next((logical for _, logical in names([resource])), None) == name
